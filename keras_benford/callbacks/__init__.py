"""Keras callbacks: measures of a model in the logs, early stopping without a validation set."""

from keras_benford.callbacks.benford_monitor import BenfordMonitor
from keras_benford.callbacks.churn_early_stopping import ChurnEarlyStopping
from keras_benford.callbacks.information_monitor import InformationMonitor
from keras_benford.callbacks.mlh_early_stopping import MLHEarlyStopping
from keras_benford.callbacks.monitor import Monitor

__all__ = [
    "BenfordMonitor",
    "ChurnEarlyStopping",
    "InformationMonitor",
    "MLHEarlyStopping",
    "Monitor",
]
