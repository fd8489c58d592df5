"""Tables and figures of "Rethinking Neural Networks With Benford's Law", arXiv 2102.03313."""
