"""sb3-contrib's TRPO: python peer_sb3.py TASK ..., see measure.py."""

import measure  # first: it takes the time
import sb3_contrib.trpo.trpo as implementation
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

# rl-zoo3's settings (hyperparams/trpo.yml), with Gymnasium's v5 tasks in place of v4.
MUJOCO = {"n_envs": 2, "normalize": True, "batch_size": 128, "n_steps": 1024, "cg_max_steps": 25, "n_critic_updates": 20}
TUNED = {
    "CartPole-v1": {"n_envs": 2, "n_steps": 512, "batch_size": 512, "cg_damping": 1e-3, "gae_lambda": 0.98,
                    "n_critic_updates": 20},
    "Pendulum-v1": {"n_envs": 2, "n_steps": 1024, "gamma": 0.9, "n_critic_updates": 15, "use_sde": True,
                    "sde_sample_freq": 4},
    "HalfCheetah-v5": {**MUJOCO, "target_kl": 0.04},
    "Hopper-v5": MUJOCO,
}
MATCHED = {"batch_size": 128, "cg_max_steps": 10, "cg_damping": 0.1, "n_critic_updates": 10}


class Watch(BaseCallback):
    """Counts iterations, and stops at the return."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.done, self.rollouts = clock, False, 0

    def _on_training_start(self):
        self.clock.start()

    def _on_rollout_start(self):
        if self.rollouts:  # the update after the rollout before is done
            self.clock.recent.clear()
            self.clock.recent.extend(info["r"] for info in self.model.ep_info_buffer)
            self.done = not self.clock.iteration(self.model.n_steps * self.model.n_envs)
        self.rollouts += 1

    def _on_step(self):
        return not self.done


def main():
    args = measure.arguments()
    settings = dict(TUNED[args.task]) if args.tuned else {**MATCHED, "n_steps": 2048 // args.n_envs}
    n_envs, normalize = settings.pop("n_envs", args.n_envs), settings.pop("normalize", False)
    kind = SubprocVecEnv if args.processes else DummyVecEnv
    env = kind([lambda: Monitor(measure.make(args.task)()) for _ in range(n_envs)])
    if normalize:
        env = VecNormalize(env)
    clock = measure.Clock(args.until)
    model = implementation.TRPO("MlpPolicy", env, seed=args.seed, device="cpu", policy_kwargs={
        "net_arch": [64, 64], "activation_fn": torch.nn.Tanh}, **settings)
    implementation.conjugate_gradient_solver = clock.timed("solve", implementation.conjugate_gradient_solver)
    model._compute_actor_grad = clock.timed("gradient", model._compute_actor_grad)
    model.collect_rollouts = clock.timed("sampling", model.collect_rollouts)
    model.train = clock.timed("update", model.train)
    watch = Watch(clock)
    model.learn(args.steps, callback=watch)
    if not watch.done:  # the last iteration's update is done as well
        watch._on_rollout_start()
    clock.print()
    env.close()


if __name__ == "__main__":
    main()
