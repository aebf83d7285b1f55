"""The plan, the runs and the tables of benchmarks/mujoco_learning.sh."""
import argparse, csv, fcntl, json, os, pathlib, shutil, signal, statistics, subprocess, sys, time, tomllib

TASKS = ("Ant-v5 HalfCheetah-v5 Hopper-v5 Humanoid-v5 HumanoidStandup-v5 InvertedDoublePendulum-v5 InvertedPendulum-v5 "
         "Pusher-v5 Reacher-v5 Swimmer-v5 Walker2d-v5").split()
LONG = "HalfCheetah-v5 Walker2d-v5 Ant-v5 Humanoid-v5".split()
# The best published means of NPG or TRPO at 1M steps, on earlier versions of the tasks: of Tianshou's MuJoCo benchmark
# (the best evaluation of a run, 10 seeds), sb3-contrib's documentation (Ant, 3 seeds), and rl-zoo3 (Hopper, Swimmer and
# Walker2d, one run each).
PUBLISHED = {"Ant-v5": 3554, "HalfCheetah-v5": 4471, "Hopper-v5": 3618, "Humanoid-v5": 810, "Reacher-v5": -4.5,
             "InvertedDoublePendulum-v5": 9243, "InvertedPendulum-v5": 1000, "Swimmer-v5": 366, "Walker2d-v5": 4933}


def settings(text):
    """{"table.key": value} of a configuration."""
    return {f"{table}.{key}": value for table, keys in tomllib.loads(text).items() for key, value in keys.items()}


class Run:
    def __init__(self, root, task, algo, steps, seed):
        self.task, self.algo, self.steps, self.seed = task, algo, steps, seed
        self.group = root / task / f"{algo}-{f'{steps // 10**6}M' if steps % 10**6 == 0 else steps}"
        self.path = self.group / f"seed-{seed}"
        self.arguments = ["train", task, "--algo", algo, "--seed", str(seed), "--steps", str(steps), "--threads", "1",
                          "--set", "run.eval_episodes=20", "--out", str(self.group)]

    def __str__(self):
        return f"{self.task} {self.group.name} seed {self.seed}"

    def config(self):
        path = self.path / "config.toml"
        return settings(path.read_text()) if path.exists() else {}

    def result(self):
        """Return and seconds, once the run is done; else None."""
        try:
            last = list(csv.DictReader((self.path / "eval.csv").open()))[-1]
            seconds = json.loads((self.path / "metrics.jsonl").read_text().splitlines()[-1])["time/time_elapsed"]
            final = self.path / f"checkpoints/step-{int(last['steps']):012}.safetensors"
            is_done = int(last["steps"]) >= self.steps and final.exists()
            return (float(last["return_mean"]), seconds) if is_done else None
        except (OSError, IndexError, ValueError):  # no such file yet, no row, or a row that is cut short
            return None

    def command(self, npg):
        """What is still to be done for this run, if anything."""
        dry = subprocess.run([npg, *self.arguments, "--dry-run"], stdout=subprocess.PIPE, text=True)
        if dry.returncode:
            sys.exit(dry.returncode)  # npg has said why
        wanted, stored = settings(dry.stdout), self.config()
        if stored == wanted:
            return None if self.result() else ["resume", str(self.path)]
        if stored:
            keys = sorted(key for key in {**wanted, **stored} if wanted.get(key) != stored.get(key))
            print(f"{self}: done again, its configuration was another: {', '.join(keys)}", flush=True)
        return [*self.arguments, "--force"]


def train(runs, npg, lock):
    """Trains what is not done, one run on each core. Returns how many failed; None if a signal came."""
    running, signals, told, failed = {}, [], 0, 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: signals.append(number))
    todo = [(run, command) for run in runs if (command := run.command(npg))]
    print(f"{len(runs)} runs, {len(runs) - len(todo)} of them done already", flush=True)
    while running or (todo and not signals):
        while todo and not signals and len(running) < len(os.sched_getaffinity(0)):
            run, command = todo.pop(0)
            run.group.mkdir(parents=True, exist_ok=True)
            with open(f"{run.path}.txt", "w") as log:  # a session of its own, so that Ctrl-C comes from us alone
                process = subprocess.Popen([npg, *command, "--quiet"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           start_new_session=True, pass_fds=[lock.fileno()])
            running[process] = (run, command)
        time.sleep(0.1)
        for _ in signals[told:]:  # npg saves a checkpoint and ends; told a second time, it ends at once
            told += 1
            for process in running:
                process.send_signal(signal.SIGTERM)
        for process in [process for process in running if process.poll() is not None]:
            run, command = running.pop(process)
            if process.returncode == 0 and run.result():
                mean, seconds = run.result()
                print(f"{run}: {mean:.1f} after {seconds:.0f} s, {len(todo) + len(running)} to go", flush=True)
            elif command[0] == "resume" and process.returncode in (0, 2, 4):
                print(f"{run}: cannot be resumed, done again", flush=True)
                todo.insert(0, (run, [*run.arguments, "--force"]))
            elif not signals:
                failed += 1
                print(f"{run}: failed, exit code {process.returncode}, see {run.path}.txt", file=sys.stderr, flush=True)
    return None if signals else failed


def table(runs):
    """A row for each task, algorithm and number of steps that has a finished run."""
    rows = []
    for group in dict.fromkeys(run.group for run in runs):
        seeds = [run for run in runs if run.group == group]
        done = [(run, *run.result()) for run in seeds if run.result()]
        if not done:
            continue
        returns = [value for _, value, _ in done]
        configs = [{**run.config(), "run.seed": 0} for run, _, _ in done]
        rows.append({"task": seeds[0].task, "algo": seeds[0].algo, "steps": seeds[0].steps,
                     "seeds": len(done), "of": len(seeds), "mean": statistics.mean(returns),
                     "std": statistics.stdev(returns) if done[1:] else None, "min": min(returns), "max": max(returns),
                     "published": PUBLISHED.get(seeds[0].task), "returns": returns,
                     "seconds": statistics.mean(seconds for *_, seconds in done),
                     "one_configuration": all(config == configs[0] for config in configs)})
    return rows


def show(rows):
    for steps in sorted({row["steps"] for row in rows}):
        print(f"\n{steps:,} steps: mean and standard deviation over seeds of the final evaluation\n")
        print("| task | algo | seeds | mean ± std | min | max | published at 1M | seconds a run |")
        print("|---|---|---|---|---|---|---|---|")
        for row in (row for row in rows if row["steps"] == steps):
            std = "" if row["std"] is None else f" ± {row['std']:.1f}"
            published = "-" if row["published"] is None else row["published"]
            mixed = "" if row["one_configuration"] else " (not of one configuration)"
            print(f"| {row['task']} | {row['algo']} | {row['seeds']}/{row['of']}{mixed} | {row['mean']:.1f}{std} "
                  f"| {row['min']:.1f} | {row['max']:.1f} | {published} | {row['seconds']:.0f} |")


def main():
    parser = argparse.ArgumentParser(prog="mujoco_learning.sh")
    parser.add_argument("dir", nargs="?", type=pathlib.Path, default=sys.argv[2], help="where the runs are")
    parser.add_argument("--tasks", default=TASKS, type=str.split, help='such as "Hopper-v5 Reacher-v5"; all by default')
    parser.add_argument("--algos", default=["npg", "trpo"], type=str.split, help='such as "npg"; both by default')
    parser.add_argument("--figure", metavar="FILE", help="draw the learning curves, as .svg or .png")
    parser.add_argument("--only-table", action="store_true", help="train nothing; show what there is")
    args, npg = parser.parse_args(sys.argv[3:]), sys.argv[1]
    if wrong := set(args.tasks) - set(TASKS) or set(args.algos) - {"npg", "trpo"}:
        parser.error(f"unknown: {', '.join(wrong)}; the tasks are {', '.join(TASKS)}, the algorithms npg and trpo")
    root, steps = pathlib.Path(args.dir), int(os.environ.get("STEPS", 10**6))
    plan = [(task, algo, steps, seed) for task in args.tasks for algo in args.algos for seed in range(5)]
    if "npg" in args.algos and "STEPS" not in os.environ:
        plan += [(task, "npg", 3 * 10**6, seed) for task in LONG if task in args.tasks for seed in range(3)]
    runs, failed = [Run(root, *one) for one in plan], 0
    if not args.only_table:
        root.mkdir(parents=True, exist_ok=True)
        lock = open(root / "lock", "w")  # runs inherit it: where this was killed, no two write into one directory
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for other runs in {root} to end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        npg = shutil.copy2(npg, root / "npg")  # the same program for all, whatever is built meanwhile
        failed = train(runs, npg, lock)
        if failed is None:
            sys.exit("stopped; the same command goes on")
    rows = table(runs)
    show(rows)
    root.mkdir(parents=True, exist_ok=True)
    (root / "table.json").write_text(json.dumps(rows, indent=1) + "\n")
    groups = dict.fromkeys(str(run.group) for run in runs if run.steps == steps and run.result())
    if args.figure and groups:
        subprocess.run([npg, "plot", *groups, "-o", args.figure], check=True)
    sys.exit(bool(failed))


main()
