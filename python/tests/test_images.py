"""Policies that see: convolutions of images, wherever the channels are, alone and as parts of an observation."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import npg


class Spot(gymnasium.Env):
    """A bright spot somewhere in a noisy image: the action says in which half of the columns it is."""

    def __init__(self, order="last", kind=np.uint8, size=12, extra=False):
        self._order, self._kind, self._size, self._extra = order, kind, size, extra
        shape = (2, size, size) if order == "first" else (size, size, 2)
        high = 255 if kind == np.uint8 else 1.0
        image = spaces.Box(0, high, shape, kind)
        self.observation_space = image
        if extra:
            self.observation_space = spaces.Dict({"image": image, "flip": spaces.Discrete(2)})
        self.action_space = spaces.Discrete(2)

    def _observe(self):
        image = self.np_random.integers(0, 100, (self._size, self._size, 2))
        row, self._column = self.np_random.integers(0, self._size, 2)
        image[row, self._column] = 255
        self._flip = self.np_random.integers(2) if self._extra else 0
        image = image if self._kind == np.uint8 else image / 255
        image = np.moveaxis(image, 2, 0) if self._order == "first" else image
        image = np.ascontiguousarray(image).astype(self._kind)
        return {"image": image, "flip": self._flip} if self._extra else image

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._left = 8
        return self._observe(), {}

    def step(self, action):
        is_right = (self._column >= self._size // 2) != bool(self._flip)
        reward = float(action == is_right)
        self._left -= 1
        return self._observe(), reward, self._left == 0, False, {}


def agent(policy="CnnPolicy", settings=None, **of_env):
    settings = {"policy.convolutions": [[8, 3, 2]], "value.convolutions": [[8, 3, 2]], **(settings or {})}
    return npg.NPG(policy, lambda: Spot(**of_env), seed=0, n_envs=8, n_steps=64, gamma=0.5, settings=settings)


def test_a_spot_is_seen_and_a_policy_survives_its_file(tmp_path):
    seen = agent().learn(8 * 64 * 40)
    assert seen.history[-1]["rollout/ep_rew_mean"] > 7.0
    assert seen.config["policy"]["network"] == "cnn" and seen.config["policy"]["hidden"] == [128]
    env = Spot()
    env.reset(seed=1)
    images = np.stack([env._observe() for _ in range(50)])
    actions, _ = seen.predict(images, deterministic=True)
    assert [seen.predict(image, deterministic=True)[0] for image in images] == list(actions)
    seen.save(tmp_path / "seen")
    again = npg.NPG.load(tmp_path / "seen", env=Spot)
    assert np.array_equal(again.predict(images, deterministic=True)[0], actions)


def test_the_order_of_the_channels_and_the_type_of_the_pixels_do_not_matter():
    theta = [agent(order=order).learn(8 * 64 * 2).get_parameters()["policy/theta"] for order in ("last", "first")]
    assert np.array_equal(*theta)
    # Pixels of 0..1 are rounded otherwise.
    scaled = agent(kind=np.float32).learn(8 * 64 * 2).get_parameters()["policy/theta"]
    assert np.allclose(scaled, theta[0], atol=1e-3)


def test_an_image_beside_another_part():
    seen = agent("MultiInputPolicy", extra=True, settings={"policy.hidden": [64], "algorithm.kl_step": 0.05})
    assert seen.config["policy"]["network"] == "cnn"
    assert seen.learn(8 * 64 * 60).history[-1]["rollout/ep_rew_mean"] > 6.5


def test_which_network_a_policy_has():
    large = npg.NPG("CnnPolicy", lambda: Spot(size=36), n_envs=1, n_steps=8)
    assert large.config["policy"]["network"] == large.config["value"]["network"] == "nature-cnn"
    assert large.config["policy"]["hidden"] == [512] and large.config["policy"]["activation"] == "relu"
    arch = {"net_arch": {"pi": [32], "vf": [16]}, "features_extractor_kwargs": {"features_dim": 100}}
    large = npg.NPG("CnnPolicy", lambda: Spot(size=36), n_envs=1, n_steps=8, policy_kwargs=arch)
    assert (large.config["policy"]["hidden"], large.config["value"]["hidden"]) == ([100, 32], [100, 16])
    assert npg.NPG("MlpPolicy", Spot, n_envs=1, n_steps=8).config["policy"]["network"] == "mlp"
    assert npg.NPG("MultiInputPolicy", "CartPole-v1").config["policy"]["network"] == "mlp"


def test_what_is_no_image_is_said():
    with pytest.raises(ValueError, match=r"policy.network: needs an image, but observations are Box\(4\)"):
        npg.NPG("CnnPolicy", "CartPole-v1")
    with pytest.raises(
        ValueError, match="convolutions: has filters of 8 x 8 pixels in convolution 0, which reads 6 x 6"
    ):
        npg.NPG("MlpPolicy", lambda: Spot(size=6), settings={"policy.network": "nature-cnn"})
    with pytest.raises(ValueError, match="features_extractor_kwargs.*is for images"):
        npg.NPG("MlpPolicy", "CartPole-v1", policy_kwargs={"features_extractor_kwargs": {"features_dim": 8}})
