"""Benford's law in the weights of Keras models.

The public names are bound when they are first used: importing this package loads neither
TensorFlow nor Keras.
"""

import importlib

_MODULE_OF = {
    "leading_digits": "digits",
    "digit_counts": "digits",
    "BENFORD": "statistics",
    "mlh": "statistics",
    "js_divergence": "statistics",
    "kl_divergence": "statistics",
    "mean_absolute_deviation": "statistics",
    "chi_squared": "statistics",
    "eic": "criteria",
    "scaled_eic": "criteria",
    "symbolic_eic": "criteria",
    "aic": "criteria",
    "bic": "criteria",
    "score": "scoring",
    "Score": "scoring",
    "LayerScore": "scoring",
    "MLH": "metrics",
    "WeightsMLH": "metrics",
    "BenfordMonitor": "callbacks",
    "MLHEarlyStopping": "callbacks",
}
_MODULES = ("callbacks", "criteria", "digits", "metrics", "plots", "scoring", "selection", "statistics")

__version__ = "0.1.0"
__all__ = sorted([*_MODULE_OF, *_MODULES])


def __getattr__(name):
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
