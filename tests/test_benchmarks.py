"""The benchmarks that every backend can run do run, and give no figure for a wrong result."""

import json

import keras
import numpy as np
import pytest

from benchmarks import gpu, information, overhead
from keras_benford.digits import tensors
from keras_benford.information import engines
from tests.backends import needs_tensorflow

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small_densenet(monkeypatch):
    """A small network in DenseNet's place, which JAX takes longer to make than all the rest."""

    def small(weights):
        return keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.Dense(2)])

    monkeypatch.setattr(keras.applications, "DenseNet121", small)


def options(**sizes):
    return [f"--{name.replace('_', '-')}={size}" for name, size in sizes.items()]


@needs_tensorflow  # JAX takes long to compile its networks
def test_overhead_tells_what_counting_costs(capsys):
    overhead.main(options(epochs=1, pair_epochs=1, pictures=128, pairs=2, repeats=2))
    said = capsys.readouterr().out
    assert f"on {keras.config.backend()} {overhead.backend_version()}" in said
    assert "2 kernels" in said
    for what in (
        "later counts",
        "in its hooks",
        "noisy inputs",
        "with a check each epoch",
        "with WeightsMLH",
    ):
        assert what in said


def test_slower_is_told_by_the_median_of_the_ratios():
    told = overhead.slower([1.0, 2.0, 100.0, 4.0, 5.0], [1.01, 2.0, 200.0, 3.6, 5.1])
    assert told == "+1.00 % (quartiles +0.00 to +2.00, 5 pairs)"


def test_the_first_pair_is_a_warm_up():
    calls = []
    seconds = overhead.paired_seconds(lambda: calls.append("a"), lambda: calls.append("b"), 2)
    assert [len(each) for each in seconds] == [2, 2]
    assert "".join(calls) == "ba" + "ab" + "ba"


def test_probe_size_judges_the_epoch_that_the_rule_restores():
    probe_size = pytest.importorskip("benchmarks.probe_size", reason="needs scikit-learn")
    rng = np.random.default_rng(0)
    # Fewer and fewer of the classes change, and none any more after ten epochs.
    classes = [rng.integers(10, size=1000)]
    for epoch in range(20):
        changes = rng.random(1000) < 0.5 * 0.5**epoch * (epoch < 10)
        classes.append(np.where(changes, rng.integers(10, size=1000), classes[-1]))
    accuracies = np.linspace(0.5, 0.9, 21)[:, None] - [0.0, 0.01, 0.02]
    found = probe_size.judged(classes, classes, accuracies, seed=0)
    assert list(found["regrets"]) == ["250", "500", "1000"]
    assert found["best"] == 0.9
    # The mean of five without change is first there after epoch 15, and stays the lowest.
    np.testing.assert_allclose(found["regrets"]["1000"], [10.0, 11.0, 12.0, 20.0])


def test_gpu_records_each_measurement(tmp_path):
    out = tmp_path / "new" / "gpu.jsonl"
    gpu.main(options(values=5000, repeats=2, epochs=1, pictures=64, pairs=2, out=out))
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [record["what"] for record in records] == ["counting", "counting", "densenet", "fit"]
    assert [record["dtype"] for record in records[:2]] == ["bfloat16", "float32"]
    for record in records:
        assert record["backend"] == keras.config.backend()
        assert record["device"] == overhead.device_kind()
        (quartiles,) = (value for key, value in record.items() if key.endswith("quartiles"))
        assert quartiles == sorted(quartiles)


def test_gpu_gives_no_figure_for_wrong_counts(tmp_path, monkeypatch):
    right = tensors.tally_each
    monkeypatch.setattr(tensors, "tally_each", lambda values: right([2 * each for each in values]))
    out = tmp_path / "gpu.jsonl"
    with pytest.raises(RuntimeError, match="tally_each: expected the counts"):
        gpu.main(options(values=5000, only="counting", out=out))
    assert not out.exists()


@pytest.mark.skipif(gpu.BACKEND == "torch", reason="PyTorch has torch.compile")
def test_gpu_compiles_under_pytorch_only(capsys):
    with pytest.raises(SystemExit):
        gpu.main(["--compile"])
    assert "--compile: expected KERAS_BACKEND=torch" in capsys.readouterr().err


@pytest.mark.skipif(gpu.BACKEND != "torch", reason="other backends watch by themselves or not")
def test_gpu_notices_under_pytorch_what_leaves_the_device():
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    # Tensors that say to be on a GPU, where there is none.
    with FakeTensorMode(), gpu.no_fetching():
        there = torch.empty(5, device="cuda")
        assert (there * 2).sum().device.type == "cuda"
        with pytest.raises(RuntimeError, match="stay on the device"):
            there.cpu()
        with pytest.raises(RuntimeError, match="stay on the device"):
            torch.empty(5).copy_(there)


@pytest.mark.parametrize("way", information.WAYS)
def test_information_measures_each_way(way, monkeypatch):
    # One way does without numba, in a process of its own.
    monkeypatch.setattr(engines, "compiled_loops", engines.compiled_loops)
    what, data, part = information.WAYS[way]
    found = information.measure(what, data, part and 3, neurons=34, samples=40)
    n = 3 if part else 34
    assert found["pairs"] == (n * n if what == "scikit-learn" else n * (n + 1) // 2)
    assert 0 < found["seconds"] < 60
    assert found["peak_mb"] > 10
