"""Write a small trained model, and the digits of its weights, for every backend to agree on.

    KERAS_BACKEND=tensorflow python tests/files/write_trained.py OUT_DIR

Run once, with Keras 3.15.1 and TensorFlow 2.21.0. It writes `OUT_DIR/trained.keras` and
`OUT_DIR/trained.json`, which maps the path of each kernel in the file to

    {"shape", "counts": of the digits 1 to 9, "zeros", "nonfinite", "mean", "std"}

Digits are the first of the values' decimal expansions, one by one. Mean and standard deviation are
of the finite values, in float64.
"""

import json
import os
import sys
import zipfile
from decimal import Decimal

import keras
import numpy as np
from keras import layers

SEED = 7
# One value each that has no digit: a zero, a subnormal number, which counts as one, an infinity.
ODD = {"mix": 0.0, "memory": 1e-40, "head": np.inf}


def make_model():
    """Return kernels of several ranks and widths, and weights that do not count."""
    inputs = keras.Input((6, 4))
    x = layers.SeparableConv1D(5, 2, name="conv")(inputs)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.GRU(4, name="memory")(x)
    x = layers.Dense(6, activation="relu", dtype="float16", name="half")(x)
    x = layers.Dense(6, dtype="bfloat16", name="brain")(x)
    x = layers.EinsumDense("ab,bc->ac", 6, name="mix")(layers.Activation("linear")(x))
    return keras.Model(inputs, layers.Dense(2, name="head")(x), name="trained")


def train():
    """Return a model that tells two classes apart, with the odd values where they belong."""
    model = make_model()
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(256, 6, 4)).astype("float32")
    y = (x.sum(axis=(1, 2)) > 0).astype("int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    print(model.fit(x, y, epochs=10, verbose=0).history["accuracy"])
    # Without the optimizer, which would only make the file larger.
    trained = make_model()
    trained.set_weights(model.get_weights())
    for weight in kernels(trained).values():
        value = ODD.get(weight.path.partition("/")[0])
        if value is not None:
            values = keras.ops.convert_to_numpy(weight).copy()
            values.flat[0] = value
            weight.assign(values)
    return trained


def kernels(model):
    return {weight.path: weight for weight in model.weights if weight.name.endswith("kernel")}


def describe(values):
    """Return the truth about the values of one weight."""
    wide = values.astype("float64")
    smallest = 0 if values.dtype == "float16" else 2.0**-126
    has_digit = np.isfinite(wide) & (np.abs(wide) > 0) & (np.abs(wide) >= smallest)
    digits = [Decimal(value).as_tuple().digits[0] for value in wide[has_digit].tolist()]
    finite = wide[np.isfinite(wide)]
    return {
        "shape": list(values.shape),
        "counts": np.bincount(digits, minlength=10)[1:].tolist(),
        "zeros": int((np.isfinite(wide) & ~has_digit).sum()),
        "nonfinite": int((~np.isfinite(wide)).sum()),
        "mean": finite.mean(),
        "std": finite.std(),
    }


def save_small(model, path):
    """Save the model, its parts deflated."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def main(out_dir):
    keras.utils.set_random_seed(SEED)
    model = train()
    save_small(model, os.path.join(out_dir, "trained.keras"))
    truth = {p: describe(keras.ops.convert_to_numpy(w)) for p, w in kernels(model).items()}
    lines = ",\n".join(f"{json.dumps(path)}: {json.dumps(about)}" for path, about in truth.items())
    with open(os.path.join(out_dir, "trained.json"), "w") as stream:
        stream.write("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1])
