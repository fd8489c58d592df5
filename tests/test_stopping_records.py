"""What is recorded of the trainings by which rules of stopping are judged."""

import json

import keras
import numpy as np
import pytest

pytest.importorskip("sklearn")

from examples.stopping import packages, signals, stand_ins, tasks
from examples.stopping.networks import Shape
from tests.backends import needs_tensorflow

pytestmark = pytest.mark.slow


def test_the_two_halves_share_no_data_and_no_network():
    def used(half):
        of_half = [task for task in tasks.TASKS.values() if task.half == half]
        names = {task.data.removesuffix("-rows").removesuffix("_mnist") for task in of_half}
        kinds = {
            (task.network, task.options.get("activation"), task.options.get("kind"))
            for task in of_half
        }
        return len(of_half), names, kinds

    n, names, kinds = used(tasks.DEVELOPMENT)
    n_others, other_names, other_kinds = used(tasks.HELD_BACK)
    assert min(n, n_others) >= 12
    assert not names & other_names
    assert not kinds & other_kinds
    assert len({network for network, *_ in kinds | other_kinds}) >= 6


def test_labels_are_spoilt_as_the_task_says():
    for name, expected in (("digits-300", 0.0), ("digits-600-noise20", 0.2 * 0.9)):
        data, again = tasks.load(name, 3), tasks.load(name, 3)
        np.testing.assert_array_equal(data.x, again.x)
        np.testing.assert_array_equal(data.y, again.y)
        assert not {each.tobytes() for each in data.x} & {each.tobytes() for each in data.x_scored}
        from sklearn.datasets import load_digits

        right = {each.tobytes(): y for each, y in zip(*_digits(load_digits), strict=True)}
        wrong = np.mean([right[x.tobytes()] != y for x, y in zip(data.x, data.y, strict=True)])
        assert wrong == pytest.approx(expected, abs=0.05)
        assert (data.y_scored == [right[x.tobytes()] for x in data.x_scored]).all()


def _digits(load_digits):
    x, y = load_digits(return_X_y=True)
    return (x / 16).astype("float32"), y


def test_stand_ins_are_made_of_training_inputs():
    rng = np.random.default_rng(0)
    x = rng.random((30, 8, 8, 1)).astype("float32")
    found = stand_ins.of(x, Shape((8, 8, 1), 10), seed=0, n=50)
    assert found.keys() == {"mixed", "swapped", "noisy", "shifted"}
    assert {name: len(each) for name, each in found.items()} == {
        "mixed": 100,
        "swapped": 50,
        "noisy": 50,
        "shifted": 50,
    }
    assert {each.shape[1:] for each in found.values()} == {(8, 8, 1)}
    assert np.isin(found["swapped"], x).all()
    assert np.isin(found["shifted"], x).all()
    assert found["mixed"].min() >= 0
    assert found["mixed"].max() <= 1
    symbols = rng.integers(5, size=(30, 6)).astype("int32")
    found = stand_ins.of(symbols, Shape((6,), 3, n_symbols=5), seed=0, noise=(0.9,), n=50)
    assert found.keys() == {"swapped", "swapped_0.9", "dropped"}
    assert {(each.dtype, each.shape) for each in found.values()} == {(np.dtype("int32"), (50, 6))}
    assert 0.2 < np.mean(found["dropped"] == 0) - 0.7 * np.mean(symbols == 0) < 0.4


def test_words_are_letters_and_those_of_two_languages_are_left_out(tmp_path):
    words = {language: np.array([f"{language}ab"]) for language in packages._LANGUAGES}
    words |= {"fr": np.array(["même", "zeta"]), "it": np.array(["zeta", "è"])}
    np.savez(tmp_path / "words.npz", **words)
    x, y, n_symbols = packages.words(tmp_path)
    assert n_symbols == len({*"deab", *"en", *"es", *"même", "è", *"nl", *"pt"}) + 1
    assert y.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert (x > 0).sum(axis=1).tolist() == [4, 4, 4, 4, 1, 4, 4]
    assert x[3, 0] == x[3, 2] < x[3, 1] == n_symbols - 1


def test_alignment_is_the_cosine_of_the_weights_and_minus_their_gradient():
    rng = np.random.default_rng(0)
    hidden, kernel = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    labels, bias = rng.integers(3, size=5), rng.normal(size=3)

    def loss(kernel, i):
        logits = hidden[i] @ kernel + bias
        return np.log(np.exp(logits).sum()) - logits[labels[i]]

    found = signals.alignment(hidden, hidden @ kernel + bias, labels, kernel)
    for i, gamma in enumerate(found):
        gradient = np.zeros_like(kernel)
        for place in np.ndindex(kernel.shape):
            step = np.zeros_like(kernel)
            step[place] = 1e-5
            gradient[place] = (loss(kernel + step, i) - loss(kernel - step, i)) / 2e-5
        norms = np.linalg.norm(gradient) * np.linalg.norm(kernel)
        assert gamma == pytest.approx(-(gradient * kernel).sum() / norms, abs=1e-6)


def test_moments_and_disparity_are_as_worked_out_by_hand():
    assert signals.moments(np.array([-1.0, 1.0, -1.0, 1.0])) == (0.0, -2.0)
    assert signals.moments(np.ones(3)) == (1.0, 0.0)
    # Distances 5, 5 and 0.
    gradients = [np.zeros(2), np.array([3.0, 4.0]), np.array([0.0, 0.0])]
    assert signals.disparity(gradients) == pytest.approx(10 / 3)


@needs_tensorflow  # what the records are made under
class TestUnderTensorFlow:
    def test_changed_answers_are_counted_from_epoch_to_epoch(self):
        metric = signals.Changes(4)
        labels = np.array([[7, 0], [7, 1], [7, 2], [7, 3]])
        logits = np.eye(3)
        metric.update_state(labels, logits[[0, 1, 2, 0]])
        metric.reset_state()
        metric.update_state(labels[[2, 0]], logits[[2, 1]])
        metric.update_state(labels[[1, 3]], logits[[1, 2]])
        assert float(metric.result()) == 2

    def test_the_gradient_of_a_batch_is_that_of_its_scaled_loss(self):
        network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        network.set_weights([np.array([[2.0]])])
        x, y = np.array([[1.0], [3.0]]), np.zeros(2)

        def loss(y, outputs):
            return (outputs[:, 0] - y) ** 2

        (found,) = signals.gradients(network, loss, [(x, y)])
        # Losses 4 and 36 with a spread of 16; the mean's gradient is 2 · 2 · (1 + 9) / 2.
        assert found == pytest.approx([20 / 16])

    def test_evidence_is_as_worked_out_by_hand(self):
        network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
        network.layers[-1].kernel.assign([[0.0], [0.0]])

        def loss(y, outputs):
            return (outputs[:, 0] - y) ** 2

        # Gradients (1, 1) and (3, 1): mean (2, 1), variance (2, 0).
        x, y = np.array([[1, 1], [3, 1]], "float32"), np.float32([-0.5, -0.5])
        assert signals.evidence(network, loss, x, y) == pytest.approx(1 - 2 / 2 * (4 / 2))

    @pytest.mark.filterwarnings("ignore:MLH of")
    def test_evidence_is_recorded_where_it_was_published_for(self):
        from examples.stopping import trajectory

        setting = {"task": "cancer-280-evidence", "seed": 0, "epochs": 3, "held_out": 0.0}
        assert np.isfinite(trajectory.train(setting)["checks"]["evidence"]).all()

    @pytest.mark.filterwarnings("ignore:MLH of")
    def test_a_record_has_all_that_rules_ask_for(self):
        from examples.stopping import trajectory

        setting = {"task": "digits-300", "seed": 0, "epochs": 3, "n": 120}
        alone, beside = (trajectory.train({**setting, "held_out": h}) for h in (0.0, 0.1))
        assert json.loads(json.dumps(alone)) == alone
        assert alone["sizes"]["training"] == 120
        assert (beside["sizes"]["training"], beside["sizes"]["held_out"]) == (108, 12)
        checks = alone["checks"]
        assert {len(values) for values in checks.values()} == {3}
        assert checks["churn_training"][0] is None
        for name in ("mlh", "test_score", "mean_test_score", "ema_test_score", "gwa_mean"):
            assert np.isfinite(checks[name]).all()
        # Of one check the mean is the check itself.
        assert checks["mean_test_score"][0] == checks["test_score"][0]
        assert "val_score" not in checks
        assert {"val_loss", "val_score"} <= beside["checks"].keys()

    @pytest.mark.filterwarnings("ignore:MLH of")
    def test_canaries_are_trained_on_with_wrong_labels(self):
        from examples.stopping import trajectory

        y = np.arange(1000) % 10
        wrong = trajectory._wrong(y, 10, seed=0)
        assert set((wrong - y) % 10) == {*range(1, 10)}
        setting = {"task": "digits-300", "seed": 0, "epochs": 3, "n": 120, "held_out": 0.05}
        found = trajectory.train({**setting, "canaries": True})
        assert (found["sizes"]["training"], found["sizes"]["held_out"]) == (120, 6)
        assert found["checks"]["val_score"] != trajectory.train(setting)["checks"]["val_score"]

    def test_the_start_is_scaled_and_stands_beside_random_numbers_of_its_spread(self):
        from examples.stopping import why_mlh

        setting = {"task": "digits-300", "seed": 0, "decay": 0.0, "epochs": 1}
        once, twice = (why_mlh.train({**setting, "scale": scale}) for scale in (1.0, 2.0))
        assert twice["spread"][0] == pytest.approx(2 * once["spread"][0], rel=1e-4)
        assert {len(values) for values in once.values()} == {2}
        # Uniform at first, so not the MLH of Gaussian numbers.
        assert abs(once["mlh"][0] - once["if_random"][0]) > 0.05

    @pytest.mark.filterwarnings("ignore:MLH of")
    def test_a_quick_try_records_and_the_next_start_has_nothing_to_do(self, tmp_path, capsys):
        from examples.stopping import record

        for _ in range(2):
            with pytest.raises(SystemExit, match="0"):
                record.main(["--quick", "--out", str(tmp_path)])
            assert capsys.readouterr().out.startswith("3 of 3 runs are recorded in ")
        assert len((tmp_path / "development.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("half", [tasks.DEVELOPMENT, tasks.HELD_BACK, tasks.ADDED])
def test_the_tables_are_those_of_the_records(half):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    from examples.experiments import command, records
    from examples.stopping import catalogue, compared, verdict

    path = command.results("stopping") / f"{half.replace(' ', '_')}.jsonl"
    of_half = records.read(path)
    found = compared.regrets(catalogue.all_ways(), of_half)
    text = verdict.draw(found, half, None, of_half)
    assert text == path.with_suffix(".md").read_text(encoding="utf-8")
