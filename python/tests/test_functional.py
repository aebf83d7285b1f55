"""The parts of an update against closed forms, finite differences and NumPy."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest

import npg
from npg import functional as F

ROWS = 200


def made(name: str, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """A policy with states, actions that it drew (raw), and advantages."""
    agent = npg.NPG("MlpPolicy", name, policy_kwargs={"net_arch": [12]}, preset=False, seed=seed, threads=1)
    policy, random = agent.policy, np.random.default_rng(seed)
    # Output layers begin near 0, where mean and curvature hardly depend on the state: away from there.
    policy.theta = policy.theta + 0.3 * random.normal(size=policy.theta.shape)
    width, columns = policy.sizes
    states = random.normal(size=(ROWS, width))
    if name == "FrozenLake-v1":
        states = random.integers(16, size=(ROWS, 1)).astype(float)
    actions = random.normal(size=(ROWS, columns)) if name == "Pendulum-v1" else policy.act(states, False)
    return policy, states, actions, random.normal(size=ROWS)


ENVIRONMENTS = ["CartPole-v1", "Pendulum-v1", "FrozenLake-v1"]


def moved(policy: Any, theta: Any) -> Any:
    other = policy.copy()
    other.theta = theta
    return other


def directions(policy: Any, count: int = 4) -> list[Any]:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(count, len(policy.theta)))
    return list(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_fisher_products_are_the_curvature_of_kl(name: str) -> None:
    """KL(theta || theta + h v) + KL(theta || theta - h v) = h^2 v^T F v + O(h^4).

    Networks pass in float32: an error of about 1e-7 in their outputs, against a change of about h. KL is a square of
    that change, so with h = 1e-2 its relative error is about 1e-5; the term in h^4 leaves about 1e-4. Polarization gives
    the products of different vectors from the same curvatures.
    """
    policy, states, _, _ = made(name)

    def curvature(v: Any, h: float = 1e-2) -> float:
        return (F.kl(policy, policy.theta + h * v, states) + F.kl(policy, policy.theta - h * v, states)) / h**2

    u, v, *_ = directions(policy)
    for each in (u, v):
        assert each @ F.fisher_product(policy, states, each) == pytest.approx(curvature(each), rel=2e-3)
    mixed = (curvature(u + v) - curvature(u - v)) / 4
    scale = np.sqrt(curvature(u) * curvature(v))
    assert u @ F.fisher_product(policy, states, v) == pytest.approx(mixed, abs=2e-3 * scale)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_fisher_products_are_symmetric_and_positive(name: str) -> None:
    """To float32's rounding over 200 rows."""
    policy, states, _, _ = made(name)
    vectors = directions(policy)
    products = [F.fisher_product(policy, states, v) for v in vectors]
    gram = np.array([[u @ product for product in products] for u in vectors])
    assert np.abs(gram - gram.T).max() < 1e-5 * np.diag(gram).max()
    assert np.linalg.eigvalsh(gram + gram.T).min() > 0
    combined = F.fisher_product(policy, states, 2 * vectors[0] - 3 * vectors[1])
    assert np.linalg.norm(combined - 2 * products[0] + 3 * products[1]) < 1e-5 * np.linalg.norm(combined)
    assert not F.fisher_product(policy, states, np.zeros_like(policy.theta)).any()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_policy_gradient_is_the_derivative(name: str) -> None:
    """Of mean(log pi A), by central differences. float32 passes err by about 1e-7, divided by h = 1e-2: 1e-5 of the
    quantity's unit, and the third derivative leaves h^2 = 1e-4 of it.
    """
    policy, states, actions, advantages = made(name)
    g = F.policy_gradient(policy, states, actions, advantages)

    def objective(theta: Any) -> float:
        return float(np.mean(F.log_prob(moved(policy, theta), states, actions) * advantages))

    for v in [*directions(policy), g / np.linalg.norm(g)]:
        difference = (objective(policy.theta + 1e-2 * v) - objective(policy.theta - 1e-2 * v)) / 2e-2
        assert g @ v == pytest.approx(difference, abs=1e-3 * np.linalg.norm(g))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_entropy_is_in_the_gradient_with_its_coefficient(name: str) -> None:
    policy, states, actions, advantages = made(name)

    def entropy(theta: Any) -> float:
        return float(F.compare(policy, theta, states, actions, advantages)["entropy"])

    plain, with_entropy = (F.policy_gradient(policy, states, actions, advantages, c) for c in (0.0, 0.7))
    of_entropy = (with_entropy - plain) / 0.7
    for v in [*directions(policy), of_entropy / np.linalg.norm(of_entropy)]:
        difference = (entropy(policy.theta + 1e-2 * v) - entropy(policy.theta - 1e-2 * v)) / 2e-2
        assert of_entropy @ v == pytest.approx(difference, abs=1e-3 * np.linalg.norm(of_entropy))


@pytest.mark.parametrize("damping", [0.0, 0.1])
def test_conjugate_gradient_solves(damping: float) -> None:
    random = np.random.default_rng(0)
    root = random.normal(size=(12, 12))
    matrix, g = root @ root.T + 0.5 * np.eye(12), random.normal(size=12)
    solution = np.linalg.solve(matrix + damping * np.eye(12), g)
    x, iterations, residual = F.conjugate_gradient(lambda v: matrix @ v, g, iterations=50, damping=damping)
    assert np.linalg.norm(x - solution) < 1e-8 * np.linalg.norm(solution)
    assert iterations <= 20 and residual < 1e-9
    few, used, left = F.conjugate_gradient(lambda v: (matrix @ v).astype(np.float32), g, iterations=3, damping=damping)
    assert used == 3
    assert left == pytest.approx(
        np.linalg.norm(g - (matrix + damping * np.eye(12)) @ few) / np.linalg.norm(g), rel=1e-4
    )


def test_conjugate_gradient_raises_what_is_wrong() -> None:
    g = np.ones(3)
    with pytest.raises(ValueError):
        F.conjugate_gradient(lambda v: -v, g)
    with pytest.raises(ValueError):
        F.conjugate_gradient(lambda v: v * np.nan, g)
    with pytest.raises(ValueError, match="numbers"):
        F.conjugate_gradient(lambda v: v[:2], g)

    def fail(v: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        F.conjugate_gradient(fail, g)


def test_step_size() -> None:
    assert F.step_size(0.01, 2.0) == pytest.approx(np.sqrt(2 * 0.01 / 2.0), rel=1e-15)
    for bad in [(0.0, 1.0), (0.1, 0.0), (-1.0, 1.0), (0.1, float("nan"))]:
        with pytest.raises(ValueError, match="positive"):
            F.step_size(*bad)


def test_a_step_spends_its_kl_budget() -> None:
    """KL = eps up to its third order in the step: 1 % of eps at eps = 1e-4."""
    for name in ENVIRONMENTS:
        policy, states, actions, advantages = made(name)
        g = F.policy_gradient(policy, states, actions, advantages)
        x, _, _ = F.conjugate_gradient(lambda v: F.fisher_product(policy, states, v), g, 10, damping=0.1)  # noqa: B023
        alpha = F.step_size(1e-4, x @ F.fisher_product(policy, states, x))
        assert F.kl(policy, policy.theta + alpha * x, states) == pytest.approx(1e-4, rel=0.05)
        gain = F.compare(policy, policy.theta + alpha * x, states, actions, advantages)["surrogate"]
        assert gain == pytest.approx(alpha * (g @ x), rel=0.1)


def gae_by_definition(
    rewards: Any, values: Any, next_values: Any, terminated: Any, truncated: Any, gamma: float, decay: float
) -> Any:
    """Schulman 2016, eq. 16, one column after the other, as sums over the rest of the episode."""
    steps, columns = rewards.shape
    advantages = np.zeros_like(rewards)
    for column in range(columns):
        for start in range(steps):
            factor = 1.0
            for t in range(start, steps):
                over = terminated[t, column] or truncated[t, column] or t == steps - 1
                after = next_values[t, column] if over else values[t + 1, column]
                after = 0.0 if terminated[t, column] else after
                advantages[start, column] += factor * (rewards[t, column] + gamma * after - values[t, column])
                factor *= gamma * decay
                if over:
                    break
    return advantages


@pytest.mark.parametrize(("gamma", "decay"), [(0.99, 0.95), (1.0, 1.0), (0.9, 0.0)])
def test_gae(gamma: float, decay: float) -> None:
    random = np.random.default_rng(1)
    rewards, values, next_values = random.normal(size=(3, 30, 4))
    terminated, truncated = random.random((2, 30, 4)) < 0.2
    assert terminated.any() and (truncated & ~terminated).any() and (terminated & truncated).any()
    want = gae_by_definition(rewards, values, next_values, terminated, truncated, gamma, decay)
    got = F.gae(rewards, values, next_values, terminated, truncated, gamma, decay)
    assert got.shape == (30, 4) and np.allclose(got, want, rtol=1e-12, atol=1e-12)
    columns = (rewards[:, 1], values[:, 1], next_values[:, 1], terminated[:, 1], truncated[:, 1])
    one = F.gae(*columns, gamma, decay)
    assert one.shape == (30,) and np.allclose(one, want[:, 1], rtol=1e-12, atol=1e-12)
    lists = F.gae(*(array.tolist() for array in columns), gamma=gamma, lambda_=decay)  # type: ignore[arg-type]
    assert np.array_equal(lists, one)


def test_gae_refuses_other_shapes() -> None:
    column, flags = np.zeros((5, 2)), np.zeros((5, 2), bool)
    with pytest.raises(ValueError, match=r"values has shape \[4, 2\]"):
        F.gae(column, column[:4], column, flags, flags)
    with pytest.raises(ValueError):
        F.gae(column, column, column, flags[:4], flags)


def gaussian(policy: Any, states: Any) -> tuple[Any, Any]:
    """Mean and standard deviation that the policy's log densities at three points imply."""
    at = [F.log_prob(policy, states, np.full((len(states), 1), x)) for x in (-1.0, 0.0, 1.0)]
    variance = -1.0 / (at[0] + at[2] - 2 * at[1])
    return variance * (at[2] - at[0]) / 2, np.sqrt(variance)


def test_log_prob_and_kl_of_gaussians() -> None:
    """The log density is a parabola with the right constant; KL is the closed form of two such."""
    policy, states, actions, _ = made("Pendulum-v1")
    mean, std = gaussian(policy, states)
    assert np.ptp(std) < 1e-6 and np.ptp(mean) > 0.1  # state-independent
    density = -0.5 * ((actions[:, 0] - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)
    assert np.allclose(F.log_prob(policy, states, actions), density, atol=1e-9)
    # The mode is the mean; raw actions from -1 to 1 are torques from -2 to 2.
    assert np.allclose(policy.act(states, True)[:, 0], 2 * np.clip(mean, -1, 1), atol=1e-5)
    theta = policy.theta + 0.05 * directions(policy)[0]
    new_mean, new_std = gaussian(moved(policy, theta), states)
    closed = np.log(new_std / std) + (std**2 + (mean - new_mean) ** 2) / (2 * new_std**2) - 0.5
    assert F.kl(policy, theta, states) == pytest.approx(closed.mean(), rel=1e-5)


@pytest.mark.parametrize("name", ["CartPole-v1", "FrozenLake-v1"])
def test_log_prob_and_kl_of_categoricals(name: str) -> None:
    policy, states, actions, advantages = made(name)
    count = {"CartPole-v1": 2, "FrozenLake-v1": 4}[name]
    theta = policy.theta + 0.2 * directions(policy)[0]
    table, new = (
        np.stack([F.log_prob(each, states, np.full((ROWS, 1), a)) for a in range(count)], axis=1)
        for each in (policy, moved(policy, theta))
    )
    assert np.allclose(np.exp(table).sum(axis=1), 1.0)
    assert np.array_equal(policy.act(states, True)[:, 0], table.argmax(axis=1))
    p, q = np.exp(table), np.exp(new)
    assert F.kl(policy, theta, states) == pytest.approx((p * (table - new)).sum(axis=1).mean(), rel=1e-6)
    comparison = F.compare(policy, theta, states, actions, advantages)
    rows = np.arange(ROWS)
    ratio = np.exp((new - table)[rows, actions[:, 0]])
    assert comparison["surrogate"] == pytest.approx(((ratio - 1) * advantages).mean(), rel=1e-6)
    assert comparison["kl_reverse"] == pytest.approx((q * (new - table)).sum(axis=1).mean(), rel=1e-6)
    assert comparison["kl_max"] == pytest.approx((p * (table - new)).sum(axis=1).max(), rel=1e-6)
    assert comparison["tv_exact"] is True
    assert comparison["tv"] == pytest.approx(0.5 * np.abs(p - q).sum(axis=1).mean(), rel=1e-6)
    assert comparison["entropy_old"] == pytest.approx(-(p * table).sum(axis=1).mean(), rel=1e-6)
    assert comparison["entropy"] == pytest.approx(-(q * new).sum(axis=1).mean(), rel=1e-6)


def test_wrong_shapes_and_values_are_named() -> None:
    policy, states, actions, advantages = made("CartPole-v1")
    for call, message in [
        (lambda: F.fisher_product(policy, states[:, :3], policy.theta), "observations: 3 columns, but 4"),
        (lambda: F.fisher_product(policy, states, policy.theta[1:]), "v: "),
        (lambda: F.policy_gradient(policy, states, actions, advantages[1:]), "advantages: 199 numbers, not 200"),
        (lambda: F.policy_gradient(policy, states, actions[1:], advantages), "actions: "),
        (
            lambda: F.log_prob(policy, states, actions + 2),
            r"actions\[\d+, 0\] is [23]; it must be an integer in 0\.\.2",
        ),
        (lambda: F.log_prob(policy, states * np.nan, actions), r"observations\[0, 0\] is NaN"),
        (lambda: F.kl(policy, policy.theta[1:], states), "theta: "),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_the_example_of_the_page() -> None:
    result = doctest.testmod(F)
    assert result.attempted >= 8 and result.failed == 0
