"""Training histories to pictures: accuracies, MLH and information, epoch by epoch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_benford.measures import CRITERIA, MEASURES
from keras_benford.measures.predictions import Churn, UnseenChurn
from keras_benford.plots import looks

_ACCURACIES = {
    "accuracy": "training (running mean of the epoch)",
    "val_accuracy": "validation",
    "test_accuracy": "test",
}
_INFORMATION = {"entropy": "mean entropy", "mutual_information": "mean mutual information"}
_CHURN = (Churn.name, UnseenChurn.name)
# Colour and dashes: told apart in greyscale too.
_STYLES = {
    "accuracy": (looks.COLORS[0], "-"),
    "val_accuracy": (looks.COLORS[2], "-."),
    "test_accuracy": (looks.COLORS[1], "--"),
    "mlh": ("#000000", "-"),
    "criterion": (looks.COLORS[3], "--"),
    "churn": (looks.COLORS[0], "-"),
    "unseen_churn": (looks.COLORS[1], "--"),
}


def history(values: Any, *, restored_epoch: int | None = None, axes: Any = None) -> Any:
    """Draw accuracies above; MLH and the criterion, or else churn, below, epoch by epoch.

    Args:
        values: what `fit` returns, or a dict of lists with a number an epoch: `accuracy`,
            `val_accuracy`, `test_accuracy`, `mlh` and one of `eic`, `scaled_eic`, `symbolic_eic`,
            or `churn` and `unseen_churn`; those that are missing are left out, other keys are
            ignored.
        restored_epoch: the epoch (from 0) whose weights were restored, marked by a vertical line.
        axes: two axes, for the accuracies and for the rest; by default those of a new figure.

    Returns:
        The two axes; the criterion has a scale of its own at the right of the second. Churn is on
        a logarithmic scale, from which checks without any are missing.

    Raises:
        ImportError: if matplotlib is not installed (`pip install matplotlib`).
        ValueError: if `values` has none of the keys.
    """
    import matplotlib.pyplot as plt

    values = getattr(values, "history", values)
    accuracies = [key for key in _ACCURACIES if key in values]
    criterion = next((key for key in CRITERIA if key in values), None)
    known = (*_ACCURACIES, "mlh", *CRITERIA, *_CHURN)
    if not any(key in values for key in known):
        raise ValueError(
            f"`values`: expected one of {', '.join(known)}; received "
            f"{', '.join(values) or 'no keys'}; fit with a callback of keras_benford."
        )
    if axes is None:
        _, axes = plt.subplots(2, 1, sharex=True, figsize=(7, 6), layout="constrained")
    above, below = axes
    for key in accuracies:
        _line(above, values[key], _ACCURACIES[key], *_STYLES[key])
    above.set_ylabel("accuracy")
    lines = []
    if "mlh" in values:
        lines += _line(below, values["mlh"], "MLH (left)", *_STYLES["mlh"])
        below.set_ylabel("MLH")
    if criterion is not None:
        right = below.twinx()
        label = f"{criterion} (right; lower is better)"
        lines += _line(right, values[criterion], label, *_STYLES["criterion"])
        right.set_ylabel(criterion)
    if "mlh" not in values and criterion is None:
        for key in (key for key in _CHURN if key in values):
            label = MEASURES[key].title.removeprefix("churn ")
            lines += _line(below, values[key], label, *_STYLES[key])
        if lines:
            # It falls by orders of magnitude; where nothing changed, there is no point.
            below.set_yscale("log")
            below.set_ylabel("churn")
    below.set_xlabel("epoch")
    below.xaxis.get_major_locator().set_params(integer=True)
    if restored_epoch is not None:
        for ax in (above, below):
            mark = ax.axvline(restored_epoch + 1, color="0.3", linewidth=1, linestyle=":")
        mark.set_label("restored epoch")
        lines.append(mark)
    for ax, handles in ((above, above.get_lines()[: len(accuracies)]), (below, lines)):
        ax.grid(alpha=0.3)
        if handles:
            # Above the axes, where no curve runs.
            ax.legend(
                handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False
            )
    return axes


def information_history(values: Any, *, axes: Any = None) -> Any:
    """Draw the neurons' mean entropy above and their mean mutual information below, over training.

    Args:
        values: an `InformationMonitor`, what `fit` with one returns, or a dict of lists with a
            number an epoch: `entropy` and `mutual_information`, and `epoch` (from 0) where it was
            not looked at each of them. Several, over each other: a dict of these by label.
        axes: two axes; by default those of a new figure.

    Returns:
        The two axes.

    Raises:
        ImportError: if matplotlib is not installed (`pip install matplotlib`).
        ValueError: if one of the keys is missing.
    """
    import matplotlib.pyplot as plt

    several = isinstance(values, Mapping) and all(
        isinstance(one, Mapping) or hasattr(one, "history") for one in values.values()
    )
    drawn = {
        label: getattr(one, "history", one)
        for label, one in (values if several else {"": values}).items()
    }
    if not drawn:
        raise ValueError("`values`: expected something to draw; received an empty dict.")
    for one in drawn.values():
        is_mapping = isinstance(one, Mapping)
        if not is_mapping or not all(key in one for key in _INFORMATION):
            raise ValueError(
                f"`values`: expected {' and '.join(_INFORMATION)}; received "
                f"{', '.join(one) if is_mapping else type(one).__name__}; fit with an "
                "InformationMonitor."
            )
    if axes is None:
        _, axes = plt.subplots(2, 1, sharex=True, figsize=(7, 6), layout="constrained")
    for ax, (key, name) in zip(axes, _INFORMATION.items(), strict=True):
        for i, one in enumerate(drawn.values()):
            epochs = np.array(one.get("epoch", range(len(one[key])))) + 1
            color, dashes, marker = (
                each[i % len(each)] for each in (looks.COLORS, looks.DASHES, looks.MARKERS)
            )
            look = {"color": color, "linestyle": dashes, "marker": marker, "markersize": 4}
            ax.plot(epochs, one[key], **look)
        ax.set_ylabel(f"{name} (nats)")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.3)
    axes[1].set_xlabel("epoch")
    if any(drawn):
        looks.legend_above(axes[0], axes[0].get_lines(), [str(label) for label in drawn])
    return axes


def _line(ax, numbers, label, color, style):
    epochs = np.arange(1, len(numbers) + 1)
    return ax.plot(epochs, numbers, label=label, color=color, linestyle=style)
