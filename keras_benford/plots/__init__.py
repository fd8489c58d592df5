"""Scores, histories and reports to pictures: each function draws on axes and returns them.

matplotlib is imported when a function is called.
"""

from keras_benford.plots.neurons import entropy, mutual_information, mutual_information_map
from keras_benford.plots.training import history, information_history
from keras_benford.plots.weights import digits, layers

__all__ = [
    "digits",
    "entropy",
    "history",
    "information_history",
    "layers",
    "mutual_information",
    "mutual_information_map",
]
