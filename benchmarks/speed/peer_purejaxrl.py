"""PPO on CartPole compiled whole with JAX, environment included, in the manner of PureJaxRL (Lu et al. 2022) and with its
settings: python peer_purejaxrl.py CartPole-v1 --n-envs 4 --steps 500000 --seed 0. Prints one line of JSON.

Compilation counts as start-up. The last 100 training episodes are looked at afterwards, one update after the other.
"""

import argparse
import json
import os
import time

import flax.linen as nn
import gymnax
import jax
import jax.numpy as jnp
import optax

LENGTH, EPOCHS, MINIBATCHES, GAMMA, LAMBDA, CLIP, ENTROPY, VALUE = 128, 4, 4, 0.99, 0.95, 0.2, 0.01, 0.5
WINDOW = 100


class Networks(nn.Module):
    """Logits and value, each of an own tanh network of 64x64."""

    @nn.compact
    def __call__(self, x):
        def network(outputs, scale):
            y = x
            for _ in range(2):
                y = jnp.tanh(nn.Dense(64, kernel_init=nn.initializers.orthogonal(2**0.5))(y))
            return nn.Dense(outputs, kernel_init=nn.initializers.orthogonal(scale))(y)

        return network(2, 0.01), network(1, 1.0)[..., 0]


def build(n_envs, updates):
    env, params = gymnax.make("CartPole-v1")
    networks = Networks()
    total = updates * EPOCHS * MINIBATCHES
    optimizer = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(optax.linear_schedule(2.5e-4, 0.0, total), eps=1e-5))
    reset, step = jax.vmap(env.reset, in_axes=(0, None)), jax.vmap(env.step, in_axes=(0, 0, 0, None))

    def play(carry, key):
        theta, state, observation, total = carry
        key_action, key_step = jax.random.split(key)
        logits, value = networks.apply(theta, observation)
        action = jax.random.categorical(key_action, logits)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), action[:, None], 1)[:, 0]
        after, state, reward, done, _ = step(jax.random.split(key_step, n_envs), state, action, params)
        total = total + reward
        finished = jnp.where(done, total, jnp.nan)
        row = (observation, action, chosen, value, reward, done, finished)
        return (theta, state, after, jnp.where(done, 0.0, total)), row

    def advantages(last, values, rewards, dones):
        def back(carry, row):
            following, advantage = carry
            value, reward, done = row
            delta = reward + GAMMA * following * (1 - done) - value
            advantage = delta + GAMMA * LAMBDA * (1 - done) * advantage
            return (value, advantage), advantage

        return jax.lax.scan(back, (last, jnp.zeros_like(last)), (values, rewards, dones), reverse=True)[1]

    def loss(theta, rows):
        observation, action, chosen, old, advantage, target = rows
        logits, value = networks.apply(theta, observation)
        logs = jax.nn.log_softmax(logits)
        ratio = jnp.exp(jnp.take_along_axis(logs, action[:, None], 1)[:, 0] - chosen)
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        policy = -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * advantage).mean()
        clipped = old + jnp.clip(value - old, -CLIP, CLIP)
        critic = 0.5 * jnp.maximum((value - target) ** 2, (clipped - target) ** 2).mean()
        return policy + VALUE * critic + ENTROPY * (jnp.exp(logs) * logs).sum(1).mean()

    def descend(carry, rows):
        theta, moments = carry
        changes, moments = optimizer.update(jax.grad(loss)(theta, rows), moments)
        return (optax.apply_updates(theta, changes), moments), None

    def epoch(carry, key, rows):
        order = jax.random.permutation(key, LENGTH * n_envs)
        cut = jax.tree.map(lambda x: x[order].reshape(MINIBATCHES, -1, *x.shape[1:]), rows)
        return jax.lax.scan(descend, carry, cut)[0]

    def update(carry, key):
        theta, moments, *world = carry
        keys = jax.random.split(key, LENGTH + EPOCHS)
        (theta, *world), rows = jax.lax.scan(play, (theta, *world), keys[:LENGTH])
        observation, action, chosen, value, reward, done, finished = rows
        advantage = advantages(networks.apply(theta, world[1])[1], value, reward, done)
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]),
                            (observation, action, chosen, value, advantage, advantage + value))
        (theta, moments), _ = jax.lax.scan(lambda c, k: (epoch(c, k, flat), None), (theta, moments), keys[LENGTH:])
        return (theta, moments, *world), finished

    @jax.jit
    def train(key):
        key_theta, key_reset, key = jax.random.split(key, 3)
        observation, state = reset(jax.random.split(key_reset, n_envs), params)
        theta = networks.init(key_theta, observation)
        carry = (theta, optimizer.init(theta), state, observation, jnp.zeros(n_envs))
        return jax.lax.scan(update, carry, jax.random.split(key, updates))[1]

    return train


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["CartPole-v1"])
    parser.add_argument("--n-envs", type=int, default=4)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--until", type=float)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    updates = args.steps // (LENGTH * args.n_envs)
    train = build(args.n_envs, updates).lower(jax.random.key(args.seed)).compile()
    startup = time.time() - float(os.environ["STARTED"])
    begin = time.perf_counter()
    finished = train(jax.random.key(args.seed)).block_until_ready()
    seconds, milestones = time.perf_counter() - begin, {}
    if args.until is not None:  # what part of the updates it took
        recent = []
        for number, of_update in enumerate(jax.device_get(finished).reshape(updates, -1), 1):
            recent = [*recent, *of_update[of_update == of_update]][-WINDOW:]
            if len(recent) == WINDOW and sum(recent) / WINDOW >= args.until:
                milestones[f"{args.until:g}"] = seconds * number / updates
                break
    steps = updates * LENGTH * args.n_envs
    print(json.dumps({"steps": steps, "seconds": seconds, "startup": startup, "rate": steps / seconds,
                      "milestones": milestones, "phases": {}}))


if __name__ == "__main__":
    main()
