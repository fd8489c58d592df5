"""Figures as JSON has them, which knows no NaN."""

import math
from collections.abc import Mapping
from typing import Any


def without_nan(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The same by the same names, what is undefined as None.

    >>> without_nan({"size": 3, "mlh": math.nan})
    {'size': 3, 'mlh': None}
    """
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in figures.items()
    }
