"""Benford's law in the weights of Keras models, information in their neurons, churn of predictions.

The public names are bound when they are first used: importing this package loads neither
TensorFlow nor Keras.
"""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_benford import (
        callbacks,
        context,
        criteria,
        digits,
        inference,
        information,
        inputs,
        measures,
        metrics,
        plots,
        predictions,
        rules,
        scoring,
        selection,
        statistics,
        weights,
    )
    from keras_benford.callbacks import (
        BenfordMonitor,
        ChurnEarlyStopping,
        InformationMonitor,
        MLHEarlyStopping,
    )
    from keras_benford.criteria import aic, bic, eic, scaled_eic, symbolic_eic
    from keras_benford.digits import digit_counts, leading_digits
    from keras_benford.metrics import MLH, WeightsMLH
    from keras_benford.scoring import LayerScore, Score, score
    from keras_benford.statistics import (
        BENFORD,
        chi_squared,
        js_divergence,
        kl_divergence,
        mean_absolute_deviation,
        mlh,
    )
    from keras_benford.weights import iter_weights

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
    "iter_weights": "weights",
    "score": "scoring",
    "Score": "scoring",
    "LayerScore": "scoring",
    "MLH": "metrics",
    "WeightsMLH": "metrics",
    "BenfordMonitor": "callbacks",
    "ChurnEarlyStopping": "callbacks",
    "InformationMonitor": "callbacks",
    "MLHEarlyStopping": "callbacks",
}
__version__ = "0.1.0"
__all__ = [
    "BENFORD",
    "MLH",
    "BenfordMonitor",
    "ChurnEarlyStopping",
    "InformationMonitor",
    "LayerScore",
    "MLHEarlyStopping",
    "Score",
    "WeightsMLH",
    "aic",
    "bic",
    "callbacks",
    "chi_squared",
    "context",
    "criteria",
    "digit_counts",
    "digits",
    "eic",
    "inference",
    "information",
    "inputs",
    "iter_weights",
    "js_divergence",
    "kl_divergence",
    "leading_digits",
    "mean_absolute_deviation",
    "measures",
    "metrics",
    "mlh",
    "plots",
    "predictions",
    "rules",
    "scaled_eic",
    "score",
    "scoring",
    "selection",
    "statistics",
    "symbolic_eic",
    "weights",
]


# With it in sight, type checkers would take any name for one of the package's.
if not TYPE_CHECKING:

    def __getattr__(name):
        if name in _MODULE_OF:
            value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
            globals()[name] = value
            return value
        if name in __all__:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]


# A saved model with `WeightsMLH` can be loaded once the class is registered, as its module does.
if "keras" in sys.modules:
    importlib.import_module(f"{__name__}.metrics")
