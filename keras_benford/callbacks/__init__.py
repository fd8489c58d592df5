"""Keras callbacks: MLH in the logs, and early stopping without a validation set."""

from keras_benford.callbacks.benford_monitor import BenfordMonitor
from keras_benford.callbacks.mlh_early_stopping import MLHEarlyStopping

__all__ = ["BenfordMonitor", "MLHEarlyStopping"]
