"""Saved models: the score of the live one in every format, and arrays that are its variables.

The order of a model's layers is kept by every format but safetensors, which sorts by name. Two more
orders are not the live one's, as Keras writes so: a custom layer's parts stand in the order of
their attributes' names, and in an `.h5` a layer's frozen variables behind the others.
"""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import keras_benford as kb
from keras_benford.digits import arrays as counting
from keras_benford.digits import streams
from keras_benford.weights import arrays as stored_arrays
from tests.backends import BACKEND, holding, needs_tensorflow
from tests.test_weights_layers import (
    BY_TENSORFLOW,
    FORMATS,
    WITHOUT_CONFIGURATION,
    WRITERS,
    Saved,
    assert_same,
    draw,
    each_form,
    guesses,
    of_dtype,
    part_of,
    values_by_path,
)

# Keras' MeanIoU asks JAX for 64 bits.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Explicitly requested dtype int64 requested in asarray"
)

# Keras' own files, which give the model's name and an order.
OF_KERAS = ["keras", "unzipped", "weights.h5", "sharded"]
ALL = list(WRITERS)


def dense(units=4, name=None, **kwargs):
    return layers.Dense(units, name=name, **kwargs)


def sequential(*parts, name=None):
    return keras.Sequential([keras.Input((4,)), *parts], name=name)


def nested():
    inner = sequential(dense(name="a"), dense(name="b"), name="inner")
    x = keras.Input((4,))
    middle = keras.Model(x, layers.Add()([x, inner(dense(name="c")(x))]), name="middle")
    x = keras.Input((4,))
    y = layers.BatchNormalization(name="norm")(middle(dense(name="first")(x)))
    return keras.Model(x, dense(2, name="last")(y), name="outer")


def layer_shared_by_two_models():
    shared = dense(name="shared")
    x = keras.Input((4,))
    left = keras.Model(x, dense(name="left_own")(shared(x)), name="left")
    x = keras.Input((4,))
    right = keras.Model(x, dense(name="right_own")(shared(x)), name="right")
    x = keras.Input((4,))
    return keras.Model(x, dense(2, name="head")(right(left(x))), name="sharing")


def model_called_twice():
    inner = sequential(dense(name="first"), dense(name="second"), name="inner")
    x = keras.Input((4,))
    return keras.Model(x, layers.Add()([inner(x), inner(inner(x))]), name="twice")


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    """Layers in a list, a dict, a list of lists, and weights of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stack = [dense(), dense()]
        self.by_name = {"x": dense(), "y": layers.LayerNormalization(axis=[1])}
        self.grid = [[dense(), layers.EinsumDense("ab,bc->ac", 4, bias_axes="c")], [dense()]]
        self.drop = layers.Dropout(0.5)

    def build(self, input_shape):
        self.mixing = self.add_weight(shape=(4, 4), name="mixing")
        self.temperature = self.add_weight(shape=(4,), name="temperature")
        super().build(input_shape)

    def call(self, x):
        parts = [*self.stack, *self.by_name.values(), *self.grid[0], *self.grid[1]]
        for part in parts:
            x = part(x)
        return self.drop(x @ self.mixing / self.temperature)


def subclassed():
    model = Subclassed(name="subclassed")
    model(np.ones((2, 4), "float32"))
    return model


@keras.saving.register_keras_serializable("tests")
class Block(keras.Layer):
    """Weights of its own beside a layer that is in its configuration and one that is not."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
        self.attention = layers.MultiHeadAttention(2, 2)

    def build(self, input_shape):
        self.gate = self.add_weight(shape=(input_shape[-1], 4), name="gate")
        self.table = self.add_weight(shape=(3, 4), name="table", initializer="normal")
        self.shift = self.add_weight(shape=(4,), name="shift", initializer="zeros")
        super().build(input_shape)

    def call(self, x):
        y = self.inner(x)
        return self.attention(y, y) + x @ self.gate + self.shift

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return super().get_config() | {"inner": inner}

    @classmethod
    def from_config(cls, config):
        inner = keras.saving.deserialize_keras_object(config.pop("inner"))
        return cls(inner, **config)


def custom_layers():
    x = keras.Input((5, 4))
    y = Block(layers.LSTM(4, return_sequences=True, name="renamed"), name="one")(x)
    y = Block(layers.EinsumDense("abc,cd->abd", (5, 4), bias_axes="d", name="mine"), name="two")(y)
    return keras.Model(x, dense(2, name="head")(y), name="custom")


def trained(optimizer=None, **compiling):
    x = keras.Input((4,))
    y = layers.Dropout(0.5)(dense(name="hidden")(x))
    y = layers.BatchNormalization(name="norm")(y)
    model = keras.Model(x, dense(2, name="head")(y), name="trained")
    model.d_optimizer = keras.optimizers.Adam(name="mine")
    model.d_optimizer.build(model.trainable_variables)
    model.loss_tracker = keras.metrics.Mean(name="running")
    model.running = keras.metrics.MeanIoU(2)
    model.noise = keras.random.SeedGenerator(3)
    metrics = ["mae", keras.metrics.MeanIoU(2, sparse_y_true=False, sparse_y_pred=False)]
    model.compile(optimizer or "adam", "mse", metrics=metrics, **compiling)
    x, y = np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32")
    model.fit(x, (y[:, :2] > 0).astype("float32"), batch_size=4, verbose=0)
    model.running.update_state([0, 1], [0, 1])
    return model


def averaged():
    """With averages of its weights beside them, and an optimizer of another name."""
    return trained(keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, name="descent"))


def scaled():
    """Another optimizer inside the one that scales losses."""
    inner = keras.optimizers.AdamW(name="inner")
    return trained(keras.optimizers.LossScaleOptimizer(inner, name="outer"))


def equal_names():
    x = keras.Input((4,))
    parts = [
        sequential(dense(name="same"), layers.LayerNormalization(name="norm"), name=name)
        for name in ("one", "two")
    ]
    return keras.Model(x, dense(2, name="same")(parts[1](parts[0](x))), name="equal")


def thirteen():
    """Keras' own names: in the alphabet `dense_10` stands before `dense_2`."""
    x = y = keras.Input((4,))
    for units in range(3, 16):
        y = dense(units)(y)
    return keras.Model(x, y, name="thirteen")


def named(*names):
    """A chain of layers of these names."""
    x = y = keras.Input((4,))
    for name in names:
        y = dense(name=name)(y)
    y = layers.LayerNormalization(name=f"{names[0]}_n")(y)
    return keras.Model(x, y, name=names[-1])


def strange_names():
    # PyTorch takes no name with a dot in it.
    dotted = "a:c" if BACKEND == "torch" else "a.b:c"
    return named("Schicht ä", "层", "two words", "[0]", dotted, "adam", "kernel", "100%*?")


def misleading_names():
    """Keras' names of other classes, and of what is no layer."""
    return named("gru", "lstm_cell", "batch_normalization_2", "vars", "layers", "metrics")


def frozen():
    before = dense(name="before", trainable=False)
    after = dense(name="after")
    x = keras.Input((4,))
    inner = sequential(dense(name="in_frozen"), layers.BatchNormalization(), name="inner")
    y = inner(after(before(layers.BatchNormalization(name="norm", trainable=False)(x))))
    model = keras.Model(x, dense(2, name="head")(y), name="frozen")
    after.trainable = inner.trainable = False
    return model


def tied():
    x = keras.Input((5,), dtype="int32")
    embedding = layers.ReversibleEmbedding(7, 4, name="words")
    y = layers.GRU(4, return_sequences=True, name="memory")(embedding(x))
    return keras.Model(x, embedding(y, reverse=True), name="tied")


MODELS = {
    "nested": (nested, ALL),
    "a layer shared by two models": (layer_shared_by_two_models, ALL),
    "a model called twice": (model_called_twice, ALL),
    # An `.h5` takes no custom model, a checkpoint no layers in lists.
    "subclassed": (subclassed, [*OF_KERAS, "safetensors", "split safetensors", "SavedModel"]),
    "custom layers": (custom_layers, ALL),
    "trained": (trained, ALL),
    "averaged": (averaged, ALL),
    "scaled": (scaled, ALL),
    "equal names": (equal_names, ALL),
    "thirteen layers of a class": (thirteen, ALL),
    # TensorFlow takes no such names into a SavedModel, and cuts them at a colon.
    "strange names": (strange_names, [f for f in ALL if not FORMATS[f].startswith("tf-")]),
    "misleading names": (misleading_names, ALL),
    "frozen": (frozen, ALL),
    "tied": (tied, ALL),
}
EACH_FORM = [
    pytest.param(
        name, form, id=f"{name}-{form}", marks=[needs_tensorflow] * (form in BY_TENSORFLOW)
    )
    for name, (_, forms) in MODELS.items()
    for form in forms
]
# Where a file names or orders weights otherwise than the live model: see `TestOtherPaths`.
OTHER_PATHS = {
    "nested": OF_KERAS,
    "a layer shared by two models": OF_KERAS,
    "subclassed": OF_KERAS,
    "custom layers": [*OF_KERAS, "SavedModel", "checkpoint"],
}
OTHER_ORDER = {"subclassed": OF_KERAS, "custom layers": [*OF_KERAS, "checkpoint"]}
# Names of their own tell no roles, and Keras' own files hold not even these.
OWN_WEIGHTS = {
    "subclassed": ["0", "1"],
    "custom layers": ["one/0", "one/1", "one/2", "two/0", "two/1", "two/2"],
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The `Saved` of a model in `MODELS`, by its name, made when it is asked for."""
    made = {}

    def of(name):
        if name not in made:
            keras.utils.clear_session(free_memory=False)
            model = MODELS[name][0]()
            draw(model)
            made[name] = Saved(model, tmp_path_factory.mktemp("model"))
        return made[name]

    return of


def paths(parts):
    return [part.path for part in parts]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "form"), EACH_FORM)
class TestEachModelInEachFormat:
    def test_has_the_live_digit_counts(self, saved, name, form):
        assert_same(saved(name)[form], saved(name).live, form)

    def test_only_a_custom_layers_own_weights_are_guessed_here_and_live(self, saved, name, form):
        live = guesses(saved(name).live)
        assert len(live) == len(OWN_WEIGHTS.get(name, []))
        expected = OWN_WEIGHTS.get(name, []) if form in OF_KERAS else sorted(live)
        if name == "custom layers" and form in WITHOUT_CONFIGURATION:
            expected = [*expected, "two/mine/0", "two/mine/1"]
        assert sorted(guesses(saved(name)[form])) == expected

    def test_has_the_live_paths(self, saved, name, form):
        live, stored = saved(name).live, saved(name)[form]
        if form not in OTHER_PATHS.get(name, []):
            assert set(paths(stored.layers)) == set(paths(live.layers))
            assert set(paths(stored.skipped)) == set(paths(live.skipped))

    def test_keeps_the_order(self, saved, name, form):
        live, stored = saved(name).live, saved(name)[form]
        if "safetensors" in form:
            assert paths(stored.layers) == sorted(paths(stored.layers)) or "split" in form
        elif form not in OTHER_ORDER.get(name, []):
            assert [la.counts.tolist() for la in stored.layers] == [
                la.counts.tolist() for la in live.layers
            ]

    def test_has_its_name(self, saved, name, form):
        known = form in OF_KERAS or FORMATS[form] == "keras-legacy"
        assert (saved(name)[form].name == saved(name).model.name) == known


@pytest.mark.slow
@needs_tensorflow
@pytest.mark.parametrize("name", ["trained", "averaged", "scaled"])
def test_a_checkpoint_of_model_and_optimizer_has_the_live_digit_counts(saved, name, tmp_path):
    import tensorflow as tf

    model = saved(name).model
    checkpoint = tf.train.Checkpoint(opt=model.optimizer, net=model)
    stored = kb.score(tf.train.CheckpointManager(checkpoint, str(tmp_path), 1).save())
    assert_same(stored, saved(name).live, "checkpoint")
    assert paths(stored.layers) == paths(saved(name).live.layers)


class TestOtherPaths:
    def test_a_file_has_a_layers_full_place_where_it_was_built_before_its_model(self, saved):
        assert saved("nested").live.layers[1].path == "c/kernel"
        assert paths(saved("nested")["keras"].layers) == [
            "first/kernel",
            "middle/c/kernel",
            "middle/inner/a/kernel",
            "middle/inner/b/kernel",
            "last/kernel",
        ]
        assert paths(saved("a layer shared by two models")["keras"].layers) == [
            "left/shared/kernel",
            "left/left_own/kernel",
            "right/right_own/kernel",
            "head/kernel",
        ]

    def test_a_subclassed_models_own_name_is_left_out_and_its_own_weights_are_numbered(self, saved):
        assert paths(saved("subclassed").live.layers)[:2] == [
            "subclassed/mixing",
            "subclassed/dense/kernel",
        ]
        assert paths(saved("subclassed")["weights.h5"].layers) == [
            "0",
            *(f"{layer}/kernel" for layer in ("dense_2", "dense_3", "einsum_dense", "dense_4")),
            *("dense/kernel", "dense_1/kernel"),
        ]

    def test_a_custom_layers_own_weights_are_numbered(self, saved):
        found = paths(saved("custom layers")["keras"].layers)
        assert found[:3] == ["one/0", "one/1", "one/multi_head_attention/key/kernel"]
        assert "two/mine/kernel" in found

    @pytest.mark.slow
    @needs_tensorflow
    def test_tensorflow_leaves_out_the_names_of_a_custom_layers_parts(self, saved):
        found = paths(saved("custom layers")["SavedModel"].layers)
        assert found[:5] == [
            *("one/gate", "one/table", "one/kernel", "one/recurrent_kernel", "one/kernel:2")
        ]


@keras.saving.register_keras_serializable("tests")
class Attending(keras.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.AdditiveAttention()
        self.norm = layers.RMSNormalization()

    def build(self, input_shape):
        super().build(input_shape)

    def call(self, x):
        return self.norm(self.inner([x, x]))


@pytest.mark.slow
@pytest.mark.parametrize("form", each_form(["SavedModel", "checkpoint"]))
def test_a_scale_of_a_layer_that_tensorflow_does_not_name_is_guessed(form, tmp_path):
    """AdditiveAttention's is random at first, RMSNormalization's is not."""
    x = keras.Input((6, 3))
    model = keras.Model(x, dense(2, name="head")(Attending(name="held")(x)))
    stored = Saved(model, tmp_path)[form]
    assert guesses(stored) == ["held/scale", "held/scale:2"]
    assert paths(stored.layers) == ["head/kernel"]


@keras.saving.register_keras_serializable("tests")
class Way(keras.Layer):
    """The way back from an embedding, by its very variable."""

    def __init__(self, embedding, **kwargs):
        super().__init__(**kwargs)
        self.embedding = embedding

    def build(self, input_shape):
        self.kernel = self.embedding.embeddings

    def call(self, x):
        return x @ keras.ops.transpose(self.kernel)

    def get_config(self):
        return {"name": self.name}


def test_a_variable_in_two_layers_counts_twice_in_keras_own_files_and_is_marked(tmp_path):
    """Keras writes it into both groups, and nothing says that it is one."""
    x = keras.Input((5,), dtype="int32")
    embedding = layers.Embedding(7, 4, name="words")
    model = keras.Model(x, Way(embedding, name="way")(embedding(x)))
    saved = Saved(model, tmp_path)
    assert paths(saved.live.layers) == ["words/embeddings"]
    for form in OF_KERAS:
        assert paths(saved[form].layers) == ["words/embeddings", "way/0"]
        assert guesses(saved[form]) == ["way/0"]
    for form in ("safetensors", *BY_TENSORFLOW):
        if form == "safetensors" or BACKEND == "tensorflow":
            assert_same(saved[form], saved.live, form)


@pytest.mark.slow
class TestIterWeights:
    @pytest.mark.parametrize("form", each_form(ALL))
    @pytest.mark.parametrize("name", ["trained", "frozen", "tied"])
    def test_gives_each_variable_by_its_name_bit_for_bit(self, saved, name, form):
        expected = values_by_path(saved(name).model)
        saved(name)[form]
        found = {array.path: array for array in kb.iter_weights(file_of(saved(name), form))}
        assert set(found) == set(expected)
        for path, array in found.items():
            assert_bits(array, expected[path])
            assert array.role == path.rpartition("/")[2]

    @pytest.mark.parametrize("form", each_form(ALL))
    @pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
    def test_keeps_every_dtype(self, form, dtype, tmp_path):
        keras.utils.clear_session(free_memory=False)
        with holding(dtype):
            model = of_dtype(dtype)
            draw(model)
            expected = values_by_path(model)
            file = WRITERS[form](model, tmp_path)
        for array in kb.iter_weights(file):
            assert array.dtype == dtype
            assert_bits(array, expected[array.path])

    @pytest.mark.parametrize(
        "form", each_form(["keras", "weights.h5", "h5", "safetensors", "checkpoint"])
    )
    def test_gives_small_chunks_where_these_are_asked_for(self, saved, form, monkeypatch):
        monkeypatch.setattr(stored_arrays, "CHUNK", 7)
        expected = values_by_path(saved("trained").model)
        for array in kb.iter_weights(file_of(saved("trained"), form)):
            sizes = [chunk.size for chunk in array.chunks()]
            assert set(sizes[:-1]) <= {7}
            assert 1 <= sizes[-1] <= 7
            assert_bits(array, expected[array.path])


def file_of(saved, form):
    """Where `Saved` has written it."""
    saved[form]
    folder = saved.folder / form.replace(" ", "_")
    names = {"h5 named keras": "h5.keras", "split safetensors": "model.safetensors.index.json"}
    names |= {"SavedModel": "exported", "checkpoint": "checkpoint", "sharded": "model.weights.json"}
    names |= {"unzipped": "unzipped"}
    return folder / names.get(form, f"model.{form}")


def assert_bits(array, expected):
    """The chunks are the variable, bit for bit."""
    assert (array.shape, array.dtype) == (expected.shape, expected.dtype.name)
    chunks = list(array.chunks())
    assert all(chunk.ndim == 1 for chunk in chunks)
    joined = np.concatenate(chunks)
    assert joined.astype(joined.dtype.newbyteorder("=")).tobytes() == expected.tobytes()
    assert array.read().shape == expected.shape


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A kernel of more values than a chunk has, beside kernels of other dtypes."""
    keras.utils.clear_session(free_memory=False)
    x = y = keras.Input((1100,))
    wide = "float32" if BACKEND == "jax" else "float64"
    for units, dtype in ((1000, "float32"), (20, "float16"), (30, wide), (4, "bfloat16")):
        y = dense(units, dtype=dtype)(y)
    model = keras.Model(x, layers.BatchNormalization()(y), name="large")
    draw(model)
    return Saved(model, tmp_path_factory.mktemp("large"))


SAME_FIGURES = ["keras", "weights.h5", "h5", "SavedModel", "checkpoint"]


@pytest.mark.parametrize("form", each_form(SAME_FIGURES))
def test_an_array_of_several_chunks_is_the_variable(large, form):
    expected = values_by_path(large.model)["dense/kernel"]
    (array,) = (a for a in kb.iter_weights(file_of(large, form)) if a.size > streams.CHUNK)
    assert [chunk.size for chunk in array.chunks()] == [streams.CHUNK, 1_100_000 - streams.CHUNK]
    assert_bits(array, expected)
    assert_same(large[form], large.live, form)


def figures(score):
    """All that a score says, as text, but for where it was read."""
    found = json.loads(score.to_json())
    for part in (found, *found["layers"], *found["skipped"]):
        for key in ("model", "format", "path"):
            part.pop(key, None)
    return json.dumps(found)


class TestSameFigures:
    def test_in_every_format(self, large):
        without = () if BACKEND == "tensorflow" else BY_TENSORFLOW
        forms = [form for form in SAME_FIGURES if form not in without]
        assert len({figures(large[form]) for form in forms}) == 1

    @pytest.mark.parametrize("threads", [1, 2, 3])
    def test_by_any_number_of_threads(self, large, threads):
        again = kb.score(file_of(large, "keras"), threads=threads)
        assert figures(again) == figures(large["keras"])

    def test_with_numba_and_without(self, large, monkeypatch):
        pytest.importorskip("numba")
        file = file_of(large, "keras")
        with monkeypatch.context() as patched:
            patched.setattr(counting, "compiled_loops", lambda: None)
            plain = figures(kb.score(file))
        monkeypatch.setattr(streams, "PAYS_FOR_NUMBA", 0)
        used = []
        loops = counting.compiled_loops()
        monkeypatch.setattr(counting, "compiled_loops", lambda: used.append(1) or loops)
        assert figures(kb.score(file)) == plain == figures(large["keras"])
        assert used


def rewritten(source, target, *, write=None, **opening):
    """An HDF5 file written anew, its datasets by `write(group, name, dataset)`."""
    with h5py.File(source) as old, h5py.File(target, "w", **opening) as new:
        groups = [(old, new)]
        while groups:
            from_group, to_group = groups.pop()
            for key, value in from_group.attrs.items():
                to_group.attrs[key] = value
            for name, item in from_group.items():
                if isinstance(item, h5py.Group):
                    groups.append((item, to_group.create_group(name)))
                    continue
                (write or plainly)(to_group, name, item)
                for key, value in item.attrs.items():
                    to_group[name].attrs[key] = value
    return target


def plainly(group, name, dataset):
    group.create_dataset(name, data=dataset[()], dtype=dataset.dtype)


def big_endian(group, name, dataset):
    group.create_dataset(name, data=dataset[()], dtype=dataset.dtype.newbyteorder(">"))


def compact(group, name, dataset):
    """In the object's header."""
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_layout(h5py.h5d.COMPACT)
    values = dataset[()]
    space = h5py.h5s.create_simple(dataset.shape) if dataset.shape else h5py.h5s.create(0)
    made = h5py.h5d.create(group.id, name.encode(), dataset.id.get_type(), space, created)
    h5py.Dataset(made)[...] = values


LAYOUTS = {
    "plain": {},
    "big-endian": {"write": big_endian},
    "compact": {"write": compact},
    "latest": {"libver": "latest"},
    "after a block of somebody else's": {"userblock_size": 1024},
}


@pytest.mark.parametrize("form", ["weights.h5", "h5"])
@pytest.mark.parametrize("layout", LAYOUTS)
class TestHDF5Layouts:
    def test_hold_the_same_values(self, saved, layout, form, tmp_path):
        live = saved("custom layers" if form == "h5" else "trained")
        file = rewritten(file_of(live, form), tmp_path / "new.h5", **LAYOUTS[layout])
        if layout.startswith("after"):
            with open(file, "r+b") as opened:
                opened.write(b"#!/usr/bin/somebody's")
        again = kb.score(file)
        assert part_of(again) == part_of(live[form])
        assert set(paths(again.layers)) == set(paths(live[form].layers))
        expected = {array.path: array.read() for array in kb.iter_weights(file_of(live, form))}
        for array in kb.iter_weights(file):
            assert_bits(array, expected[array.path])


@pytest.mark.slow
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "big-endian"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_hdf5_layouts_hold_halves(dtype, layout, tmp_path):
    keras.utils.clear_session(free_memory=False)
    model = of_dtype(dtype)
    draw(model)
    file = WRITERS["weights.h5"](model, tmp_path)
    again = kb.score(rewritten(file, tmp_path / "new.h5", **LAYOUTS[layout]))
    assert part_of(again) == part_of(kb.score(model))


@pytest.mark.parametrize("name", ["custom layers", "trained"])
def test_a_deflated_archive_has_the_same_score(saved, name, tmp_path):
    target = tmp_path / "deflated.keras"
    with (
        zipfile.ZipFile(file_of(saved(name), "keras")) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as deflated,
    ):
        for entry in source.namelist():
            deflated.writestr(entry, source.read(entry))
    assert kb.score(target).to_json() == saved(name)["keras"].to_json()
