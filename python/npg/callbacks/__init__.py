"""Callbacks of `learn`, and evaluation."""

from npg.callbacks.base import BaseCallback as BaseCallback
from npg.callbacks.base import CallbackList as CallbackList
from npg.callbacks.base import ConvertCallback as ConvertCallback
from npg.callbacks.base import EventCallback as EventCallback
from npg.callbacks.common import CheckpointCallback as CheckpointCallback
from npg.callbacks.common import EveryNTimesteps as EveryNTimesteps
from npg.callbacks.common import ProgressBarCallback as ProgressBarCallback
from npg.callbacks.common import StopTrainingOnMaxEpisodes as StopTrainingOnMaxEpisodes
from npg.callbacks.common import StopTrainingOnNoModelImprovement as StopTrainingOnNoModelImprovement
from npg.callbacks.common import StopTrainingOnRewardThreshold as StopTrainingOnRewardThreshold
from npg.callbacks.evaluation import EvalCallback as EvalCallback
from npg.callbacks.evaluation import evaluate_policy as evaluate_policy
