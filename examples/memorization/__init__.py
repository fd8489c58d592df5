"""Memorisation told by the neurons: experiments of arXiv 2210.09404."""

import os

# Before TensorFlow is imported: what it reports as it starts is no result.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
