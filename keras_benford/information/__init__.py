"""Activations of a model -> entropy of its neurons, and mutual information between them.

Source: Bansal et al., arXiv 2210.09404.
"""

from keras_benford.information.entropy import neuron_entropy
from keras_benford.information.pairs import mutual_information
from keras_benford.information.ranking import Ranking, rank
from keras_benford.information.recording import Activations, activations
from keras_benford.information.reports import LayerInformation, Report, report

__all__ = [
    "Activations",
    "LayerInformation",
    "Ranking",
    "Report",
    "activations",
    "mutual_information",
    "neuron_entropy",
    "rank",
    "report",
]
