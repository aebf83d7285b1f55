"""The parts of a natural-policy-gradient update as functions of NumPy arrays.

`policy` is `agent.policy`: its parameters are one flat vector, `policy.theta`, shape (p,). Observations have shape
(n, d), one row per state, as the environment returns them (flattened; a Discrete space has one column with the index). The
policy normalizes them itself. `action_masks` has the action mask of each state, shape (n, values), for a policy that was trained with
masks. Actions have shape (n, k) and are *raw*, as drawn from the distribution, before they are clipped
or rescaled to the action space. Everything is float64, and divergences and entropies are in nats.

>>> import numpy as np, npg
>>> from npg import functional as F
>>> agent = npg.NPG("MlpPolicy", "Pendulum-v1", seed=0)
>>> policy, states = agent.policy, np.random.default_rng(0).normal(size=(256, 3))
>>> actions = np.zeros((256, 1))
>>> g = F.policy_gradient(policy, states, actions, advantages=states[:, 0])
>>> x, iterations, residual = F.conjugate_gradient(lambda v: F.fisher_product(policy, states, v), g, damping=0.1)
>>> alpha = F.step_size(0.01, x @ F.fisher_product(policy, states, x))
>>> bool(abs(F.compare(policy, policy.theta + alpha * x, states, actions, states[:, 0])["kl"] - 0.01) < 0.001)
True
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npg import _npg
from npg._arguments import whole
from npg._arrays import array, doubles, flags, measured, shown

Vector = NDArray[np.float64]


def _rows(values: ArrayLike, what: str) -> NDArray[np.float64]:
    rows = doubles(values, what)
    return rows.reshape(-1, 1) if rows.ndim == 1 else rows


def _states(observations: ArrayLike) -> NDArray[Any]:
    """Rows in their own type, because images are large and are read in parts."""
    rows = array(observations, "observations")
    return rows.reshape(-1, 1) if rows.ndim == 1 else rows


def _masks(policy: Any, action_masks: ArrayLike | None, states: NDArray[Any]) -> NDArray[np.bool_] | None:
    """The mask of each state, if the caller gives them."""
    if action_masks is None:
        return None
    return flags(action_masks, "action_masks", (len(states), _checked(policy).mask_len))


def _checked(policy: Any) -> _npg.Policy:
    """The policy, if it is one."""
    if not isinstance(policy, _npg.Policy):
        raise TypeError(f"policy is {shown(policy)}; it must be the policy of an agent, agent.policy")
    return policy


def _real(name: str, value: Any) -> float:
    found = measured(value)
    if found is None:
        raise TypeError(f"{name} is {shown(value)}; it must be one real number")
    return found


def _vector(values: ArrayLike, what: str) -> Vector:
    """An array with one axis. A column or a row of a matrix is accepted too."""
    vector = doubles(values, what)
    if sum(length != 1 for length in vector.shape) > 1:
        raise ValueError(f"{what} has shape {vector.shape}; it must be one vector")
    return vector.reshape(-1)


def fisher_product(
    policy: _npg.Policy, observations: ArrayLike, v: ArrayLike, *, action_masks: ArrayLike | None = None
) -> Vector:
    """F v with F = E_s[ J^T M J ], J the Jacobian of the network's outputs and M the Fisher metric of the action
    distribution in its outputs (the exact expectation over actions, not a sample). Kakade 2001, eq. 2; Schraudolph 2002.

    Args:
        policy: the policy.
        observations: states, shape (n, d).
        v: a vector of parameters, shape (p,).
        action_masks: shape (n, values).

    Returns:
        Shape (p,). Passes are float32, so its relative error is about 1e-6.
    """
    rows = _states(observations)
    return _npg.fisher_product(_checked(policy), rows, _vector(v, "v"), _masks(policy, action_masks, rows))


def policy_gradient(
    policy: _npg.Policy,
    observations: ArrayLike,
    actions: ArrayLike,
    advantages: ArrayLike,
    entropy_coefficient: float = 0.0,
    *,
    action_masks: ArrayLike | None = None,
) -> Vector:
    """g = E[ grad log pi(a|s) A ] + c grad E[ H(pi(.|s)) ], means over the rows. Sutton 2000, theorem 1.

    Args:
        policy: the policy.
        observations: states, shape (n, d).
        actions: raw actions, shape (n, k).
        advantages: A, shape (n,), used as they are.
        entropy_coefficient: c.
        action_masks: shape (n, values).

    Returns:
        Shape (p,).
    """
    rows, taken = _states(observations), _rows(actions, "actions")
    c = _real("entropy_coefficient", entropy_coefficient)
    masks = _masks(policy, action_masks, rows)
    return _npg.policy_gradient(_checked(policy), rows, taken, _vector(advantages, "advantages"), c, masks)


def conjugate_gradient(
    product: Callable[[Vector], ArrayLike],
    g: ArrayLike,
    iterations: int = 10,
    tolerance: float = 1e-10,
    damping: float = 0.0,
) -> tuple[Vector, int, float]:
    """Solves (F + damping I) x = g from x = 0. Hestenes & Stiefel 1952.

    Args:
        product: v -> F v for a symmetric positive semidefinite F, shapes (p,).
        g: right-hand side, shape (p,).
        iterations: the most iterations, with one product each.
        tolerance: relative residual norm at which to stop.
        damping: lambda.

    Returns:
        x of shape (p,), the iterations used, and ||g - (F + damping I) x|| / ||g||.

    Raises:
        ValueError: if a product is not finite or the curvature not positive.
    """
    values = _vector(g, "g")

    def call(v: Vector) -> NDArray[np.float64]:
        image = _vector(product(v), "the product")
        if len(image) != len(values):
            raise ValueError(f"the product has {len(image)} numbers, but g has {len(values)}")
        return image

    most = whole("iterations", iterations, 0)
    return _npg.conjugate_gradient(call, values, most, _real("tolerance", tolerance), _real("damping", damping))


def step_size(kl_step: float, x_f_x: float) -> float:
    """alpha = sqrt(2 eps / x^T F x), for which 1/2 alpha^2 x^T F x = eps. Peters & Schaal 2008; Schulman 2015, appendix C.

    Args:
        kl_step: eps, nats.
        x_f_x: x^T F x with the undamped F.

    Raises:
        ValueError: if either is not positive.
    """
    return _npg.step_size(_real("kl_step", kl_step), _real("x_f_x", x_f_x))


def log_prob(
    policy: _npg.Policy,
    observations: ArrayLike,
    actions: ArrayLike,
    *,
    action_masks: ArrayLike | None = None,
    of_executed: bool = False,
) -> Vector:
    """log pi(a|s) of each row, shape (n,); a log density for real actions.

    Args:
        policy: the policy.
        observations: states, shape (n, d).
        actions: raw actions, shape (n, k).
        action_masks: shape (n, values).
        of_executed: the log density of the actions that the environment gets instead, which the policy makes of the raw ones.
            Clipping is left out, because clipped actions have no density.
    """
    rows = _states(observations)
    masks = _masks(policy, action_masks, rows)
    return _npg.log_prob(_checked(policy), rows, _rows(actions, "actions"), masks, of_executed)


def compare(
    policy: _npg.Policy,
    theta: ArrayLike,
    observations: ArrayLike,
    actions: ArrayLike,
    advantages: ArrayLike,
    *,
    action_masks: ArrayLike | None = None,
) -> dict[str, Any]:
    """Compares the policy with parameters `theta` with `policy`: means over the states.

    Args:
        policy: the old policy pi.
        theta: parameters of the new one pi', shape (p,).
        observations: states, shape (n, d).
        actions: raw actions of pi, shape (n, k).
        advantages: A of pi, shape (n,).
        action_masks: shape (n, values).

    Returns:
        `surrogate` E[ (pi'/pi - 1) A ] (Schulman 2015, eq. 14), `kl` KL(pi || pi'), `kl_max` its largest of a state,
        `kl_reverse` KL(pi' || pi), `tv` and `tv_max` total variations (exact if `tv_exact`, else bounds), `entropy` of
        pi' and `entropy_old` of pi.
    """
    rows, taken = _states(observations), _rows(actions, "actions")
    weights, masks = _vector(advantages, "advantages"), _masks(policy, action_masks, rows)
    return _npg.compare(_checked(policy), _vector(theta, "theta"), rows, taken, weights, masks)


def kl(
    policy: _npg.Policy, theta: ArrayLike, observations: ArrayLike, *, action_masks: ArrayLike | None = None
) -> float:
    """Mean KL(pi || pi') over the states, nats, in closed form; pi' has parameters `theta`.

    Args:
        policy: the old policy pi.
        theta: parameters of pi', shape (p,).
        observations: states, shape (n, d).
        action_masks: shape (n, values).
    """
    rows = _states(observations)
    actions, masks = np.zeros((len(rows), _checked(policy).sizes[1])), _masks(policy, action_masks, rows)
    return float(
        _npg.compare(_checked(policy), _vector(theta, "theta"), rows, actions, np.zeros(len(rows)), masks)["kl"]
    )


def gae(
    rewards: ArrayLike,
    values: ArrayLike,
    next_values: ArrayLike,
    terminated: ArrayLike,
    truncated: ArrayLike,
    gamma: float = 0.99,
    lambda_: float = 0.95,
) -> Vector:
    """A_t = delta_t + gamma lambda A_{t+1}, delta_t = r_t + gamma V(s_{t+1}) - V(s_t). Schulman 2016, eq. 16.

    No advantage crosses the end of an episode. V after a terminated episode is 0. After a truncated one, and after the last row,
    it is that of the true next observation.

    Args:
        rewards: r, shape (steps,) or (steps, environments); all others likewise.
        values: V(s_t).
        next_values: V of the true observation after the step. It is read only if an episode was truncated, and in the last row.
        terminated: whether the episode terminated with the step.
        truncated: whether it was truncated.
        gamma: discount factor.
        lambda_: lambda; 1 gives the discounted return minus V.

    Returns:
        A, of the rewards' shape. Value targets are A + V.
    """
    shape = array(rewards, "rewards").shape
    if len(shape) not in (1, 2):
        raise ValueError(f"rewards has shape {shape}; it must have (steps,) or (steps, environments)")
    named = (("rewards", rewards), ("values", values), ("next_values", next_values))
    r, v, next_v = (_columns(doubles(given, what), what, len(shape)) for what, given in named)
    ends = (("terminated", terminated), ("truncated", truncated))
    ended, cut = (_columns(flags(given, what), what, len(shape)) for what, given in ends)
    return _npg.advantages(r, v, next_v, ended, cut, _real("gamma", gamma), _real("lambda_", lambda_)).reshape(shape)


def _columns(values: NDArray[Any], what: str, axes: int) -> NDArray[Any]:
    """Arrays with one column per environment."""
    if values.ndim != axes:
        raise ValueError(f"{what} has shape {values.shape}; it must have {axes} axes, as rewards has")
    return values.reshape(-1, 1) if axes == 1 else values
