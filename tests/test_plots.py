from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from keras_benford import BENFORD, plots  # noqa: E402
from keras_benford import mlh as mlh_of  # noqa: E402

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


def test_a_history_of_churn_is_drawn_on_a_logarithmic_scale():
    nan = float("nan")
    values = {
        "accuracy": [0.3, 0.6, 0.8],
        "churn": [nan, 0.2, 0.0],
        "unseen_churn": [nan, 0.2, 0.1],
    }
    _, below = plots.history(values, restored_epoch=1)
    assert below.get_yscale() == "log"
    found = curves(below)
    np.testing.assert_array_equal(found["on training inputs"], values["churn"])
    np.testing.assert_array_equal(found["on unseen inputs"], values["unseen_churn"])
    assert below.get_ylabel() == "churn"


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


NAN = float("nan")
COUNTS = np.array([30, 18, 12, 10, 8, 7, 6, 5, 4])
LONG = "runs/transformer-large/" + "x" * 60 + ".keras"


def layer(path="dense/kernel", mlh=0.98, spread=0.01, gaussian=0.95, uniform=NAN):
    return SimpleNamespace(
        path=path,
        counts=COUNTS,
        mlh=mlh,
        size=100,
        mlh_spread=spread,
        mlh_if_gaussian=gaussian,
        mlh_if_uniform=uniform,
    )


def model(*layers, name="model.keras", mlh=0.9876):
    return SimpleNamespace(name=name, layers=layers, counts=COUNTS * 123, mlh=mlh)


def deep(depth, path="block_{}/kernel", **kwargs):
    return model(*(layer(path.format(i), mlh=1 - i / 1000) for i in range(depth)), **kwargs)


def heights(ax):
    return [[bar.get_height() for bar in bars] for bars in ax.containers]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def names(ax):
    return [tick.get_text() for tick in ax.get_xticklabels()]


def points(ax):
    """x and y of each score's points."""
    return [container.lines[0].get_xydata().T.tolist() for container in ax.containers]


def drawn(ax):
    ax.figure.canvas.draw()
    return ax


class TestDigits:
    def test_bars_are_shares_and_the_line_is_the_law(self):
        ax = plots.digits(COUNTS)
        assert heights(ax) == [pytest.approx(COUNTS / 100)]
        assert [bar.get_center()[0] for bar in ax.patches] == pytest.approx(range(1, 10))
        assert curves(ax).popitem()[1] == list(BENFORD)
        assert names(ax) == list("123456789")
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("leading digit", "share of the values")

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("scores", "expected"),
        [
            pytest.param(COUNTS, ["MLH 0.9991, n = 100"], id="array"),
            pytest.param(COUNTS.tolist(), ["MLH 0.9991, n = 100"], id="list"),
            pytest.param(COUNTS / 100, ["MLH 0.9991"], id="shares"),
            pytest.param(layer(), ["dense/kernel: MLH 0.9991, n = 100"], id="layer"),
            pytest.param(model(), ["model.keras: MLH 0.9991, n = 12,300"], id="score"),
            pytest.param(
                [model(), COUNTS],
                ["model.keras: MLH 0.9991, n = 12,300", "MLH 0.9991, n = 100"],
                id="score and counts",
            ),
            pytest.param(
                (layer("a"), layer("b")),
                ["a: MLH 0.9991, n = 100", "b: MLH 0.9991, n = 100"],
                id="layers",
            ),
            pytest.param({"mine": layer()}, ["mine: MLH 0.9991, n = 100"], id="dict"),
            pytest.param({7: COUNTS}, ["7: MLH 0.9991, n = 100"], id="number as label"),
            pytest.param([0] * 9, ["MLH undefined, n = 0"], id="no digits"),
            pytest.param([3] * 9, ["MLH undefined, n = 27"], id="all equal"),
        ],
    )
    def test_the_legend_names_each_with_its_mlh(self, scores, expected):
        assert legend(drawn(plots.digits(scores))) == [*expected, "Benford's law"]

    def test_mlh_is_that_of_the_counts(self):
        assert legend(plots.digits(COUNTS))[0].startswith(f"MLH {mlh_of(COUNTS):.4f}")

    def test_several_stand_side_by_side_and_differ_in_colour_and_hatch(self):
        ax = plots.digits({label: COUNTS for label in "abc"})
        groups = [
            [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in c] for c in ax.containers
        ]
        for digit, bars in enumerate(zip(*groups, strict=True), 1):
            edges = [x for bar in bars for x in bar]
            assert edges == pytest.approx(sorted(edges))
            assert np.mean(edges) == pytest.approx(digit)
        looks = [(c[0].get_facecolor(), c[0].get_hatch()) for c in ax.containers]
        assert [len(set(column)) for column in zip(*looks, strict=True)] == [3, 3]

    def test_twenty_look_different(self):
        ax = plots.digits([COUNTS] * 20)
        assert len({(c[0].get_facecolor(), c[0].get_hatch()) for c in ax.containers}) == 20

    def test_counts_without_a_digit_have_no_bars(self):
        assert heights(drawn(plots.digits(np.zeros(9)))) == [[0] * 9]


class TestLayers:
    def test_points_are_the_weights_mlh_by_path(self):
        ax = drawn(plots.layers(model(layer("a/kernel", 0.9), layer("b/kernel", 0.8))))
        assert points(ax) == [[[1, 2], [0.9, 0.8]]]
        assert ax.get_xticks().tolist() == [1, 2]
        assert names(ax) == ["a/kernel", "b/kernel"]
        assert ax.get_xlabel() == "weight, in the model's order"

    def test_bars_are_one_standard_deviation_of_sampling(self):
        ax = plots.layers(model(layer(mlh=0.9, spread=0.02), layer(mlh=0.8, spread=NAN)))
        (bars,) = ax.containers[0].lines[2]
        assert bars.get_segments()[0][:, 1] == pytest.approx([0.88, 0.92])
        assert len(bars.get_segments()[1]) == 0
        assert ax.get_ylabel() == "MLH\n± 1 SD of sampling"

    def test_a_dotted_line_is_the_pooled_mlh(self):
        ax = plots.layers(model(layer(), mlh=0.9876))
        (dotted,) = [line for line in ax.get_lines() if line.get_linestyle() == ":"]
        assert dotted.get_ydata() == [0.9876, 0.9876]
        assert legend(ax)[0] == "model.keras: pooled (dotted) MLH 0.9876, n = 12,300"

    def test_models_of_one_name_are_told_apart(self):
        found = legend(plots.layers([model(layer(), name="cnn")] * 3))
        assert [text.split(":")[0] for text in found] == ["cnn", "cnn (2)", "cnn (3)"]

    def test_a_single_score_stands_beside_gaussians(self):
        ax = plots.layers(model(layer(gaussian=0.95), layer(gaussian=NAN), layer(gaussian=0.97)))
        (hollow,) = [line for line in ax.get_lines() if line.get_markerfacecolor() == "none"]
        np.testing.assert_array_equal(hollow.get_xydata(), [[1, 0.95], [2, NAN], [3, 0.97]])
        assert legend(ax)[1:] == ["Gaussian random numbers of the same spread"]

    def test_and_beside_uniform_numbers(self):
        ax = plots.layers(model(layer(uniform=0.54), layer(uniform=0.61)))
        gaussian, uniform = (ln for ln in ax.get_lines() if ln.get_markerfacecolor() == "none")
        np.testing.assert_array_equal(uniform.get_xydata(), [[1, 0.54], [2, 0.61]])
        assert uniform.get_marker() != gaussian.get_marker()
        assert legend(ax)[2] == "uniform random numbers of the same spread"

    @pytest.mark.parametrize(
        "scores",
        [model(layer(gaussian=NAN)), [model(layer()), model(layer())]],
        ids=["unknown", "several scores"],
    )
    def test_elsewhere_no_gaussian_is_drawn(self, scores):
        ax = plots.layers(scores)
        assert "none" not in [line.get_markerfacecolor() for line in ax.get_lines()]
        assert len(legend(ax)) == len(ax.containers)

    def test_an_undefined_mlh_is_a_gap(self):
        gap = layer("b", mlh=NAN, spread=NAN, gaussian=NAN)
        ax = drawn(plots.layers(model(layer("a"), gap, layer("c"))))
        np.testing.assert_array_equal(points(ax), [[[1, 2, 3], [0.98, NAN, 0.98]]])
        assert names(ax) == ["a", "b", "c"]

    def test_a_model_whose_mlh_is_undefined_is_drawn_empty(self):
        nothing = layer(mlh=NAN, spread=NAN, gaussian=NAN)
        ax = drawn(plots.layers(model(nothing, mlh=NAN)))
        assert legend(ax) == ["model.keras: pooled (dotted) MLH undefined, n = 12,300"]

    def test_more_than_forty_are_numbered(self):
        assert names(plots.layers(deep(40))) == [f"block_{i}/kernel" for i in range(40)]
        ax = drawn(plots.layers(deep(41)))
        assert "block_0/kernel" not in names(ax)
        assert points(ax)[0][0] == list(range(1, 42))
        assert ax.get_xlabel() == "depth (1 = first counted weight)"

    def test_equal_paths_share_their_ticks(self):
        ax = plots.layers({"before": deep(3), "after": deep(3)})
        assert [x for x, _ in points(ax)] == [[1, 2, 3]] * 2
        assert names(ax) == [f"block_{i}/kernel" for i in range(3)]
        assert [text.split(":")[0] for text in legend(ax)] == ["before", "after"]

    def test_paths_are_compared_and_shown_without_the_models_names(self):
        ax = plots.layers([deep(2, f"{name}/block_{{}}/kernel", name=name) for name in "ab"])
        assert names(ax) == ["block_0/kernel", "block_1/kernel"]

    def test_models_that_differ_share_a_relative_depth(self):
        ax = drawn(plots.layers([deep(3), deep(5, "other_{}/kernel"), deep(1)]))
        expected = [[0, 0.5, 1], [0, 0.25, 0.5, 0.75, 1], [0]]
        assert [x for x, _ in points(ax)] == expected
        assert ax.get_xlabel() == "relative depth (0 = first, 1 = last)"

    def test_several_differ_in_colour_and_marker(self):
        lines = [c.lines[0] for c in plots.layers([deep(2)] * 3).containers]
        assert len({line.get_color() for line in lines}) == 3
        assert len({line.get_marker() for line in lines}) == 3

    def test_names_that_are_too_long_keep_their_ends(self):
        ax = drawn(plots.layers(deep(3, "x" * 90 + "/block_{}/kernel")))
        assert all(name.startswith("…xxx") for name in names(ax))
        assert [name[-15:] for name in names(ax)] == [f"/block_{i}/kernel" for i in range(3)]

    def test_names_whose_ends_are_alike_become_numbers(self):
        ax = drawn(plots.layers(deep(3, "block_{}/" + "x" * 90)))
        assert ax.get_xlabel() == "depth (1 = first counted weight)"


BOTH = pytest.mark.parametrize("draw", [plots.digits, plots.layers], ids=["digits", "layers"])
SCORES = {
    "one weight": deep(1),
    "thirty long paths": deep(30, "encoder/transformer_block_{}/multi_head_attention/query/kernel"),
    "three hundred": deep(300),
    "long name": deep(2, name=LONG),
    "two depths": [deep(4), deep(30, "x_{}", name=LONG)],
    "eight": {f"model {i} at the end of its training": deep(3) for i in range(8)},
}


@pytest.mark.slow
@BOTH
class TestBoth:
    @pytest.mark.parametrize("scores", SCORES.values(), ids=SCORES)
    def test_everything_lies_within_the_figure_and_the_legend_above_the_axes(self, draw, scores):
        ax = drawn(draw(scores))
        figure, box = ax.figure.bbox, ax.get_window_extent()
        around = ax.get_tightbbox()
        assert 0 <= around.x0 < around.x1 <= figure.x1
        assert 0 <= around.y0 < around.y1 <= figure.y1
        assert box.height / ax.figure.dpi == pytest.approx(3.5, abs=0.3)
        assert ax.get_legend().get_window_extent().y0 >= box.y1

    def test_names_of_paths_do_not_overlap(self, draw):
        ax = drawn(draw(deep(40)))
        boxes = [tick.get_window_extent() for tick in ax.get_xticklabels()]
        assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))

    def test_it_draws_on_the_axes_it_is_given(self, draw):
        figure, axes = plt.subplots(2, 2, layout="constrained")
        for ax, scores in zip(axes.flat, SCORES.values(), strict=False):
            assert draw(scores, ax=ax) is ax
        figure.canvas.draw()
        assert plt.get_fignums() == [1]
        assert figure.get_size_inches().tolist() == matplotlib.rcParams["figure.figsize"]

    def test_long_names_are_wrapped_not_cut(self, draw):
        _, ax = plt.subplots()
        draw(model(layer(), name=LONG), ax=ax)
        text = legend(ax)[0]
        assert "\n" in text
        assert text.replace("\n", "").startswith(LONG + ":")

    def test_names_are_set_as_they_are(self, draw):
        ax = drawn(draw(model(layer("_$a$/kernel"), name="_$x$")))
        texts = [*ax.get_legend().get_texts(), *ax.get_xticklabels()]
        assert legend(ax)[0].startswith("_$x$: ")
        assert not any(text.get_parse_math() for text in texts if "$" in text.get_text())

    @pytest.mark.parametrize("kind", ["png", "svg"])
    def test_it_is_saved_without_a_warning(self, draw, kind, tmp_path):
        file = tmp_path / f"plot.{kind}"
        draw(deep(3)).figure.savefig(file)
        assert file.stat().st_size > 0

    @pytest.mark.parametrize("nothing", [[], (), {}], ids=["list", "tuple", "dict"])
    def test_nothing_is_refused(self, draw, nothing):
        received = f"received an empty {type(nothing).__name__}; pass"
        with pytest.raises(ValueError, match=rf"`scores`: expected something to draw; {received}"):
            draw(nothing)

    @pytest.mark.parametrize(
        ("other", "received"),
        [
            ("model.keras", "str"),
            (None, "NoneType"),
            ([deep(1), "b.keras"], "str"),
            ({"a": None}, "NoneType"),
            (SimpleNamespace(name="a Keras model", layers=[]), "SimpleNamespace"),
        ],
        ids=["path", "none", "path in a list", "none in a dict", "model"],
    )
    def test_what_is_no_score_is_refused_before_a_figure_opens(self, draw, other, received):
        with pytest.raises(
            TypeError, match=rf"`scores`: expected a `Score`.*; received {received};"
        ):
            draw(other)
        assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("counts", "received"),
    [
        (np.ones(8), r"shape \(8,\)"),
        (np.ones((2, 9)), r"shape \(2, 9\)"),
        ([1, 2], r"shape \(2,\)"),
        (3, r"shape \(\)"),
        ([-1] * 9, r"\[-1 .*\]"),
        ([NAN] * 9, r"\[nan .*\]"),
    ],
    ids=["eight", "two rows", "two", "a number", "negative", "not finite"],
)
def test_digits_refuses_what_are_not_nine_counts(counts, received):
    with pytest.raises(ValueError, match=rf"`scores`: expected nine .*; received {received}; pass"):
        plots.digits(counts)


def test_layers_refuses_a_score_without_any():
    with pytest.raises(ValueError, match="a `Score` with layers; received model without any"):
        plots.layers(model(name="model"))


def test_layers_refuses_counts():
    with pytest.raises(TypeError, match="expected a `Score`, or several; received ndarray"):
        plots.layers(COUNTS)
