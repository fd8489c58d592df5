"""What tells a weight's role in files as people have them: names of other systems and programs.

Real files of Keras and of tensorflow-model-optimization were looked at for each; these are small
ones of the same names and shapes.
"""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import keras_benford as kb
from keras_benford.weights import open_model
from tests import oracle

FILES = Path(__file__).parent / "files"
rng = np.random.default_rng(11)


def n(*shape):
    return rng.normal(0, 0.05, shape).astype("float32")


def ones_and_zeros(*shape):
    return (rng.random(shape) > 0.5).astype("float32")


def node(of_class, name, **config):
    return {"class_name": of_class, "config": {"name": name, **config}}


def weights(target, groups, separator="/"):
    """A file of Keras' own format: the variables of each group."""
    with h5py.File(target, "w") as file:
        for name, values in groups.items():
            group = file.create_group(name.replace("/", separator)).create_group("vars")
            for i, value in enumerate(values):
                group[str(i)] = value
    return target


def keras(path, groups, *layers, **kwargs):
    """A `.keras` archive of such a file."""
    with zipfile.ZipFile(path, "w") as archive:
        config = node("Sequential", "model", layers=layers)
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights(io.BytesIO(), groups, **kwargs).getvalue())
    return path


def legacy(path, layers, **datasets):
    """An `.h5` as Keras 2 writes it, with datasets of somebody's."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.11.0"
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for name, values in layers.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight in values]
            for weight, value in values.items():
                group[weight] = value
        for name, value in datasets.items():
            file[name] = value
    return path


def safetensors(path, **arrays):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({name.replace("__", "."): value for name, value in arrays.items()}, path)
    return path


def counted(score):
    return [layer.path for layer in score.layers]


def skipped(score):
    return {part.path: part.reason for part in score.skipped}


def guesses(score):
    return [part.path for part in (*score.layers, *score.skipped) if part.guessed]


def assert_counts(score, *values):
    assert score.counts.tolist() == sum(oracle.tally(each)[:9] for each in values).tolist()


OF_WINDOWS = {
    "layers/gru": [],
    "layers/gru/cell": [n(6, 24), n(8, 24), n(2, 24)],
    "layers/dense": [n(8, 3), n(3)],
    "metrics/mean_io_u": [np.full((3, 3), 7, "float32")],
    "optimizer": [np.int64(3), n(8, 3)],
    "other_optimizer/inner": [n(8, 3)],
}


class TestOfWindows:
    """Keras 2.12 to 2.15 joined the names of groups by the system's separator."""

    @pytest.mark.parametrize("config", [[], [node("GRU", "gru"), node("Dense", "dense")]], ids=len)
    def test_an_archive_has_the_score_of_the_same_from_linux(self, config, tmp_path):
        one = kb.score(keras(tmp_path / "a.keras", OF_WINDOWS, *config))
        other = kb.score(keras(tmp_path / "a.keras", OF_WINDOWS, *config, separator="\\"))
        assert other.to_dict() == one.to_dict()
        assert counted(other) == ["gru/cell/kernel", "gru/cell/recurrent_kernel", "dense/kernel"]
        assert guesses(other) == []
        assert_counts(other, *OF_WINDOWS["layers/gru/cell"][:2], OF_WINDOWS["layers/dense"][0])

    def test_so_has_a_file_of_weights(self, tmp_path):
        one = kb.score(weights(tmp_path / "a.weights.h5", OF_WINDOWS))
        other = kb.score(weights(tmp_path / "a.weights.h5", OF_WINDOWS, separator="\\"))
        assert other.to_dict() == one.to_dict()

    def test_so_have_shards(self, tmp_path):
        weights(tmp_path / "a_0.weights.h5", dict(list(OF_WINDOWS.items())[:2]), separator="\\")
        weights(tmp_path / "a_1.weights.h5", dict(list(OF_WINDOWS.items())[2:]), separator="\\")
        listed = {"/layers\\gru\\cell/vars": "a_0.weights.h5", "/layers/dense": "a_1.weights.h5"}
        (tmp_path / "a.weights.json").write_text(json.dumps({"weight_map": listed}))
        whole = kb.score(weights(tmp_path / "whole.weights.h5", OF_WINDOWS))
        sharded = kb.score(tmp_path / "a.weights.json")
        assert (counted(sharded), skipped(sharded)) == (counted(whole), skipped(whole))

    @pytest.mark.parametrize("version", ["tensorflow-2.12.1", "tensorflow-2.13.1"])
    def test_so_has_each_file_that_keras_wrote(self, version, tmp_path):
        with zipfile.ZipFile(FILES / f"{version}.zip") as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".weights.h5"))
            archive.extract(name, tmp_path)
        one = tmp_path / name
        with h5py.File(one) as old, h5py.File(tmp_path / "new.h5", "w", track_order=True) as new:
            places = []
            old.visit(lambda place: places.append(place) if place.endswith("vars") else None)
            for place in places:
                above = place.removesuffix("vars").strip("/").replace("/", "\\")
                target = new.create_group(f"{above}/vars" if above else "vars")
                for number, dataset in old[place].items():
                    target[number] = dataset[()]
        found = [
            sorted((part.path, part.guessed) for part in (*score.layers, *score.skipped))
            for score in (kb.score(one), kb.score(tmp_path / "new.h5"))
        ]
        assert found[0] == found[1]

    def test_a_group_given_in_both_ways_is_refused(self, tmp_path):
        groups = {"layers/dense": [n(8, 3)], "layers\\dense": [n(8, 3)]}
        path = weights(tmp_path / "a.weights.h5", groups)
        with pytest.raises(ValueError, match=r"a\.weights\.h5: holds the group layers/dense twice"):
            kb.score(path)

    @pytest.mark.parametrize("name", ["a\\" * 300, "a\\" * 30_000], ids=len)
    def test_trees_deeper_than_any_models_are_refused(self, name, tmp_path):
        path = weights(tmp_path / "a.weights.h5", {name: [n(8, 3)]})
        with pytest.raises(ValueError, match="nested deeper than any model's"):
            kb.score(path)

    def test_backslashes_in_an_h5_are_names(self, tmp_path):
        path = legacy(tmp_path / "a.h5", {"a\\b": {"a\\b/kernel:0": n(8, 3)}})
        assert counted(kb.score(path)) == ["a\\b/kernel"]


KERNEL = n(8, 4)
WRAPPER = "prune_low_magnitude_dense"
PRUNED = {
    "dense/kernel:0": KERNEL,
    "dense/bias:0": n(4),
    f"{WRAPPER}/mask:0": ones_and_zeros(8, 4),
    f"{WRAPPER}/threshold:0": np.float32(0.1),
    f"{WRAPPER}/pruning_step:0": np.int64(7),
}
STATE = [ones_and_zeros(8, 4), np.float32(0.1), np.int64(7)]
QUANTISED = [KERNEL, n(4), KERNEL, np.int32(-1), *map(np.float32, (-6, 6, -6, 6))]
FORGOTTEN = {
    "pruned": {"layers/prune_low_magnitude": [KERNEL, *STATE]},
    "of two kernels": {"layers/prune_low_magnitude": [n(8, 4), n(3, 4), *STATE[:2], *STATE]},
    "of none": {"layers/prune_low_magnitude": [np.int64(1)]},
}


class TestOfModelOptimization:
    """Wrappers of tensorflow-model-optimization that nobody stripped from the model."""

    def test_a_mask_in_an_h5_is_no_weight(self, tmp_path):
        score = kb.score(legacy(tmp_path / "a.h5", {WRAPPER: PRUNED}))
        assert_counts(score, KERNEL)
        assert skipped(score)[f"{WRAPPER}/mask"] == "pruning state, no weight"
        assert guesses(score) == []

    @pytest.mark.parametrize("groups", FORGOTTEN.values(), ids=FORGOTTEN)
    @pytest.mark.parametrize("configured", [True, False], ids=["config", "no config"])
    def test_a_pruning_wrapper_holds_no_weights_of_its_own(self, groups, configured, tmp_path):
        inner = {"layers/prune_low_magnitude/layer": [KERNEL, n(4)]}
        layer = node("PruneLowMagnitude", WRAPPER, layer=node("Dense", "dense"))
        layers = [layer] if configured else []
        score = kb.score(keras(tmp_path / "a.keras", groups | inner, *layers))
        assert_counts(score, KERNEL)
        assert guesses(score) == ([] if configured else [*counted(score), *guesses(score)[1:]])

    def test_a_quantising_wrapper_holds_the_kernel_once(self, tmp_path):
        groups = {
            "layers/quantize_wrapper_v2": QUANTISED,
            "layers/quantize_wrapper_v2/layer": [n(4)],
        }
        layer = node("QuantizeWrapperV2", "quant_dense", layer=node("Dense", "dense"))
        path = keras(tmp_path / "a.keras", groups, layer)
        assert counted(kb.score(path)) == ["quant_dense/kernel"]
        assert_counts(kb.score(path), KERNEL)
        kinds = [array.kind for array in open_model(path).arrays]
        assert kinds.count("copy") == 1

    def test_a_mask_that_only_its_values_tell_is_no_weight(self, tmp_path):
        groups = {"layers/mine": [KERNEL, ones_and_zeros(8, 4), np.ones((8, 4), "float32")]}
        score = kb.score(keras(tmp_path / "a.keras", groups, node("Mine", "mine")))
        assert counted(score) == ["mine/0", "mine/2"]
        assert guesses(score) == ["mine/0", "mine/2", "mine/1"]

    @pytest.mark.parametrize("name", ["mask", "kernel_mask", "mask_1"])
    def test_somebodys_own_weight_called_mask_is_judged_as_any_other(self, name, tmp_path):
        values = n(8, 4)
        score = kb.score(legacy(tmp_path / "a.h5", {"mine": {f"mine/{name}:0": values}}))
        assert_counts(score, values)
        assert guesses(score) == counted(score)


@pytest.mark.parametrize("ending", [":0", ":0_0", ":0_12", ":0block1", ":0-copy", ":0.1", ":0:0"])
def test_what_somebody_appends_to_a_name_changes_no_role(ending, tmp_path):
    """A way round HDF5's `name already exists`."""
    gru = {"kernel": n(6, 24), "recurrent_kernel": n(8, 24), "bias": n(2, 24)}
    layers = {"gru": {f"gru_{i}/{k}{ending}": v for i, (k, v) in enumerate(gru.items())}}
    score = kb.score(legacy(tmp_path / "a.h5", layers))
    assert_counts(score, gru["kernel"], gru["recurrent_kernel"])
    assert guesses(score) == []
    assert [*skipped(score).values()] == ["a bias: starts from a constant"]


def test_a_number_behind_a_name_changes_no_role(tmp_path):
    """TensorFlow numbers what one layer names twice."""
    names = {"kernel": n(8, 4), "bias": n(2, 4), "kernel_1": n(4, 4), "bias_1": n(2, 4)}
    layers = {"mine": {f"mine/{name}:0": value for name, value in names.items()}}
    score = kb.score(legacy(tmp_path / "a.h5", layers))
    assert_counts(score, names["kernel"], names["kernel_1"])
    assert guesses(score) == []


QUANTISATION = {
    "GPTQ": {"qweight": np.ones((32, 64), "int32"), "qzeros": np.ones((8, 8), "int32")}
    | {"scales": n(8, 64).astype("float16"), "g_idx": np.ones(8, "int32")},
    "float8 in blocks": {"weight_scale_inv": n(4, 4), "input_scale": n(1)},
    "NVFP4": {"weight_scale_2": n(4, 4), "weight_global_scale": n(1)},
    "compressed": {"weight_scale": n(4, 1), "weight_zero_point": n(4, 1)},
    "bitsandbytes": {"weight.absmax": n(9, 1), "weight.quant_map": n(16, 1)}
    | {"weight.nested_absmax": n(3, 1), "weight.nested_quant_map": n(16, 1), "SCB": n(4, 1)},
    "HQQ": {"scale": n(4, 1), "zero": n(4, 1)},
}


@pytest.mark.parametrize("arrays", QUANTISATION.values(), ids=QUANTISATION)
def test_what_quantisation_keeps_is_no_weight(arrays, tmp_path):
    embedding = n(30, 64)
    named = {f"proj.{name}": value for name, value in arrays.items()}
    path = safetensors(tmp_path / "a.safetensors", **{"embed.weight": embedding} | named)
    score = kb.score(path)
    assert counted(score) == ["embed.weight"]
    assert_counts(score, embedding)
    assert guesses(score) == []
    assert not any("unknown" in reason for reason in skipped(score).values())


def test_a_scale_of_kerass_layers_keeps_its_reason(tmp_path):
    layers = {"norm": {"norm/gamma:0": n(4, 3), "norm/scale:0": n(4, 3)}}
    score = kb.score(legacy(tmp_path / "a.h5", layers | {"dense": {"dense/kernel:0": n(3, 2)}}))
    assert skipped(score) == {
        "norm/gamma": "a normalisation parameter: starts from a constant",
        "norm/scale": "a scale: starts from a constant",
    }


class TestOfPyTorch:
    def test_weight_is_a_kernel_or_a_gain_and_certain(self, tmp_path):
        arrays = {"fc.weight": n(4, 3), "norm.weight": n(4), "fc.bias": n(4)}
        arrays |= {"norm.running_mean": n(4), "norm.running_var": n(4), "cls_token": n(1, 1, 4)}
        score = kb.score(safetensors(tmp_path / "a.safetensors", **arrays))
        assert sorted(counted(score)) == ["cls_token", "fc.weight"]
        assert guesses(score) == ["cls_token"]

    @pytest.mark.parametrize(
        "factors",
        [
            ("base_model.q_proj.lora_A.weight", "base_model.q_proj.lora_B.weight"),
            ("q_proj.lora_A.default.weight", "q_proj.lora_B.default.weight"),
            ("lora_unet_attn_to_q.lora_down.weight", "lora_unet_attn_to_q.lora_up.weight"),
            ("attn.to_q.lora.down.weight", "attn.to_q.lora.up.weight"),
        ],
        ids=lambda names: names[0],
    )
    def test_factors_of_an_adapter_are_not_certain(self, factors, tmp_path):
        arrays = dict.fromkeys(factors, n(4, 3)) | {"head.weight": n(4, 3)}
        score = kb.score(safetensors(tmp_path / "a.safetensors", **arrays))
        assert set(guesses(score)) == set(factors)


class TestBiases:
    def test_a_second_shape_that_ends_the_first_is_a_bias(self, tmp_path):
        groups = {"layers/my_attention": [], "layers/my_attention/qkv": [n(6, 2, 12), n(2, 12)]}
        score = kb.score(keras(tmp_path / "a.keras", groups, node("MyAttention", "my_attention")))
        assert_counts(score, groups["layers/my_attention/qkv"][0])
        assert guesses(score) == ["my_attention/qkv/0", "my_attention/qkv/1"]
        assert skipped(score) == {"my_attention/qkv/1": "a bias: starts from a constant"}

    @pytest.mark.parametrize(
        "shapes", [[(4, 4), (4, 4)], [(6, 2, 12), (6, 2)], [(5, 3, 4), (3, 4), (3, 4)]], ids=str
    )
    def test_other_shapes_tell_nothing(self, shapes, tmp_path):
        groups = {"layers/mine": [n(*shape) for shape in shapes]}
        score = kb.score(keras(tmp_path / "a.keras", groups, node("Mine", "mine")))
        assert_counts(score, *groups["layers/mine"])

    @pytest.mark.parametrize("of_class", ["LocallyConnected1D", "LocallyConnected2D"])
    @pytest.mark.parametrize(
        "shapes", [[(6, 9, 4), (6, 4)], [(4, 4, 9, 4), (4, 4, 4)], [(50,), (6, 4)]], ids=str
    )
    @pytest.mark.parametrize("configured", [True, False], ids=["config", "no config"])
    def test_a_locally_connected_layer_has_one(self, of_class, shapes, configured, tmp_path):
        place = f"layers/locally_connected{of_class[-2:].lower()}"
        groups = {place: [n(*shape) for shape in shapes]}
        layers = [node(of_class, "mine")] if configured else []
        score = kb.score(keras(tmp_path / "a.keras", groups, *layers))
        assert_counts(score, groups[place][0])
        assert guesses(score) == []


DENSE = {"dense": {"dense/kernel:0": KERNEL, "dense/bias:0": n(4)}}


class TestDatasetsBesideTheModel:
    def test_are_listed_with_the_reason_and_no_weights(self, tmp_path):
        extra = {"classes": np.arange(4), "names": [b"a", b"b"], "history/loss": n(9, 9)}
        path = legacy(tmp_path / "a.h5", DENSE, **extra)
        score = kb.score(path)
        assert_counts(score, KERNEL)
        reason = "beside the model: of none of its layers"
        expected = dict.fromkeys(extra, reason)
        assert skipped(score) == {"dense/bias": "a bias: starts from a constant"} | expected
        assert [array.path for array in kb.iter_weights(path)] == ["dense/kernel", "dense/bias"]
        kinds = {array.path: array.kind for array in open_model(path).arrays}
        assert kinds == dict.fromkeys(kinds, "weight") | dict.fromkeys(extra, "other")

    def test_so_are_those_in_a_file_of_weights_and_in_kerass_own(self, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file.attrs["layer_names"] = [b"dense"]
            file["dense/dense/kernel:0"] = KERNEL
            file["dense"].attrs["weight_names"] = [b"dense/kernel:0"]
            file["classes"] = n(3, 3)
        weights(tmp_path / "b.weights.h5", {"layers/dense": [KERNEL]})
        with h5py.File(tmp_path / "b.weights.h5", "a") as file:
            file["classes"] = n(3, 3)
        for name in ("a.h5", "b.weights.h5"):
            score = kb.score(tmp_path / name)
            assert_counts(score, KERNEL)
            assert [*skipped(score)] == ["classes"]

    def test_a_layer_that_no_list_names_is_refused(self, tmp_path):
        path = legacy(tmp_path / "a.h5", DENSE | {"lost": {"lost/kernel:0": KERNEL}})
        with h5py.File(path, "a") as file:
            file["model_weights"].attrs["layer_names"] = [b"dense"]
        with pytest.raises(ValueError, match="holds model_weights/lost/lost/kernel:0, w"):
            kb.score(path)


def test_a_scale_of_losses_says_so(tmp_path):
    layers = {"dense": {"dense/kernel:0": KERNEL}, "mine": {"mine/current_loss_scale:0": n(1)}}
    score = kb.score(legacy(tmp_path / "a.h5", layers))
    assert skipped(score) == {"mine/current_loss_scale": "a loss scale, no weight"}
