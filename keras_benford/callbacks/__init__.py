"""Keras callbacks: MLH and information in the logs, early stopping without a validation set."""

from keras_benford.callbacks.benford_monitor import BenfordMonitor
from keras_benford.callbacks.information_monitor import InformationMonitor
from keras_benford.callbacks.mlh_early_stopping import MLHEarlyStopping

__all__ = ["BenfordMonitor", "InformationMonitor", "MLHEarlyStopping"]
