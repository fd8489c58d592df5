"""The digamma function of positive integers, which is a sum of their reciprocals."""

import numpy as np


def psi_table(n: int) -> np.ndarray:
    """`(n,)` float64: psi(1) to psi(n)."""
    return np.cumsum(np.concatenate([[-np.euler_gamma], 1 / np.arange(1, n)]))
