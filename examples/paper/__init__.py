"""Tables and figures of "Rethinking Neural Networks With Benford's Law", arXiv 2102.03313."""

import os

# Before TensorFlow is imported: what it reports as it starts is no result.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
