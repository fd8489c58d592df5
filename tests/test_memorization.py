"""The experiments on memorisation: their data, one training, and what is drawn from records."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from examples.experiments import command, datasets, runner
from examples.memorization import (
    circles,
    colored_mnist,
    levels,
    model_selection,
    problems,
    shuffled_cifar10,
    shuffled_mnist,
    training,
)
from tests.backends import needs_tensorflow

pytestmark = pytest.mark.slow
SCRIPTS = {
    "circles": circles,
    "colored_mnist": colored_mnist,
    "model_selection": model_selection,
    "shuffled_cifar10": shuffled_cifar10,
    "shuffled_mnist": shuffled_mnist,
}


@needs_tensorflow  # the others would take long to compile, and do nothing else
@pytest.mark.parametrize("name", ["circles", "model_selection", "shuffled_cifar10"])
def test_a_quick_try_runs_and_draws(name, tmp_path, capsys):
    for again in ([], ["--draw"]):
        with pytest.raises(SystemExit) as ended:
            SCRIPTS[name].main(["--quick", "--out", str(tmp_path), *again])
        assert ended.value.code == 0
        text = (tmp_path / f"{name}.md").read_text()
        assert text.startswith(command.QUICK)
        assert text in capsys.readouterr().out
        assert len((tmp_path / f"{name}.png").read_bytes()) > 10_000
        (tmp_path / f"{name}.md").unlink()


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_readme_says_how_many_runs_there_are(name):
    results = command.results("memorization")
    readme = (results.parent / "README.md").read_text(encoding="utf-8")
    (row,) = [line for line in readme.splitlines() if f"| `{name}" in line]
    args = SimpleNamespace(seeds=SCRIPTS[name].SEEDS, quick=False, out=results)
    stages = SCRIPTS[name].stages(args)
    found = sum(len(runner.recorded(chosen, path)) for path, _, chosen in stages)
    asked = sum(len(chosen) for *_, chosen in stages)
    assert (f"{found} of {asked}" if found else "none yet") in row


def colors(x):
    """The colour of each picture, which has no other."""
    used = x.any(axis=(1, 2))
    assert (used.sum(axis=1) == 1).all()
    return used.argmax(axis=1)


@pytest.mark.parametrize("e", [0, 0.25, 1])
def test_colours_tell_the_label_as_often_as_they_should(e):
    problem = problems.make("colored_digits", e, seed=3)
    for (x, y), wrong in ((problem.train, e), (problem.val, e), (problem.target, 0.5)):
        share = np.mean(colors(x) != y)
        assert abs(share - wrong) <= 4 * np.sqrt(wrong * (1 - wrong) / len(y))
    assert len(problem.train[0]) == 240
    assert len(problem.val[0]) == 60


def test_coloured_pictures_are_every_second_pixel_and_a_quarter_of_their_labels_is_wrong():
    data = datasets.load("digits")
    x, y = problems.make("colored_digits", 0.25, seed=0).target
    np.testing.assert_array_equal(x.sum(axis=-1), data.x_test[:, ::2, ::2, 0])
    wrong = np.mean(y != (data.y_test < 5))
    assert wrong == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("beta", [0, 0.5, 1])
def test_labels_are_redrawn_in_training_and_right_in_the_target(beta):
    data = datasets.load("digits")
    problem = problems.make("shuffled_digits", beta, seed=0)
    label = {x.tobytes(): y for x, y in zip(data.x_train, data.y_train, strict=True)}
    wrong = np.mean([label[x.tobytes()] != y for x, y in zip(*problem.train, strict=True)])
    # A redrawn label is the right one in one case of ten.
    assert wrong == pytest.approx(0.9 * beta, abs=0.1)
    np.testing.assert_array_equal(problem.target[1], data.y_test)


@pytest.mark.parametrize("e", [0, 0.375])
def test_circles_have_their_radii_and_a_third_feature_that_tells(e):
    problem = problems.make("circles", e, seed=0)
    for (x, y), wrong in ((problem.train, e), (problem.target, 0.5)):
        radius = np.hypot(x[:, 0], x[:, 1])
        for label, expected in ((0, 1), (1, 0.5)):
            assert radius[y == label].mean() == pytest.approx(expected, abs=0.02)
        assert np.mean((x[:, 2] > 0) != y) == pytest.approx(wrong, abs=0.05)


def test_a_training_is_judged_and_looked_at():
    setting = circles.SETTING | {"level": 0.0, "seed": 0, "epochs": 3, "look_every": 2}
    found = training.train(setting)
    assert json.loads(json.dumps(found)) == found
    assert found["train"]["accuracy"] > 0.95
    assert found["target"]["accuracy"] < 0.7
    assert [len(values) for values in found["entropies"].values()] == [16, 16]
    pooled = np.concatenate(list(found["entropies"].values()))
    assert found["entropy"] == pytest.approx(pooled.mean(), abs=1e-3)
    assert len(found["pairs"]) == 32 * 31 // 2
    assert found["mutual_information"] == pytest.approx(np.mean(found["pairs"]), abs=1e-3)
    assert found["history"]["epoch"] == [0, 2]


def made_up(level, seed, sign=1, **setting):
    """A record whose entropy rises with the level, and whose information falls, or otherwise."""
    rng = np.random.default_rng(seed)
    layers = [
        {"name": name, "entropy": 2 + sign * level, "mutual_information": 0.5 - 0.1 * sign * level}
        for name in ("hidden_1", "hidden_2")
    ]
    return {
        "setting": {"problem": "shuffled_mnist", "level": level, "seed": seed, **setting},
        **{part: {"loss": level, "accuracy": 1 - level / 2} for part in ("train", "val", "target")},
        "mlh": 0.9,
        "entropy": 2 + sign * level,
        "mutual_information": 0.5 - 0.1 * sign * level,
        "layers": layers,
        "history": {"epoch": [0, 5], "entropy": [3, 2], "mutual_information": [0.1, 0.2]},
        "entropies": {layer["name"]: rng.uniform(1, 3, 20).tolist() for layer in layers},
        "pairs": rng.uniform(0, 1, 50).tolist(),
    }


@pytest.mark.parametrize(("sign", "shown"), [(1, "3 of 3"), (-1, "0 of 3")])
def test_the_table_says_in_how_many_seeds_a_direction_holds(sign, shown, tmp_path):
    found = [made_up(level, seed, sign) for seed in range(3) for level in (0.5, 0, 1)]
    text = levels.draw(found, tmp_path / "picture.png")
    rho = f"{sign:.2f} ({sign:.2f} to {sign:.2f}) | {shown}"
    rows = [line for line in text.splitlines() if line.startswith(("| all", "| hidden"))]
    assert len(rows) == 3
    assert all(f"| {rho} |" in row for row in rows)
    (row,) = [line for line in text.splitlines() if line.startswith("| 0.5 | 3 ")]
    assert f"{2 + sign * 0.5:.3f} ± 0.000" in row


def test_directions_wait_for_three_levels(tmp_path):
    text = levels.draw([made_up(0, 0), made_up(1, 0)], tmp_path / "picture.png")
    assert "too few levels" in text


def test_agreement_is_that_of_scipy_and_the_regret_of_the_first():
    rng = np.random.default_rng(0)
    promises, accuracies = rng.integers(5, size=20).astype(float), rng.random(20)
    tau, rho, regret = model_selection.agreement(promises, accuracies)
    assert tau == stats.kendalltau(promises, accuracies).statistic
    assert rho == stats.spearmanr(promises, accuracies).statistic
    assert regret == pytest.approx(accuracies.max() - accuracies[promises == 4].mean())
    assert model_selection.agreement([1, 2, 3], [5, 6, 9])[2] == 0
    assert model_selection.agreement([1, 1], [5, 6]) == (0, 0, 0.5)


@pytest.mark.parametrize(
    ("problem", "sign"), [("colored_mnist", 1), ("shuffled_mnist", -1)], ids=str
)
def test_the_better_network_is_told_by_the_opposite_for_each_fault(problem, sign, tmp_path):
    """Accuracy falls with the made-up level: entropy is to fall or rise with it, accordingly."""
    found = [
        made_up(level, seed, -sign, problem=problem) for seed in range(2) for level in (0, 0.5, 1)
    ]
    text = model_selection.draw(found, tmp_path / "picture.png")
    rows = [line for line in text.splitlines() if line.startswith(("| entropy", "| mutual"))]
    assert len(rows) == 2
    assert all("| 1.00 ± 0.00 | 1.00 ± 0.00 | 0.0 ± 0.0 |" in row for row in rows)
