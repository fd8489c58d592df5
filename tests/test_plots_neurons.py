"""Pictures of neurons: boxes of entropy, densities and maps of mutual information, training."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib")
pytest.importorskip("sklearn", reason="needs scikit-learn")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from keras_benford import plots  # noqa: E402
from keras_benford.information import Activations, Report  # noqa: E402


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def report(sizes, seed=0, name="model", dead=()):
    """A report on layers of these sizes, with made-up figures."""
    rng = np.random.default_rng(seed)
    layers = np.repeat(np.array([f"block_{i}" for i in range(len(sizes))], object), sizes)
    n = len(layers)
    values = rng.standard_normal((50, n)).astype("float32")
    values[:, list(dead)] = 1
    pairs = rng.gamma(2, 0.05, (n, n))
    found = Activations(values, layers, np.concatenate([np.arange(size) for size in sizes]))
    return Report(name, found, rng.uniform(1, 4, n), (pairs + pairs.T) / 2, {}, 0)


def medians(ax):
    """The height of the median line of each box, from left to right."""
    lines = [line for line in ax.get_lines() if line.get_color() == "black"]
    flat = [line for line in lines if len(set(line.get_ydata())) == 1]
    lines = [line for line in flat if len(line.get_xdata()) == 2]
    inner = [line for line in lines if line.get_zorder() == max(each.zorder for each in lines)]
    return [line.get_ydata()[0] for line in sorted(inner, key=lambda line: line.get_xdata()[0])]


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def ticks(ax):
    return [tick.get_text() for tick in ax.get_xticklabels()]


def within_the_figure(ax):
    ax.figure.canvas.draw()
    box, around = ax.figure.bbox, ax.get_tightbbox()
    return 0 <= around.x0 < around.x1 <= box.x1 and 0 <= around.y0 < around.y1 <= box.y1


class TestEntropy:
    def test_a_report_has_a_box_a_layer(self):
        found = report([20, 30])
        ax = plots.entropy(found)
        assert medians(ax) == [np.median(found.entropy[:20]), np.median(found.entropy[20:])]
        assert ticks(ax) == ["block_0", "block_1"]
        assert within_the_figure(ax)

    def test_entropies_by_layer_do_as_well(self):
        found = report([20, 30])
        by_layer = {"first": found.entropy[:20].tolist(), "second": found.entropy[20:]}
        assert medians(plots.entropy(by_layer)) == medians(plots.entropy(found))

    def test_several_stand_side_by_side_with_their_accuracies(self):
        reports = {"β = 0": report([20, 30], 0), "β = 1": report([20, 30], 1)}
        ax = plots.entropy(reports, accuracies=[0.9, 0.1])
        entropies = [each.entropy for each in reports.values()]
        expected = [np.median(part) for each in entropies for part in (each[:20], each[20:])]
        assert medians(ax) == expected
        assert ticks(ax) == [*reports]
        assert labels(ax) == ["block_0", "block_1", "accuracy (right)"]
        assert list(ax.figure.axes[-1].get_lines()[0].get_ydata()) == [0.9, 0.1]
        assert within_the_figure(ax)

    def test_layers_that_only_some_have_stand_where_they_belong(self):
        ax = plots.entropy([report([20]), report([20, 30])])
        assert len(medians(ax)) == 3
        assert labels(ax) == ["block_0", "block_1"]

    def test_layers_of_one_architecture_are_matched_whatever_their_names(self):
        found = report([20, 30]).entropy
        several = [
            {"dense": found[:20], "dense_1": found[20:]},
            {"dense_2": found[:20], "z": found},
        ]
        ax = plots.entropy(several)
        assert len(medians(ax)) == 4
        assert labels(ax) == ["layer 1", "layer 2"]

    def test_of_many_layers_several_reports_have_a_box_each(self):
        reports = [report([5] * 9, seed, f"model {seed}") for seed in range(3)]
        ax = plots.entropy(reports)
        assert medians(ax) == [np.median(each.entropy) for each in reports]
        assert labels(ax) == ["all neurons"]

    @pytest.mark.parametrize("values", [[0, 0, 0, 1, 2], [1, 5, 5.1], [2, 2, 2]], ids=str)
    def test_notches_stay_within_their_box(self, values):
        ax = plots.entropy({"layer": values})
        ends = ax.patches[0].get_path().vertices[:, 1]
        assert ends.min() == np.quantile(values, 0.25)
        assert ends.max() == np.quantile(values, 0.75)

    def test_layers_of_several_differ_in_colour_and_hatch(self):
        ax = plots.entropy([report([5] * 8), report([5] * 8)])
        boxes = [(box.get_facecolor(), box.get_hatch()) for box in ax.patches]
        assert len(set(boxes)) == 8
        assert len({hatch for _, hatch in boxes}) == 5
        assert ax.get_xlabel() == "model"

    def test_the_names_of_a_hundred_layers_do_not_overlap(self):
        ax = plots.entropy(report([3] * 100))
        assert within_the_figure(ax)
        boxes = [tick.get_window_extent() for tick in ax.get_xticklabels()]
        assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))

    def test_there_is_an_accuracy_for_each(self):
        with pytest.raises(ValueError, match="expected one for each of 1 reports; received 2"):
            plots.entropy(report([3]), accuracies=[1, 2])


class TestMutualInformation:
    def test_it_is_the_density_of_the_pairs(self):
        found = report([20, 30], dead=[3])
        assert len(found.pairs) == 49 * 48 // 2
        ax = plots.mutual_information(found)
        (bars,) = ax.patches
        values, edges, _ = bars.get_data()
        inside = (found.pairs >= edges[0]) & (found.pairs <= edges[-1])
        assert (values * np.diff(edges)).sum() == pytest.approx(inside.mean())
        assert inside.mean() > 0.99
        assert labels(ax) == [f"model: mean {found.pairs.mean():.4f}, 1,176 pairs"]
        assert within_the_figure(ax)

    def test_the_mixture_is_that_of_the_values(self):
        rng = np.random.default_rng(0)
        values = np.concatenate([rng.normal(1, 0.1, 3000), rng.normal(2, 0.2, 6000)]) * 1e-4
        (line,) = plots.mutual_information(values).get_lines()
        at, density = line.get_data()
        from scipy import stats

        expected = stats.norm.pdf(at, 1e-4, 1e-5) / 3 + stats.norm.pdf(at, 2e-4, 2e-5) * 2 / 3
        np.testing.assert_allclose(density, expected, atol=0.05 * expected.max())

    def test_without_components_there_is_no_line(self):
        ax = plots.mutual_information({"a": report([20]), "b": np.ones(5)}, components=0)
        assert len(ax.patches) == 2
        assert ax.get_lines()[:] == []
        assert ax.get_legend().get_title().get_text() == ""

    def test_the_legend_says_what_the_line_is(self):
        ax = plots.mutual_information(report([20]), components=3)
        said = ax.get_legend().get_title().get_text()
        assert said == "bars: the pairs; line: a mixture of 3 Gaussians fitted to them"

    @pytest.mark.parametrize("components", [0, 2])
    def test_several_are_told_apart_without_their_colours(self, components):
        ax = plots.mutual_information(
            [report([20], seed) for seed in range(5)], components=components
        )
        looks = [line.get_marker() for line in ax.get_lines()]
        looks = looks or [bars.get_linestyle() for bars in ax.patches]
        assert len(set(looks)) == 5
        assert not any(bars.get_fill() for bars in ax.patches)
        assert within_the_figure(ax)

    def test_pairs_that_are_all_the_same_are_drawn_without_a_mixture(self):
        ax = plots.mutual_information(np.full(100, 0.3))
        assert within_the_figure(ax)

    @pytest.mark.parametrize("components", [-1, 1.5])
    def test_components_are_a_number_of_them(self, components):
        with pytest.raises(ValueError, match="`components`: expected an integer of 0 or more"):
            plots.mutual_information(report([20]), components=components)


class TestMap:
    def test_it_shows_every_pair_and_hides_the_dead_and_the_diagonal(self):
        found = report([4, 6], dead=[2])
        ax = plots.mutual_information_map(found)
        shown = ax.get_images()[0].get_array()
        hidden = np.eye(10, dtype=bool)
        hidden[2] = hidden[:, 2] = True
        np.testing.assert_array_equal(shown.mask, hidden)
        np.testing.assert_array_equal(shown[~hidden], found.mutual_information[~hidden])
        assert ticks(ax) == ["block_0 (4)", "block_1 (6)"]
        assert list(ax.get_xticks()) == [1.5, 6.5]
        assert within_the_figure(ax)

    def test_it_takes_one_report(self):
        with pytest.raises(TypeError, match="expected a `Report`; received list"):
            plots.mutual_information_map([report([3])])

    def test_without_a_pair_there_is_nothing_to_see(self):
        with pytest.raises(ValueError, match="expected pairs of neurons that are not dead"):
            plots.mutual_information_map(report([2], dead=[0]))


@pytest.mark.parametrize("draw", [plots.entropy, plots.mutual_information])
@pytest.mark.parametrize(
    ("what", "error", "received"),
    [
        ([], ValueError, "an empty list"),
        ({}, ValueError, "an empty dict"),
        ("model.keras", TypeError, "str"),
        ([report([3]), "b"], TypeError, "str"),
        ({"a": None}, TypeError, "NoneType"),
    ],
    ids=["list", "dict", "path", "path in a list", "none in a dict"],
)
def test_what_is_no_report_is_refused_before_a_figure_opens(draw, what, error, received):
    with pytest.raises(error, match=rf"`reports`: expected .*; received {received};"):
        draw(what)
    assert plt.get_fignums() == []


VALUES = {"entropy": [3.0, 2.0], "mutual_information": [0.1, 0.2]}


class TestHistory:
    @pytest.mark.parametrize("kind", [dict, lambda values: SimpleNamespace(history=values)])
    def test_entropy_stands_above_and_mutual_information_below(self, kind):
        above, below = plots.information_history(kind(VALUES))
        (line,), (lower,) = above.get_lines(), below.get_lines()
        assert line.get_xydata().tolist() == [[1, 3.0], [2, 2.0]]
        assert list(lower.get_ydata()) == [0.1, 0.2]

    def test_epochs_that_were_looked_at_are_where_they_were(self):
        above, _ = plots.information_history({"epoch": [0, 5], **VALUES})
        assert list(above.get_lines()[0].get_xdata()) == [1, 6]

    def test_several_are_told_apart_by_label(self):
        _, axes = plt.subplots(2)
        values = {"clean": SimpleNamespace(history=VALUES), "shuffled": VALUES}
        assert plots.information_history(values, axes=axes) is axes
        assert labels(axes[0]) == ["clean", "shuffled"]
        assert len(axes[1].get_lines()) == 2
        assert len({line.get_marker() for line in axes[1].get_lines()}) == 2

    @pytest.mark.parametrize(
        ("values", "received"),
        [
            ({"loss": [1.0]}, "loss"),
            ({"entropy": [1.0]}, "entropy"),
            ({}, "an empty dict"),
            ({"a": {"loss": [1.0]}}, "loss"),
            ({"a": 3}, "a;"),
            (3, "int"),
        ],
    )
    def test_what_has_no_information_is_refused(self, values, received):
        with pytest.raises(ValueError, match=f"`values`: expected .*received .*{received}"):
            plots.information_history(values)
