"""A saved layer has the score of the one in memory: each layer of Keras, in each format it writes.

Every variable is given numbers of its own before, so that one taken for another shows. The score of
a file is held against that of the live model, and against `oracle`'s digits of the variables that
`layer_cases` names.

What no format changes: digit counts, shapes, dtypes, what is skipped, that nothing is guessed. What
some do, by what Keras writes into them:

- Order. A safetensors file is in that of names. Inside a layer, Keras 3's own files are in that of
  attributes, so that a Bidirectional's backward layer stands before its forward one.
- LoRA. Keras 3's own files hold the merged kernel and no factors. The others hold the factors, but
  only an `.h5`, with its configuration, also the `lora_alpha` that merges them.
- A checkpoint lacks the layers in a layer's lists, and has a stateful layer's state besides.
"""

import collections
import gc
import json
import shutil

import keras
import numpy as np
import pytest
from keras import layers
from safetensors.numpy import save_file

import keras_benford as kb
from keras_benford._names import unique_paths
from tests import oracle
from tests.backends import array, holding, needs_tensorflow
from tests.layer_cases import CASES

# Keras' words on layers that it does not quantise.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method"),
    pytest.mark.filterwarnings("ignore:Invalid quantization mode"),
]


def save_keras(model, folder):
    model.save(folder / "model.keras")
    return folder / "model.keras"


def save_unzipped(model, folder):
    model.save(folder / "unzipped", zipped=False)
    return folder / "unzipped"


def save_weights(model, folder):
    model.save_weights(folder / "model.weights.h5")
    return folder / "model.weights.h5"


def save_sharded(model, folder):
    """In as many shards as can be: none holds more than the largest variable."""
    largest = max(array(weight).nbytes for weight in model.weights)
    model.save_weights(folder / "model.weights.json", max_shard_size=largest * 1.01 / 2**30)
    return folder / "model.weights.json"


def save_h5(model, folder):
    model.save(folder / "model.h5")
    return folder / "model.h5"


def save_h5_named_keras(model, folder):
    """What TensorFlow up to 2.12 wrote when asked for `.keras`."""
    shutil.move(save_h5(model, folder), folder / "h5.keras")
    return folder / "h5.keras"


def values_by_path(model):
    paths = unique_paths(weight.path for weight in model.weights)
    return dict(zip(paths, map(array, model.weights), strict=True))


def save_safetensors(model, folder):
    save_file(values_by_path(model), folder / "model.safetensors")
    return folder / "model.safetensors"


def save_split_safetensors(model, folder):
    """In two files and their index."""
    weights = list(values_by_path(model).items())
    weight_map = {}
    for number, half in enumerate((weights[::2], weights[1::2]), 1):
        name = f"model-{number:05}-of-00002.safetensors"
        save_file(dict(half), folder / name)
        weight_map |= dict.fromkeys(dict(half), name)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return index


def save_savedmodel(model, folder):
    model.export(folder / "exported", verbose=False)
    return folder / "exported"


def save_checkpoint(model, folder):
    import tensorflow as tf

    return tf.train.Checkpoint(model=model).write(str(folder / "checkpoint"))


WRITERS = {
    "keras": save_keras,
    "unzipped": save_unzipped,
    "weights.h5": save_weights,
    "sharded": save_sharded,
    "h5": save_h5,
    "h5 named keras": save_h5_named_keras,
    "safetensors": save_safetensors,
    "split safetensors": save_split_safetensors,
    "SavedModel": save_savedmodel,
    "checkpoint": save_checkpoint,
}
FORMATS = {
    "keras": "keras",
    "unzipped": "keras",
    "weights.h5": "keras-weights",
    "sharded": "keras-sharded",
    "h5": "keras-legacy",
    "h5 named keras": "keras-legacy",
    "safetensors": "safetensors",
    "split safetensors": "safetensors",
    "SavedModel": "tf-savedmodel",
    "checkpoint": "tf-checkpoint",
}
BY_TENSORFLOW = ("SavedModel", "checkpoint")


def each_form(forms):
    """Parameters, of which some need TensorFlow."""
    marks = {form: [needs_tensorflow] * (form in BY_TENSORFLOW) for form in forms}
    return [pytest.param(form, marks=marks[form]) for form in forms]


KERAS_3 = ("keras", "unzipped", "weights.h5", "sharded")
WITHOUT_CONFIGURATION = ("weights.h5", "sharded")
WITHOUT_LORA_ALPHA = ("safetensors", "split safetensors", "SavedModel", "checkpoint")

NOT_EXPORTED = "Keras cannot export it: its state takes a batch size, an exported model has none"
NOT_IN_CHECKPOINT = "a checkpoint lacks the layers in a layer's lists"
NOT_SAVED = {
    ("LSTM, stateful and with dropout", "SavedModel"): NOT_EXPORTED,
    **dict.fromkeys(
        [(name, "checkpoint") for name in ("StackedRNNCells", "RNN, several cells", "Pipeline")],
        NOT_IN_CHECKPOINT,
    ),
}
# TensorFlow's own name of a variable in a list of layers lacks the name of its layer.
OTHER_PATHS = [("Pipeline", "SavedModel")]


def draw(model, seed=0):
    """Give each variable numbers of its own, and each kernel a zero and an infinity."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "float" not in variable.dtype or variable.name == "g_idx":  # which holds positions
            continue
        values = rng.lognormal(-2, 1, variable.shape) * rng.choice([-1, 1], variable.shape)
        if variable.name in ("kernel", "recurrent_kernel", "embeddings") and values.size > 3:
            values.flat[:2] = 0, np.inf
        variable.assign(values)


def symbolic(inputs):
    if isinstance(inputs, list):
        return [symbolic(each) for each in inputs]
    return keras.Input(batch_shape=inputs.shape, dtype=str(inputs.dtype))


def model_of(layer, inputs):
    """The layer beside a kernel that counts, as a model of nothing that counts is refused."""
    inputs = [symbolic(each) for each in inputs]
    outputs = keras.tree.flatten(layer(*inputs))
    beside = keras.Input((1,))
    anchor = layers.Dense(1, use_bias=False, name="anchor")(beside)
    return keras.Model([inputs, beside], [*outputs, anchor], name="whole")


def part_of(score):
    """What a score says of each part that counts, in no order."""
    return collections.Counter(
        (part.shape, part.dtype, tuple(part.counts), part.zeros, part.nonfinite)
        for part in score.layers
    )


def shapes_of(skipped):
    return collections.Counter((part.shape, part.dtype) for part in skipped)


def skipped_in(live, form):
    """What a file of the live model skips: Keras 3's own hold no factors of LoRA."""
    return [part for part in live.skipped if form not in KERAS_3 or "/lora_" not in part.path]


def without_state(score):
    """What is skipped but for the states of stateful layers, which are no weights of a model."""
    return [part for part in score.skipped if not part.path.partition(":")[0].endswith("rnn_state")]


def assert_same(stored, live, form):
    """The stored model's score is the live one's, digit count for digit count."""
    assert stored.format == FORMATS[form]
    assert part_of(stored) == part_of(live)
    assert stored.counts.tolist() == live.counts.tolist()
    assert (stored.size, stored.zeros, stored.nonfinite) == (live.size, live.zeros, live.nonfinite)
    assert stored.mlh == live.mlh
    assert shapes_of(without_state(stored)) == shapes_of(skipped_in(live, form))


def guesses(score):
    return [part.path for part in (*score.layers, *score.skipped) if part.guessed]


def merged(model, path):
    """A kernel's values; under LoRA together with its factors."""
    values = values_by_path(model)
    layer, _, role = path.rpartition("/")
    if f"{layer}/lora_{role}_a" not in values:
        return values[path]
    return values[path] + values[f"{layer}/lora_{role}_a"] @ values[f"{layer}/lora_{role}_b"]


class Saved(dict):
    """Scores of one live model and, as they are asked for, of the files that it is saved to."""

    def __init__(self, model, folder):
        super().__init__()
        self.model, self.folder, self.live = model, folder, kb.score(model)

    def __missing__(self, form):
        folder = self.folder / form.replace(" ", "_")
        folder.mkdir()
        self[form] = score = kb.score(WRITERS[form](self.model, folder))
        return score


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def name(request, case):
    return next(param.id for param in CASES if param.values[0] is case)


@pytest.fixture(scope="module")
def saved(case, tmp_path_factory):
    model = model_of(case.build(), case.inputs)
    draw(model)
    return Saved(model, tmp_path_factory.mktemp("layer"))


@pytest.mark.slow
def test_the_live_layer_has_the_digits_of_its_variables(case, saved):
    tallies = {
        layer.path: [*layer.counts, layer.zeros, layer.nonfinite] for layer in saved.live.layers
    }
    assert sorted(tallies) == sorted([*case.counted.split(), "anchor/kernel"])
    for path, found in tallies.items():
        assert found == oracle.tally(merged(saved.model, path)).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("form", each_form(WRITERS))
class TestEachLayerInEachFormat:
    @pytest.fixture(autouse=True)
    def _as_far_as_keras_saves_it(self, name, form):
        if (name, form) in NOT_SAVED:
            pytest.skip(NOT_SAVED[name, form])

    def test_has_the_live_digit_counts(self, saved, form):
        assert_same(saved[form], saved.live, form)

    def test_is_told_and_not_guessed(self, name, saved, form):
        lora = "LoRA" in name and form in WITHOUT_LORA_ALPHA
        kernel = [la.path for la in saved.live.layers if la.path != "anchor/kernel"]
        assert guesses(saved[form]) == (kernel if lora else [])

    def test_has_the_live_paths_and_reasons(self, name, saved, form):
        stored = saved[form]
        if (name, form) not in OTHER_PATHS:
            assert {la.path for la in stored.layers} == {la.path for la in saved.live.layers}
        assert reasons_of(without_state(stored), name, form) == reasons_of(
            skipped_in(saved.live, form), name, form
        )


def reasons_of(skipped, name, form):
    other_paths = (name, form) in OTHER_PATHS
    return sorted((None if other_paths else part.path, part.reason) for part in skipped)


@pytest.mark.slow
@needs_tensorflow
@pytest.mark.parametrize("name", [n for n, form in NOT_SAVED if form == "checkpoint"])
def test_a_checkpoint_really_lacks_the_layers_in_lists(name, tmp_path):
    """When TensorFlow learns to write them, its exception above has to go."""
    import tensorflow as tf

    case = next(param.values[0] for param in CASES if param.id == name)
    model = model_of(case.build(), case.inputs)
    reader = tf.train.load_checkpoint(save_checkpoint(model, tmp_path))
    shapes = reader.get_variable_to_shape_map().values()
    assert [shape for shape in shapes if shape] == [[1, 1]]


@keras.saving.register_keras_serializable("tests")
class Holding(keras.Layer):
    """A custom layer that keeps three layers, in the ways in which people keep layers."""

    def __init__(self, part, others, **kwargs):
        super().__init__(**kwargs)
        self.part = part
        self.stack = [others[0]]
        self.by_name = {"row": [others[1]]}

    def call(self, inputs, more=None):
        parts = [self.part, *self.stack, *self.by_name["row"]]
        inputs = [inputs] if more is None else [inputs, more]
        return [keras.tree.flatten(part(*inputs))[0] for part in parts]

    def get_config(self):
        return {"name": self.name}


@keras.saving.register_keras_serializable("tests")
class HoldingInConfiguration(Holding):
    """The same, with its first layer in its configuration."""

    def get_config(self):
        return super().get_config() | {"part": keras.saving.serialize_keras_object(self.part)}


@pytest.fixture(scope="module")
def held(case, name, tmp_path_factory):
    if "stateful" in name:
        pytest.skip("Keras cannot build a stateful layer inside a layer of inputs without values")
    keras.utils.clear_session(free_memory=False)
    kind = Holding if len(name) % 2 else HoldingInConfiguration
    model = model_of(kind(case.make(), [case.make() for _ in range(2)]), case.inputs)
    draw(model)
    return Saved(model, tmp_path_factory.mktemp("held"))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["keras", "weights.h5", "h5"])
def test_each_layer_in_a_custom_layer_has_the_live_digit_counts(name, held, form):
    """Keras' names of the layers tell their classes, wherever a custom layer keeps them."""
    assert_same(held[form], held.live, form)
    # No configuration holds the `lora_alpha` of a layer that the custom one's leaves out.
    lora = "LoRA" in name and form == "h5"
    assert bool(guesses(held[form])) == lora


@pytest.fixture(scope="module")
def renamed(case, tmp_path_factory):
    """The layer and all layers in it have names that do not tell their classes."""
    keras.utils.clear_session(free_memory=False)
    layer = case.make()
    for number, each in enumerate(layer._flatten_layers()):
        each.name = f"mine{number}"
    model = model_of(layer, case.inputs)
    draw(model)
    return Saved(model, tmp_path_factory.mktemp("renamed"))


# Without the configuration nothing tells what a wrapper of this class wraps, if somebody named it.
WRAPPED = ("TimeDistributed", "SpectralNormalization", "SpectralNormalization, of an embedding")
WRAPPED += ("RNN",)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["keras", "weights.h5", "sharded", "h5"])
def test_each_layer_by_any_name_has_the_live_digit_counts(name, renamed, form):
    """The configuration tells the classes, and where it is missing the groups' names."""
    assert_same(renamed[form], renamed.live, form)
    unknown = name in WRAPPED and form in WITHOUT_CONFIGURATION
    assert bool(guesses(renamed[form])) == unknown


def test_a_renamed_layer_in_a_custom_layer_is_judged_by_its_shapes_and_marked(tmp_path):
    parts = [
        layers.LayerNormalization(axis=[1, 2], name="between"),
        layers.EinsumDense("abc,cd->abd", (6, 3), bias_axes="bd", name="mixer"),
        layers.LSTM(3, return_sequences=True, name="memory"),
    ]
    model = model_of(Holding(parts[0], parts[1:], name="holding"), [np.ones((1, 6, 3), "float32")])
    draw(model)
    saved = Saved(model, tmp_path)
    for form in ("keras", "weights.h5"):
        told = {
            part.path for part in (*saved[form].layers, *saved[form].skipped) if not part.guessed
        }
        # In a list Keras writes the class as the name, and what an LSTM keeps has fixed names.
        cell = [f"holding/memory/lstm_cell/{x}" for x in ("kernel", "recurrent_kernel", "bias")]
        assert told == {"anchor/kernel", "holding/mixer/kernel", "holding/mixer/bias", *cell}
        assert set(guesses(saved[form])) == {"holding/between/0", "holding/between/1"}
        # A normalisation's parameters of rank 2 look like matrices: this score is not the live one.
        assert saved[form].size == saved.live.size + 2 * 6 * 3


def of_dtype(dtype):
    """A model of all layers that this dtype is drawn and multiplied in on a CPU."""
    keras.utils.clear_session(free_memory=False)
    tokens = keras.Input((6,), dtype="int32")
    x = layers.Embedding(7, 4, dtype=dtype)(tokens)
    x = layers.EinsumDense("abc,cd->abd", (6, 4), bias_axes="d", dtype=dtype)(x)
    x = layers.BatchNormalization(dtype=dtype)(layers.SeparableConv1D(4, 2, dtype=dtype)(x))
    x = layers.Dense(3, dtype=dtype)(layers.Flatten(dtype=dtype)(x))
    return keras.Model(tokens, x, name="whole")


def quantised(mode, config=None):
    """A model of all layers that Keras quantises, and of one that it does not."""
    keras.utils.clear_session(free_memory=False)
    tokens = keras.Input((6,), dtype="int32")
    x = layers.Embedding(7, 4)(tokens)
    x = layers.EinsumDense("abc,cd->abd", (6, 8), bias_axes="d")(x)
    x = layers.Dense(4)(x)
    x = layers.Dense(4, use_bias=False)(x)
    back = layers.ReversibleEmbedding(7, 4, tie_weights=False)
    tied = layers.ReversibleEmbedding(7, 4)
    x = layers.Add()([x, back(tokens), tied(tokens)])
    x = layers.Conv1D(4, 2, padding="same")(x)
    model = keras.Model(tokens, [back(x, reverse=True), tied(x, reverse=True)], name="whole")
    model.quantize(mode, config=config)
    return model


def calibrated(mode, config):
    """Two layers in the state in which GPTQ and AWQ leave them."""
    keras.utils.clear_session(free_memory=False)
    inputs = keras.Input((8,))
    dense = layers.Dense(8, name="dense")
    einsum = layers.EinsumDense("ab,bc->ac", 8, name="einsum_dense")
    model = keras.Model(inputs, layers.Dense(2, name="head")(einsum(dense(inputs))), name="whole")
    for layer in (dense, einsum):
        layer.quantize(mode, config=config)
        del layer._kernel
        setattr(layer, f"is_{mode}_calibrated", True)
    return model


def lora(alpha, model):
    for layer in model.layers:
        if hasattr(layer, "enable_lora"):
            layer.enable_lora(3, lora_alpha=alpha)
    return model


def quantizers(name, **kwargs):
    return getattr(keras.quantizers, name)(**kwargs)


MODELS = {
    **{
        dtype: lambda dtype=dtype: of_dtype(dtype)
        for dtype in ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")
    },
    **{mode: lambda mode=mode: quantised(mode) for mode in ("int8", "int4", "float8")},
    "int4 in blocks": lambda: quantised("int4", quantizers("Int4QuantizationConfig", block_size=2)),
    "int4 by channel": lambda: quantised(
        "int4", quantizers("Int4QuantizationConfig", block_size=-1)
    ),
    **{
        f"gptq of {bits} bits": lambda bits=bits: calibrated(
            "gptq",
            quantizers("GPTQConfig", dataset=None, tokenizer=None, weight_bits=bits, group_size=4),
        )
        for bits in (4, 8)
    },
    "awq": lambda: calibrated(
        "awq", quantizers("AWQConfig", dataset=None, tokenizer=None, group_size=4)
    ),
    "LoRA": lambda: lora(3, of_dtype("float32")),
    **{
        f"LoRA of another alpha, {dtype}": lambda dtype=dtype: lora(7, of_dtype(dtype))
        for dtype in ("float16", "bfloat16", "float32", "float64")
    },
    "LoRA, int8": lambda: lora(3, quantised("int8")),
    "LoRA, int4 in blocks": lambda: lora(
        3, quantised("int4", quantizers("Int4QuantizationConfig", block_size=2))
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def model_name(request):
    return request.param


@pytest.fixture(scope="module")
def saved_model(model_name, tmp_path_factory):
    # Keras collects garbage for each kernel that it quantises: two seconds among all the objects
    # of a long run.
    gc.freeze()
    with holding("float64" if "float64" in model_name else "float32"):
        model = MODELS[model_name]()
        gc.unfreeze()
        draw(model)
        yield Saved(model, tmp_path_factory.mktemp("model"))


@pytest.mark.slow
@pytest.mark.parametrize("form", each_form(WRITERS))
class TestDtypesQuantisationAndLoRA:
    def test_have_the_live_digit_counts_and_are_not_guessed(self, model_name, saved_model, form):
        live, stored = saved_model.live, saved_model[form]
        lora = "LoRA" in model_name and form in WITHOUT_LORA_ALPHA
        merged = [la.path for la in live.layers if "separable" not in la.path]
        if "another alpha" in model_name and lora:
            assert part_of(stored) != part_of(live)
        elif model_name.startswith(("gptq", "awq")) and form in KERAS_3:
            # Keras 3.15 itself loses the zero points there.
            assert part_of(stored) == part_of(live)
            zeros = [part for part in live.skipped if "zero" in part.path]
            assert len(stored.skipped) == len(live.skipped) - len(zeros)
        else:
            assert_same(stored, live, form)
            assert {part.path: part.reason for part in stored.skipped} == {
                part.path: part.reason for part in skipped_in(live, form)
            }
        assert sorted(guesses(stored)) == sorted(merged if lora else [])
        assert {la.path for la in stored.layers} == {la.path for la in live.layers}


@pytest.mark.parametrize("form", KERAS_3)
def test_mixed_precision_under_lora_has_the_live_digit_counts(form, tmp_path):
    """Keras merges in the dtype that it computes with. Other formats hold the unmerged parts."""
    model = lora(7, of_dtype("mixed_float16"))
    draw(model)
    saved = Saved(model, tmp_path)
    assert {la.dtype for la in saved.live.layers} == {"float16", "float32"}
    assert_same(saved[form], saved.live, form)


@pytest.mark.slow
def test_sharded_weights_are_in_several_files(saved_model):
    assert saved_model["sharded"].size
    assert len(list(saved_model.folder.glob("sharded/*.weights.h5"))) > 1
