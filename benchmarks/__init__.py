"""Scripts behind the README's figures, to run as `python -m benchmarks.digits` and so on."""

import os

# TensorFlow's messages on the machine do not belong to the figures.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
