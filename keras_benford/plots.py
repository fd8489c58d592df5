"""Training histories to pictures: every function draws on matplotlib axes and returns them."""

from typing import Any

import numpy as np


def history(values: Any, *, restored_epoch: int | None = None, axes: Any = None) -> Any:
    """Draw accuracies above, MLH and the criterion below, epoch by epoch.

    Args:
        values: what `fit` returns, or a dict of lists with a number an epoch: `accuracy`,
            `val_accuracy`, `test_accuracy`, `mlh` and one of `eic`, `scaled_eic`, `symbolic_eic`;
            those that are missing are left out, other keys are ignored.
        restored_epoch: the epoch (from 0) whose weights were restored, marked by a vertical line.
        axes: two axes, for the accuracies and for the rest; by default those of a new figure.

    Returns:
        The two axes; the criterion has a scale of its own at the right of the second.

    Raises:
        ImportError: if matplotlib is not installed (`pip install keras-benford[plots]`).
        ValueError: if `values` has none of the keys.
    """
    import matplotlib.pyplot as plt

    values = getattr(values, "history", values)
    accuracies = [key for key in _ACCURACIES if key in values]
    criterion = next((key for key in _CRITERIA if key in values), None)
    if not accuracies and "mlh" not in values and criterion is None:
        raise ValueError(
            f"`values`: expected one of {', '.join((*_ACCURACIES, 'mlh', *_CRITERIA))}; received "
            f"{', '.join(values) or 'no keys'}; do fit with a callback of keras_benford."
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
    below.set_xlabel("epoch")
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


_ACCURACIES = {
    "accuracy": "training (running mean of the epoch)",
    "val_accuracy": "validation",
    "test_accuracy": "test",
}
_CRITERIA = ("scaled_eic", "eic", "symbolic_eic")
# Colour and dashes: told apart in greyscale too.
_STYLES = {
    "accuracy": ("#0072B2", "-"),
    "val_accuracy": ("#56B4E9", "-."),
    "test_accuracy": ("#D55E00", "--"),
    "mlh": ("#000000", "-"),
    "criterion": ("#CC79A7", "--"),
}


def _line(ax, numbers, label, color, style):
    epochs = np.arange(1, len(numbers) + 1)
    return ax.plot(epochs, numbers, label=label, color=color, linestyle=style)
