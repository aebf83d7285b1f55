//! What the program prints, and its exit codes.

mod common;

use std::process::{Command, Output};

/// `npg` with the words of `line`, without MuJoCo, and with no environment variables that change the output.
fn npg(line: &str) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("npg"));
    command.env_remove("NO_COLOR").env_remove("TERM").env_remove("COLUMNS");
    command.env("NPG_MUJOCO_LIB", "/nowhere/libmujoco.so").env("PATH", common::with_npg_on_path());
    command.args(line.split_whitespace()).output().expect("npg starts")
}

/// The exit code, standard output and standard error, as one text.
fn shown(line: &str) -> String {
    let output = npg(line);
    let text = |bytes| String::from_utf8(bytes).expect("npg prints UTF-8");
    let (code, out, err) = (output.status.code(), text(output.stdout), text(output.stderr));
    format!("exit code {}\n{out}{}{err}", code.expect("npg ends"), if err.is_empty() { "" } else { "--- stderr\n" })
}

#[test]
fn help() {
    insta::assert_snapshot!(shown("--help"), @r#"
    exit code 0
    Natural policy gradient: reinforcement learning with steps measured in KL divergence

    Usage: npg <COMMAND>

    Commands:
      train        Train a policy
      eval         Evaluate a trained policy
      resume       Continue a run that was interrupted, or make it longer
      plot         Draw learning curves and diagnostics of runs
      theory       Check every claim of the theory
      convergence  Check that the trainer's estimates from samples converge to exact values
      field        Draw vanilla and natural gradients of a regulator, where both are known exactly
      kakade       Draw two experiments of Kakade 2001 with exact gradients
      mdp          Solve a finite Markov decision process exactly: values, gradients, optimum, ascent
      envs         List the environments
      check-env    Check an environment of Gymnasium: spaces, seeding, endings, speed
      presets      List the presets, or print one
      explain      Explain a key, metric, column, flag, environment or term; without NAME, list all keys
                   and metrics
      completions  Print a shell's completion script

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Start with `npg train CartPole-v1`.
    "#);
    insta::assert_snapshot!(shown("train --help"), @r#"
    exit code 0
    Train a policy

    Usage: npg train [OPTIONS] <ENV>

    Arguments:
      <ENV>  Environment; `npg envs` lists them. gym:ID is one of Gymnasium's and needs npg's Python
             package

    Options:
          --algo <NAME>          Algorithm: sets algorithm.name, and with it direction and step rule
                                 [possible values: npg, trpo, vpg]
          --steps <N>            Transitions to train on, such as 50000 or 1e6 [run.steps]
          --seed <S>             Seed of all random streams [run.seed]
          --seeds <A..B>         One run for each seed from A to B - 1, one after the other
          --envs <N>             Number of environments [rollout.n_envs]
          --threads <N>          Worker threads, 0 for all cores; results do not depend on this
                                 [rollout.threads]
          --config <FILE>        TOML file with settings
          --set <KEY=VALUE>      One setting, such as algorithm.kl_step=0.02; may be repeated
          --env-arg <KEY=VALUE>  One argument of the environment, such as continuous=true; may be
                                 repeated [env.KEY]
          --vectorization <HOW>  How environments of Gymnasium step: one after the other, or in
                                 processes [env.vectorization] [possible values: sync, async]
          --action-masks <HOW>   Where environments of Gymnasium have action masks [env.action_masks]
                                 [possible values: auto, method, info, observation, none]
          --env-timeout <S>      Seconds that one call into an environment of Gymnasium may take, inf
                                 for no limit [env.timeout_seconds, 60]
          --out <DIR>            Directory of the run, in which a folder seed-<S> is made [default:
                                 runs/<ENV>/<ALGO>-<k>]
          --force                Overwrite a run that is already in --out DIR
          --dry-run              Print the whole configuration of the (first) run as TOML, and stop
          --init <RUN>           Start from the policy of another run
          --until-return <R>     Stop when the mean of the last 100 training episodes reaches R
                                 [run.until_return]
          --eval-every <N>       Evaluate every N steps [run.eval_every]
      -q, --quiet                Print only the last lines
          --json                 Print JSON lines instead of a table
      -h, --help                 Print help

    Libraries:
          --mujoco-lib <PATH>  libmujoco, or the folder that holds it [default: $NPG_MUJOCO_LIB, else
                               the active Python's package]

    Settings come from the following, and later ones win: defaults, the environment's preset, --config,
    --set, flags.
    `npg presets ENV` prints a preset, and `npg explain` lists all keys.

    Columns of the table: return and len are means over the last 100 training episodes, and batch is the
    mean return of those that ended in this iteration. kl and pred are the KL of the update in nats,
    measured and predicted. cg and res are the iterations and the relative residual of conjugate
    gradients. ev is the explained variance of the value baseline, and entropy (nats) or std is that of
    the policy. `npg explain` tells more about each.
    "#);
    insta::assert_snapshot!(shown("eval -h"), @r#"
    exit code 0
    Evaluate a trained policy

    Usage: npg eval [OPTIONS] <RUN>

    Arguments:
      <RUN>  Directory of a seed, or of all seeds of a run

    Options:
          --episodes <N>        Number of episodes [default: 100]
          --seed <S>            Seed of the evaluation's random streams [default: 0]
          --stochastic          Sample actions, instead of taking the most likely ones
          --env <ENV>           The environment, if its id names a module as in gym:module:ID
          --checkpoint <WHICH>  latest, best, or a checkpoint file [default: latest]
          --json                Print one JSON object
      -h, --help                Print help

    Libraries:
          --mujoco-lib <PATH>  libmujoco, or the folder that holds it [default: $NPG_MUJOCO_LIB, else
                               the active Python's package]
    "#);
    insta::assert_snapshot!(shown("resume -h"), @r#"
    exit code 0
    Continue a run that was interrupted, or make it longer

    Usage: npg resume [OPTIONS] <RUN>

    Arguments:
      <RUN>  Directory of a seed, or of all seeds of a run

    Options:
          --steps <N>  New total of transitions
          --env <ENV>  The environment, if its id names a module as in gym:module:ID
      -q, --quiet      Print only the last lines
          --json       Print JSON lines instead of a table
      -h, --help       Print help

    Libraries:
          --mujoco-lib <PATH>  libmujoco, or the folder that holds it [default: $NPG_MUJOCO_LIB, else
                               the active Python's package]
    "#);
    insta::assert_snapshot!(shown("plot -h"), @r#"
    exit code 0
    Draw learning curves and diagnostics of runs

    Usage: npg plot [OPTIONS] <RUN>...

    Arguments:
      <RUN>...  Directories of runs, of single seeds, or a tensorboard_log of the Python agents

    Options:
      -o, --output <FILE>  File to write, .svg or .png [default: plot.svg]
          --only <PANEL>   Draw only this panel; may be repeated [possible values: return, kl, gain,
                           explained-variance, residual]
      -h, --help           Print help

    With runs of one environment, the figure has the return and diagnostics below it, or what --only
    names. With runs of several environments, it has only the return, with a panel for each environment.
    The legend names the algorithms, or directories if the algorithms do not differ.
    "#);
}

#[test]
fn version() {
    assert_eq!(shown("--version"), format!("exit code 0\nnpg {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn environments_and_presets() {
    insta::assert_snapshot!(shown("envs"), @r#"
    exit code 0
    id                         observation   action          time limit  threshold
    CartPole-v1                box 4         discrete 2      500         475
    Pendulum-v1                box 3         box 1 in -2..2  200         -
    Acrobot-v1                 box 6         discrete 3      500         -100
    MountainCar-v0             box 2         discrete 3      200         -110
    MountainCarContinuous-v0   box 2         box 1 in -1..1  999         90
    FrozenLake-v1              discrete 16   discrete 4      100         0.7
    FrozenLake8x8-v1           discrete 64   discrete 4      200         0.85
    CliffWalking-v1            discrete 48   discrete 4      -           -
    CliffWalkingSlippery-v1    discrete 48   discrete 4      -           -
    Taxi-v4                    discrete 500  discrete 6      200         8
    Garnet-v0                  discrete 20   discrete 4      1000        -
    LQR-v0                     box 1         box 1           100         -
    Bandit-v0                  box 1         box 1           1           -
    HalfCheetah-v5             needs MuJoCo
    Hopper-v5                  needs MuJoCo
    Walker2d-v5                needs MuJoCo
    Ant-v5                     needs MuJoCo
    Humanoid-v5                needs MuJoCo
    HumanoidStandup-v5         needs MuJoCo
    Swimmer-v5                 needs MuJoCo
    InvertedPendulum-v5        needs MuJoCo
    InvertedDoublePendulum-v5  needs MuJoCo
    Reacher-v5                 needs MuJoCo
    Pusher-v5                  needs MuJoCo

    MuJoCo 3.17.0 or newer is needed, and NPG_MUJOCO_LIB does not name it
      /nowhere/libmujoco.so: there is no such file
    `pip install mujoco` gets it
    "#);
    let list = shown("presets").replace("\ngym:", "\n");
    for preset in npg::config::presets::PRESETS {
        let line = list.lines().find(|line| line.starts_with(preset.environment)).expect("every preset has a line");
        assert!(line.chars().count() <= 100 && line.contains("  npg  "), "{line}");
    }
    insta::assert_snapshot!(list.split("\n\n").last().expect("notes"), @r#"
    `npg presets ENV` prints one, and `npg train ENV` uses it. Those with gym: are Gymnasium's and need
    npg's Python package (`pip install .` in npg's repository).
    "#);
    assert!(shown("presets").contains("\ngym:LunarLander-v3  "));
    assert_eq!(shown("presets gym:LunarLander-v3"), shown("presets LunarLander-v3"));
    let preset = include_str!("../../../presets/Pendulum-v1.toml");
    assert_eq!(shown("presets Pendulum-v1"), format!("exit code 0\n{preset}"));
    insta::assert_snapshot!(shown("presets Pendulum"), @r#"
    exit code 2
    --- stderr
    error: preset: there is none for `Pendulum`; did you mean `Pendulum-v1`?
    "#);
}

#[test]
fn explanations() {
    insta::assert_snapshot!(shown("explain algorithm.kl_step"), @r#"
    exit code 0
    algorithm.kl_step: KL budget of one step, in nats.

      default  0.01
      takes    a number > 0

    The predicted KL is 1/2 d^T F d for the step d = alpha x, with the undamped F of the states that
    algorithm.fisher_fraction selects. 0.01 suits most tasks. 0.05 or more learns faster if batches are
    large or the task is easy. 0.001 is for long, delicate training. The measured KL is logged as
    npg/kl.
    "#);
    insta::assert_snapshot!(shown("explain advantage"), @r#"
    exit code 0
    [advantage] Estimates of how much better an action was than the policy's average action.

      advantage.estimator  "gae"  Advantage estimator.
      advantage.gamma      0.99   Discount factor.
      advantage.lambda     0.95   GAE's lambda.
      advantage.normalize  true   Subtract the batch's mean advantage and divide by the standard deviation.

    advantage: How much better an action was than the policy's average action in that state.

      advantage.estimator  Advantage estimator.
      advantage.normalize  Subtract the batch's mean advantage and divide by the standard deviation.
    "#);
    insta::assert_snapshot!(shown("explain CartPole-v1"), @r#"
    exit code 0
    CartPole-v1: Balance a pole on a cart by pushing the cart left or right.

      env.sutton_barto_reward  false  Reward 0 for each step and -1 for the fall, instead of 1 for each step.
    "#);
    assert!(shown("explain kl_step").starts_with(&shown("explain algorithm.kl_step")));
    insta::assert_snapshot!(shown("explain lr"), @r#"
    exit code 0
    lr: The learning rate of the value baseline. The policy has none: a KL budget sets the length of its
    steps.

      value.learning_rate  Adam's learning rate.
      algorithm.kl_step    KL budget of one step, in nats.
    "#);
    insta::assert_snapshot!(shown("explain KL"), @r#"
    exit code 0
    KL: The Kullback-Leibler divergence between the action distributions before and after an update, in
    nats, averaged over states. In the progress table, kl is the measured value and pred the predicted
    one.

    npg/kl: Measured KL(old || new) of the update, mean over the batch's states.

      unit     nats
      healthy  close to npg/kl_predicted; at most algorithm.kl_tolerance times npg/kl_step

      npg/kl_predicted       Predicted KL of the step, 1/2 alpha^2 x^T F x, with the undamped F.
      algorithm.kl_step      KL budget of one step, in nats.
      algorithm.step = "kl"  Length of a step: alpha from the KL budget, a fixed alpha, or a line search.
      npg mdp --kl           Predicted KL of each step in nats, instead of its size
    "#);
    insta::assert_snapshot!(shown("explain --until-return"), @r#"
    exit code 0
    run.until_return: Stop when the mean of the last 100 training episodes reaches this.

      default  "none"
      takes    a finite number or "none"

    It needs 100 finished episodes. The run then counts as complete.

      npg train --until-return  Stop when the mean of the last 100 training episodes reaches R [run.until_return]
    "#);
    insta::assert_snapshot!(shown("explain npg/kl_predicted"), @r#"
    exit code 0
    npg/kl_predicted: Predicted KL of the step, 1/2 alpha^2 x^T F x, with the undamped F.

      unit     nats
      healthy  equals npg/kl_step for step = "kl", unless the step was shortened
    "#);
    insta::assert_snapshot!(shown("explain kl_stp"), @r#"
    exit code 2
    --- stderr
    error: kl_stp: nothing has this name; did you mean `kl_step`?
    "#);
    let all = shown("explain");
    for key in npg::config::KEYS {
        assert!(all.contains(&format!("\n  {} ", key.path)), "{}", key.path);
    }
    for metric in npg::metrics::METRICS {
        assert!(all.contains(&format!("\n  {} ", metric.name)), "{}", metric.name);
    }
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = shown(&format!("completions {shell}"));
        assert!(script.starts_with("exit code 0\n") && script.contains("until-return"), "{shell}");
    }
}

#[test]
fn slips_of_the_command_line() {
    insta::assert_snapshot!(shown("trian"), @r#"
    exit code 2
    --- stderr
    error: unrecognized subcommand 'trian'

      tip: a similar subcommand exists: 'train'

    Usage: npg <COMMAND>

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(shown("train CartPole-v1 --stesp 5"), @r#"
    exit code 2
    --- stderr
    error: unexpected argument '--stesp' found

      tip: a similar argument exists: '--steps'

    Usage: npg train --steps <N> <ENV>

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(shown("train CartPole-v1 --algo trop"), @r#"
    exit code 2
    --- stderr
    error: invalid value 'trop' for '--algo <NAME>'
      [possible values: npg, trpo, vpg]

      tip: a similar value exists: 'trpo'

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(shown("train CartPole-v1 --steps many"), @r#"
    exit code 2
    --- stderr
    error: invalid value 'many' for '--steps <N>': expected a whole number, such as 50000, 1e6 or 200k

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(shown("train CartPole-v1 --seeds 5..5"), @r#"
    exit code 2
    --- stderr
    error: invalid value '5..5' for '--seeds <A..B>': expected A..B with 0 <= A < B, such as 0..5 for the seeds 0, 1, 2, 3, 4

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(shown("train"), @r#"
    exit code 2
    --- stderr
    error: the following required arguments were not provided:
      <ENV>

    Usage: npg train <ENV>

    For more information, try '--help'.
    "#);
}

#[test]
fn flags_by_other_names_are_answered_with_the_setting() {
    insta::assert_snapshot!(shown("train CartPole-v1 --lr 0.01"), @r#"
    exit code 2
    --- stderr
    error: unexpected argument '--lr' found

      tip: `--set value.learning_rate=VALUE`. Adam's learning rate.
      tip: `npg explain lr`: The learning rate of the value baseline. The policy has none: a KL budget sets the length of its steps.

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(shown("train CartPole-v1 --n-envs=4"), @r#"
    exit code 2
    --- stderr
    error: unexpected argument '--n-envs' found

      tip: a similar argument exists: '--envs'

    Usage: npg train --envs <N> <ENV>

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(shown("train CartPole-v1 --gamma 0.9"), @r#"
    exit code 2
    --- stderr
    error: unexpected argument '--gamma' found

      tip: `--set advantage.gamma=VALUE`. Discount factor.
      tip: `npg explain gamma`: The discount factor: a reward k steps ahead counts gamma^k.

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(shown("train CartPole-v1 --fancy"), @r#"
    exit code 2
    --- stderr
    error: unexpected argument '--fancy' found

      tip: other settings have no flag: `--set KEY=VALUE`; `npg explain` lists the keys

    For more information, try '--help'.
    "#);
}

/// `npg eval` takes no settings.
#[test]
fn settings_are_offered_where_they_can_be_given() {
    assert!(!shown("eval runs --lr 0.01").contains("--set"));
}

#[test]
fn environments_of_gymnasium_say_how_to_get_them() {
    for (given, id) in [
        ("LunarLander-v3", "LunarLander-v3"),
        ("lunarlander", "LunarLander-v3"),
        ("LunarLander-v2", "LunarLander-v2"),
        ("BipedalWalker-v3", "BipedalWalker-v3"),
        ("ALE/Pong-v5", "ALE/Pong-v5"),
    ] {
        let text = shown(&format!("train {given}"));
        let begin = format!(
            "exit code 2\n--- stderr\nerror: unknown environment `{given}`\n{id} is one of Gymnasium's environments"
        );
        assert!(text.starts_with(&begin), "{text}");
        assert!(text.contains("`pip install .`") && text.contains(&format!("gym:{id}")), "{text}");
    }
    insta::assert_snapshot!(shown("check-env --help"), @r#"
    exit code 0
    Check an environment of Gymnasium: spaces, seeding, endings, speed

    Usage: npg check-env [ID]...

    Arguments:
      [ID]...  Gymnasium's id, such as LunarLander-v3, and options of the checker

    `npg check-env` needs Python, which this program does not have: `pip install .` in npg's repository installs an `npg` with Python. Its `--help` lists the options.
    "#);
}

#[test]
fn slips_of_names_and_settings() {
    insta::assert_snapshot!(shown("train CartPole-v0"), @r#"
    exit code 2
    --- stderr
    error: unknown environment `CartPole-v0`, did you mean `CartPole-v1`?
    `npg envs` lists all environments, and gym:ID is one of Gymnasium's
    "#);
    insta::assert_snapshot!(shown("train HalfCheetah-v5 --steps 10"), @r#"
    exit code 5
    --- stderr
    error: MuJoCo 3.17.0 or newer is needed, and NPG_MUJOCO_LIB does not name it
      /nowhere/libmujoco.so: there is no such file
    `pip install mujoco` gets it
    "#);
    insta::assert_snapshot!(shown("envs --mujoco-lib /nowhere/else").split_once("\n\n").expect("a note").1, @r#"
    MuJoCo 3.17.0 or newer is needed, and --mujoco-lib does not name it
      /nowhere/else: there is no such file
    `pip install mujoco` gets it
    "#);
    insta::assert_snapshot!(shown("train Chess"), @r#"
    exit code 2
    --- stderr
    error: unknown environment `Chess`
    `npg envs` lists all environments, and gym:ID is one of Gymnasium's
    "#);
    insta::assert_snapshot!(shown("train CartPole-v1 --steps -5"), @r#"
    exit code 2
    --- stderr
    error: run.steps: must be an integer >= 1, but is -5 (in --steps)
    `npg explain run.steps` tells more
    "#);
    insta::assert_snapshot!(
        shown("train CartPole-v1 --set algorithm.kl_stp=1 --set rollout.n_envs=many --set env.gravity=9 --envs 0"),
        @r#"
    exit code 2
    --- stderr
    error: 4 mistakes in the configuration
      algorithm.kl_stp: unknown key; did you mean `algorithm.kl_step`? (in --set)
      rollout.n_envs: expected an integer from 1 to 65536, got the string "many" (in --set)
      rollout.n_envs: must be an integer from 1 to 65536, but is 0 (in --envs)
      env.gravity: CartPole-v1 has no such option; it takes `sutton_barto_reward`
    `npg explain KEY` tells what values a key takes
    "#
    );
}

#[test]
fn a_settings_file_that_is_absent_or_broken() {
    insta::assert_snapshot!(shown("train CartPole-v1 --config no-such-folder/my.toml"), @r#"
    exit code 4
    --- stderr
    error: cannot read no-such-folder/my.toml: No such file or directory (os error 2)
    "#);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("my.toml");
    std::fs::write(&path, "[algorithm]\nkl_step = 0.02 nats\n").expect("a file");
    let text = shown(&format!("train CartPole-v1 --config {}", path.display()));
    insta::assert_snapshot!(text.replace(&*path.to_string_lossy(), "my.toml"), @r#"
    exit code 2
    --- stderr
    error: my.toml:2:11: not TOML: string values must be quoted, expected literal string
    "#);
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("npg"));
    let output = command.arg("explain").stdout(writer).output().expect("npg starts");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// Scripts and completions start the program often, so it must not read or compute much before it answers. The test takes the
/// fastest of 20 starts, so that other work on the machine does not matter.
#[test]
fn starting_takes_less_than_20_milliseconds() {
    let timed = |_| {
        let begun = std::time::Instant::now();
        assert!(npg("envs").status.success());
        begun.elapsed()
    };
    let least = (0..20).map(timed).min().expect("20 starts");
    assert!(least.as_millis() < 20, "{least:?}");
}

#[test]
fn what_needs_python_says_how_to_get_it() {
    insta::assert_snapshot!(shown("train gym:LunarLander-v3"), @r"
    exit code 5
    --- stderr
    error: gym:LunarLander-v3 is an environment of Gymnasium, which needs Python, and this program has none: `pip install .` in npg's repository gives an `npg` that has it
    ");
    insta::assert_snapshot!(shown("check-env LunarLander-v3 --steps 10"), @r"
    exit code 5
    --- stderr
    error: `npg check-env` needs Python, which this program does not have: `pip install .` in npg's repository installs an `npg` with Python
    ");
}
