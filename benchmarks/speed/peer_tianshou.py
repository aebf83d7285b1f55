"""Tianshou's NPG and TRPO: python peer_tianshou.py TASK --algo npg ..., see measure.py.

Its critic takes whole batches only, so that ten epochs are ten steps of Adam, where the others take 160.
"""

import warnings

import measure  # first: it takes the time
import numpy as np
import torch
from gymnasium.spaces import Discrete
from tianshou.algorithm import NPG, TRPO
from tianshou.algorithm.algorithm_base import policy_within_training_step
from tianshou.algorithm.modelfree.reinforce import DiscreteActorPolicy, ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv, SubprocVectorEnv, VectorEnvNormObs
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorProbabilistic, ContinuousCritic
from tianshou.utils.net.discrete import DiscreteActor, DiscreteCritic
from torch.distributions import Independent, Normal

# Of its examples for MuJoCo (examples/mujoco/mujoco_npg.py, mujoco_trpo.py); it has none of its own for the classic tasks.
TUNED = {"steps": 1024, "critic": 20, "return_scaling": True, "normalize": True}
MATCHED = {"steps": 2048, "critic": 10, "return_scaling": False, "normalize": False}


def networks(env):
    shape = env.observation_space.shape

    def net():
        return Net(state_shape=shape, hidden_sizes=[64, 64], activation=torch.nn.Tanh)

    if isinstance(env.action_space, Discrete):
        actor = DiscreteActor(preprocess_net=net(), action_shape=(int(env.action_space.n),), softmax_output=False)
        return actor, DiscreteCritic(preprocess_net=net()), actor.last
    actor = ContinuousActorProbabilistic(preprocess_net=net(), action_shape=env.action_space.shape, unbounded=True)
    torch.nn.init.constant_(actor.sigma_param, -0.5)
    return actor, ContinuousCritic(preprocess_net=net()), actor.mu


def initialize(actor, critic, head):
    for module in [*actor.modules(), *critic.modules()]:
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.orthogonal_(module.weight, gain=np.sqrt(2))
            torch.nn.init.zeros_(module.bias)
    for module in head.modules():
        if isinstance(module, torch.nn.Linear):
            module.weight.data.mul_(0.01)


def algorithm(args, settings, env):
    actor, critic, head = networks(env)
    initialize(actor, critic, head)
    if isinstance(env.action_space, Discrete):
        policy = DiscreteActorPolicy(actor=actor, action_space=env.action_space)
    else:
        policy = ProbabilisticActorPolicy(actor=actor, action_space=env.action_space, action_scaling=True,
                                          action_bound_method="clip", dist_fn=lambda d: Independent(Normal(*d), 1))
    kind, more = (NPG, {"trust_region_size": 0.1}) if args.algo == "npg" else (TRPO, {"max_kl": 0.01})
    return kind(policy=policy, critic=critic, optim=AdamOptimizerFactory(lr=1e-3), gamma=0.99, gae_lambda=0.95,
                optim_critic_iters=settings["critic"], return_scaling=settings["return_scaling"],
                max_batchsize=4096, **more)


def main():
    args = measure.arguments()
    np.random.seed(args.seed)
    warnings.simplefilter("ignore")
    settings = TUNED if args.tuned else MATCHED
    n_envs = 16 if args.tuned else args.n_envs
    envs = (SubprocVectorEnv if args.processes else DummyVectorEnv)([measure.make(args.task)] * n_envs)
    if settings["normalize"]:
        envs = VectorEnvNormObs(envs)
    envs.seed(args.seed)
    clock = measure.Clock(args.until)
    learner = algorithm(args, settings, measure.make(args.task)())
    collector = Collector(learner, envs, VectorReplayBuffer(4096, n_envs), exploration_noise=True)
    collector.reset()
    learner._conjugate_gradients = clock.timed("solve", learner._conjugate_gradients)
    collect, update = clock.timed("sampling", collector.collect), clock.timed("update", learner.update)
    clock.start()
    goes_on, done = True, 0
    while goes_on and done < args.steps:
        with policy_within_training_step(learner.policy):
            stats = collect(n_step=settings["steps"])
            update(buffer=collector.buffer, batch_size=None, repeat=1)
        collector.reset_buffer(keep_statistics=True)
        clock.recent.extend(stats.returns)
        goes_on, done = clock.iteration(stats.n_collected_steps), done + stats.n_collected_steps
    clock.print()
    envs.close()


if __name__ == "__main__":
    main()
