"""Callbacks of `learn`, and evaluation."""

from npg.callbacks.evaluation import EvalCallback as EvalCallback
from npg.callbacks.evaluation import evaluate_policy as evaluate_policy
