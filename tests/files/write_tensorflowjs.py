"""Write what the converter of TensorFlow.js makes of Keras models: a `model.json` and its shards.

    python tests/files/write_tensorflowjs.py OUT_DIR

Run in an environment of tensorflowjs 4.22.0, tensorflow 2.21.0, tf_keras 2.21.0 and keras 3.15.1,
Python 3.11. The converter imports jax, tensorflow_hub and tensorflow_decision_forests as well, but
does not use them for models of layers.
"""

import fnmatch
import os
import sys
import tempfile

import keras
import numpy as np
import tf_keras
from tensorflowjs import quantization
from tensorflowjs.converters import converter
from truth import describe, keep

SEED = 5
SHARD = 1001
"""Bytes: no multiple of a value's, so that shards end within values."""
QUANTISED = {"uint8": "*lstm*", "uint16": "*embedding*", "float16": "*bidirectional*"}


def make_model(keras):
    """Return a small model; it shares no layer, as the converter wants each name once."""
    layers = keras.layers
    of_keras_2 = keras is tf_keras
    # Moves the counters of the automatic names on: the first Dense below is not the first `dense`.
    layers.Dense(1)

    image = layers.Input((6, 6, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same")(image)
    x = layers.BatchNormalization()(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.DepthwiseConv2D(3)(x)
    x = layers.SeparableConv2D(3, 3, name="block1/separable" if of_keras_2 else "separable")(x)
    x = layers.Dense(4)(layers.Flatten()(x))

    tokens = layers.Input((5,), name="tokens")
    y = layers.Embedding(7, 4)(tokens)
    y = layers.LSTM(3, return_sequences=True)(y)
    y = layers.GRU(3, return_sequences=True)(y)
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True))(y)
    y = layers.MultiHeadAttention(2, 2)(y, y)
    y = layers.LayerNormalization()(y)
    y = layers.TimeDistributed(layers.Dense(4))(y)
    y = layers.GlobalAveragePooling1D()(y)

    stack = keras.models.Sequential([layers.Input((8,)), layers.Dense(3)], name="stack")
    z = stack(layers.Concatenate()([x, y]))
    return keras.models.Model([image, tokens], layers.Dense(2, name="head")(z))


def draw_weights(model):
    """Give each weight values that no other weight has, positive as a variance has to be."""
    rng = np.random.default_rng(SEED)
    for weight in model.weights:
        weight.assign(rng.lognormal(-2, 1, tuple(weight.shape)).astype("float32"))


def truth_of(model, quantised):
    """The truth about a model's weights, as the converter stores them."""
    found = []
    for weight in model.weights:
        path = getattr(weight, "path", weight.name).split(":")[0]
        values = weight.numpy()
        for dtype, pattern in QUANTISED.items() if quantised else ():
            if fnmatch.fnmatch(path, pattern):
                values, _ = quantization.quantize_weights(values, np.dtype(dtype).type)
        found.append(describe(path, path.split("/")[-1], values))
    return found


def write(out_dir, name, model, quantised=None):
    """Convert a model in each way that there is, and keep the truth about it."""
    options = {"quantization_dtype_map": quantised, "weight_shard_size_bytes": SHARD}
    from_h5 = converter.dispatch_keras_h5_to_tfjs_layers_model_conversion
    from_keras = converter.dispatch_keras_keras_to_tfjs_layers_model_conversion
    with tempfile.TemporaryDirectory() as saved, tempfile.TemporaryDirectory() as folder:
        h5, archive = os.path.join(saved, "m.h5"), os.path.join(saved, "m.keras")
        model.save(h5)
        model.save(archive)
        from_h5(h5, os.path.join(folder, "h5"), **options)
        from_keras(archive, os.path.join(folder, "keras"), **options)
        if not quantised:
            # A group of shards for each layer.
            by_layer = os.path.join(folder, "by-layer")
            from_h5(h5, by_layer, split_weights_by_layer=True)
        if not quantised and isinstance(model, tf_keras.Model):
            model.save_weights(h5)
            from_h5(h5, os.path.join(folder, "weights"))
        keep(out_dir, name, folder, truth_of(model, quantised))


def main(out_dir):
    for module in (tf_keras, keras):
        model = make_model(module)
        draw_weights(model)
        name = f"tensorflowjs-4.22.0-{module.__name__}-{module.__version__}"
        write(out_dir, name, model)
        write(out_dir, f"{name}-quantised", model, QUANTISED)


if __name__ == "__main__":
    main(*sys.argv[1:])
