"""Write what one version of Keras 3 saves: `.keras`, `.weights.h5` and legacy `.h5`.

    KERAS_BACKEND=jax python tests/files/write_keras3.py OUT_DIR

Run once in an environment of each of these:

    keras 3.0.5,  jax and jaxlib 0.4.23, h5py 3.11.0
    keras 3.3.3,  jax and jaxlib 0.4.28
    keras 3.6.0,  jax and jaxlib 0.4.35
    keras 3.10.0, jax and jaxlib 0.6.2
    keras 3.12.0, jax and jaxlib 0.7.2
"""

import os
import sys
import tempfile

import keras
import numpy as np
from keras import layers
from truth import describe, keep

SEED = 3


def make_model():
    """Return a small model whose layers are called otherwise than their groups in a file."""
    # Moves the counters of the automatic names on: the first Dense below is `dense_1`, while a
    # `.weights.h5` counts within its container and calls it `dense`.
    layers.Dense(1)
    layers.Conv2D(1, 1)

    image = keras.Input((6, 6, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same")(image)
    x = layers.BatchNormalization()(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.DepthwiseConv2D(3)(x)
    x = layers.SeparableConv2D(3, 3, name="separable")(x)
    x = layers.Dense(4)(layers.Flatten()(x))

    tokens = keras.Input((5,), name="tokens")
    y = layers.Embedding(7, 4)(tokens)
    y = layers.LSTM(3, return_sequences=True)(y)
    y = layers.GRU(3, return_sequences=True)(y)
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True))(y)
    y = layers.MultiHeadAttention(2, 2)(y, y)
    y = layers.LayerNormalization()(y)
    y = layers.TimeDistributed(layers.Dense(4))(y)
    y = layers.Dropout(0.5)(y)
    y = layers.GlobalAveragePooling1D()(y)

    shared = layers.Dense(4, name="shared")
    left_in = keras.Input((4,))
    left = keras.Model(left_in, shared(layers.Dense(4)(left_in)), name="left")
    right_in = keras.Input((4,))
    right = keras.Model(right_in, layers.Dense(2)(shared(right_in)), name="right")
    z = layers.Concatenate()([right(left(x)), left(y)])
    z = keras.Sequential([keras.Input((6,)), layers.Dense(3)], name="stack")(z)
    return keras.Model([image, tokens], layers.Dense(2, name="head")(z))


def make_plain_model():
    """Return the model for the `.h5` of Keras 3.0, which cannot save two kernels in one layer.

    It names them by `weight.name`: a second "kernel" is an error. Later versions take the path.
    """
    image = keras.Input((6, 6, 3), name="image")
    x = layers.SeparableConv2D(3, 3, name="separable")(layers.Conv2D(4, 3)(image))
    x = layers.BatchNormalization()(x)
    x = layers.LSTM(3)(layers.Reshape((4, 3))(x))
    x = keras.Sequential([keras.Input((3,)), layers.Dense(3)], name="stack")(x)
    return keras.Model(image, layers.Dense(2, name="head")(x))


def make_half_model():
    """Return a model of 16-bit weights: HDF5 has no bfloat16, and `.h5` does not say it is one."""
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, dtype="bfloat16"),
            layers.Dense(3, dtype="float16"),
            layers.Dense(2, dtype="mixed_bfloat16"),
        ]
    )


def train_one_step(model):
    """Fit one batch, so that there are optimizer slots: for three layers, to keep files small."""
    for layer in model.layers:
        layer.trainable = isinstance(layer, layers.Conv2D | layers.Bidirectional)
    model.get_layer("head").trainable = True
    model.compile("adam", "mse", metrics=["mae"])
    rng = np.random.default_rng(SEED)
    x = [rng.normal(size=(4, 6, 6, 3)).astype("float32"), rng.integers(0, 7, (4, 5))]
    model.fit(x[: len(model.inputs)], rng.normal(size=(4, 2)).astype("float32"), verbose=0)
    for layer in model.layers:
        layer.trainable = True


def draw_weights(model):
    """Give each weight values that no other weight has; positive, as a variance has to be."""
    rng = np.random.default_rng(SEED)
    for weight in model.weights:
        weight.assign(rng.lognormal(-2, 1, tuple(weight.shape)).astype("float32"))


def write(out_dir, name, model, endings):
    """Draw `model`'s weights, save it once with each of `endings`, and keep the truth."""
    draw_weights(model)
    weights = [
        describe(weight.path, weight.name, keras.ops.convert_to_numpy(weight.value))
        for weight in model.weights
    ]
    with tempfile.TemporaryDirectory() as folder:
        for ending in endings:
            save = model.save_weights if ending == ".weights.h5" else model.save
            save(os.path.join(folder, name + ending))
        keep(out_dir, name, folder, weights)


def main(out_dir):
    keras.utils.set_random_seed(SEED)
    version = keras.__version__
    plain_h5 = version.startswith("3.0.")
    model = make_model()
    train_one_step(model)
    endings = [".keras", ".weights.h5"] if plain_h5 else [".keras", ".weights.h5", ".h5"]
    write(out_dir, f"keras-{version}", model, endings)
    if plain_h5:
        plain = make_plain_model()
        train_one_step(plain)
        write(out_dir, f"keras-{version}-plain", plain, [".h5"])
    if version == "3.12.0":
        write(out_dir, f"keras-{version}-half", make_half_model(), endings)


if __name__ == "__main__":
    main(sys.argv[1])
