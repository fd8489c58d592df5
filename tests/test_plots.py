import pytest

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from keras_benford import plots  # noqa: E402

HISTORY = {
    "loss": [2.0, 1.0, 0.5],
    "accuracy": [0.3, 0.6, 0.8],
    "val_accuracy": [0.2, 0.5, 0.6],
    "mlh": [0.90, 0.95, 0.94],
    "scaled_eic": [0.1, -0.7, -0.6],
}


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def curves(ax):
    return {line.get_label(): list(line.get_ydata()) for line in ax.get_lines()}


def test_a_history_draws_its_accuracies_mlh_and_criterion():
    above, below = plots.history(HISTORY, restored_epoch=1)
    assert HISTORY["accuracy"] in curves(above).values()
    assert HISTORY["val_accuracy"] in curves(above).values()
    assert curves(below)["MLH (left)"] == HISTORY["mlh"]
    right = above.figure.axes[-1]
    assert HISTORY["scaled_eic"] in curves(right).values()
    mark = next(line for line in below.get_lines() if line.get_label() == "restored epoch")
    assert set(mark.get_xdata()) == {2}


def test_what_fit_returns_is_drawn_as_it_is():
    class History:
        history = HISTORY

    _, below = plots.history(History())
    assert curves(below)["MLH (left)"] == HISTORY["mlh"]


def test_it_draws_on_the_axes_it_is_given():
    _, axes = plt.subplots(2)
    assert plots.history({"mlh": [0.9, 0.8]}, axes=axes) is axes
    assert plt.get_fignums() == [1]


def test_a_history_without_anything_to_draw_is_refused():
    with pytest.raises(ValueError, match=r"`values`: expected one of .*; received loss"):
        plots.history({"loss": [1.0]})
