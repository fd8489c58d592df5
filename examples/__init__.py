"""Experiments to run from the project's root: `python -m examples.early_stopping`."""

import os

# Before TensorFlow is imported: what it reports as it starts is no result.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
