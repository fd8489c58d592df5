"""Write what one version of Keras 2 saves: `.h5`, and where it can `.keras`, `.weights.h5`, more.

    python tests/files/write_keras2.py OUT_DIR MODULE

where MODULE is what to import Keras as. Run once in an environment of each of these:

    keras 2.2.4, tensorflow 1.12.0, h5py 2.10.0, numpy 1.16.6, Python 3.6      MODULE keras
    tensorflow-cpu 2.12.1 (with keras 2.12.0), h5py 3.16.0, Python 3.10        tensorflow.keras
    tensorflow-cpu 2.13.1 (with keras 2.13.1), h5py 3.16.0, Python 3.10        tensorflow.keras
    tf_keras 2.21.0, tensorflow-cpu 2.21.0, Python 3.11                        tf_keras
"""

import importlib
import os
import sys
import tempfile

import numpy as np
from truth import describe, keep

SEED = 2


def make_model(keras):
    """Return a small model whose layers are called otherwise than their groups in a `.keras`."""
    layers = keras.layers
    # Moves the counters of the automatic names on: the first Dense below is not the first `dense`.
    layers.Dense(1)
    layers.Conv2D(1, 1)

    image = layers.Input((6, 6, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same")(image)
    x = layers.BatchNormalization()(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.DepthwiseConv2D(3)(x)
    x = layers.SeparableConv2D(3, 3, name="block1/separable")(x)  # as in DenseNet: "conv1/conv"
    x = layers.Dense(4)(layers.Flatten()(x))

    tokens = layers.Input((5,), name="tokens")
    y = layers.Embedding(7, 4)(tokens)
    y = layers.LSTM(3, return_sequences=True)(y)
    y = layers.GRU(3, return_sequences=True)(y)
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True))(y)
    if hasattr(layers, "MultiHeadAttention"):
        y = layers.MultiHeadAttention(2, 2)(y, y)
        y = layers.LayerNormalization()(y)
    y = layers.TimeDistributed(layers.Dense(4))(y)
    y = layers.Dropout(0.5)(y)
    y = layers.GlobalAveragePooling1D()(y)

    shared = layers.Dense(4, name="shared")
    left_in = layers.Input((4,))
    left = keras.models.Model(left_in, shared(layers.Dense(4)(left_in)), name="left")
    right_in = layers.Input((4,))
    right = keras.models.Model(right_in, layers.Dense(2)(shared(right_in)), name="right")
    z = layers.Concatenate()([right(left(x)), left(y)])
    z = keras.models.Sequential([layers.Dense(3, input_shape=(6,))], name="stack")(z)
    return keras.models.Model([image, tokens], layers.Dense(2, name="head")(z))


def make_plain_model(keras):
    """Return a model whose SavedModel folder is small enough to keep."""
    layers = keras.layers
    image = layers.Input((6, 6, 3), name="image")
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(image))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.models.Model(image, layers.Dense(2, name="head")(x))


def train_one_step(keras, model):
    """Fit one batch, so that there are optimizer slots: for three layers, to keep files small."""
    trained = (keras.layers.Conv2D, keras.layers.Bidirectional)
    for layer in model.layers:
        layer.trainable = type(layer) in trained or layer.name == "head"
    model.compile("adam", "mse", metrics=["mae"])
    rng = np.random.RandomState(SEED)
    x = [rng.normal(size=(4, 6, 6, 3)).astype("float32"), rng.randint(0, 7, (4, 5))]
    model.fit(x[: len(model.inputs)], rng.normal(size=(4, 2)).astype("float32"), verbose=0)
    for layer in model.layers:
        layer.trainable = True


def draw_weights(keras, model):
    """Give each weight values that no other weight has, and return the truth about all of them.

    The values are positive, as a variance has to be. Keras 2.2 lists a shared weight twice.
    """
    rng = np.random.RandomState(SEED)
    truth = {}
    for weight in model.weights:
        if weight.name not in truth:
            values = rng.lognormal(-2, 1, tuple(map(int, weight.shape))).astype("float32")
            keras.backend.set_value(weight, values)
            role = weight.name.split(":")[0].split("/")[-1]
            truth[weight.name] = describe(weight.name, role, keras.backend.get_value(weight))
    return list(truth.values())


def write(out_dir, name, keras, model, savers):
    """Train `model`, save it with each of `savers`, and keep the truth about it."""
    train_one_step(keras, model)
    weights = draw_weights(keras, model)
    with tempfile.TemporaryDirectory() as folder:
        for ending, save in savers.items():
            save(model, os.path.join(folder, name + ending))
        keep(out_dir, name, folder, weights)


def save(model, path):
    model.save(path)


def save_v3(model, path):
    model.save(path, save_format="keras_v3")


def save_weights(model, path):
    model.save_weights(path)


def main(out_dir, module):
    keras = importlib.import_module(module)
    np.random.seed(SEED)
    package = module.split(".")[0]
    version = importlib.import_module(package).__version__
    # `-weights.h5` is the layout of Keras 1 and 2, `.weights.h5` that of Keras 3's forerunner.
    savers = {}
    if package != "tensorflow":
        savers.update({".h5": save, "-weights.h5": save_weights})
    if package != "keras":
        savers.update({".keras": save, ".weights.h5": save_weights})
    if version.startswith("2.12."):
        savers["-v3.keras"] = save_v3  # TensorFlow up to 2.12 writes HDF5 into `.keras` unless told
    if package == "tf_keras":
        savers[".ckpt"] = save_weights
        plain = make_plain_model(keras)
        write(out_dir, f"{package}-{version}-plain", keras, plain, {"-saved-model": save})
        keras.backend.clear_session()
    write(out_dir, f"{package}-{version}", keras, make_model(keras), savers)


if __name__ == "__main__":
    main(*sys.argv[1:])
