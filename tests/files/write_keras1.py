"""Write what Keras 1 saves: a whole model, and its weights alone, both `.h5`.

    KERAS_BACKEND=theano python tests/files/write_keras1.py OUT_DIR
    KERAS_BACKEND=tensorflow python tests/files/write_keras1.py OUT_DIR

Both in one environment of Python 3.6 with keras 1.2.2, Theano 0.9.0 (1.0 is too new: it lacks
`theano.ifelse`), tensorflow 1.12.0, gast 0.2.2, h5py 2.10.0, numpy 1.16.6 and a C++ compiler. The
two backends name weights differently, and only TensorFlow's has SeparableConvolution2D.
"""

import os
import sys
import tempfile

import keras
import numpy as np
from keras import layers
from keras.layers.advanced_activations import PReLU
from truth import describe, keep

SEED = 1


def make_model():
    """Return a small model with a nested Sequential and a layer that is applied twice."""
    image = layers.Input((6, 6, 3), name="image")
    x = layers.Convolution2D(4, 3, 3, border_mode="same", dim_ordering="tf")(image)
    x = layers.BatchNormalization(axis=3)(x)
    x = PReLU(shared_axes=[1, 2])(x)
    if keras.backend.backend() == "tensorflow":
        x = layers.SeparableConvolution2D(3, 3, 3, dim_ordering="tf", name="block1/separable")(x)
    else:  # a kernel as Theano had it: (filters, channels, rows, columns)
        x = layers.Convolution2D(2, 3, 3, dim_ordering="th", name="block1/theano")(x)
    x = layers.Dense(4)(layers.Flatten()(x))

    tokens = layers.Input((5,), name="tokens", dtype="int32")
    y = layers.Embedding(7, 4)(tokens)
    y = layers.LSTM(3, return_sequences=True)(y)
    y = layers.LSTM(3, return_sequences=True, consume_less="gpu")(y)
    y = layers.GRU(3, return_sequences=True)(y)
    y = layers.SimpleRNN(3, return_sequences=True)(y)
    y = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(y)
    y = layers.TimeDistributed(layers.Dense(4))(y)
    y = layers.Dropout(0.5)(y)
    y = layers.GlobalAveragePooling1D()(y)

    shared = layers.Dense(4, name="shared")
    stack = keras.models.Sequential(name="stack")
    stack.add(layers.Dense(3, input_shape=(8,)))
    stack.add(PReLU())
    z = stack(layers.merge([shared(x), shared(y)], mode="concat"))
    return keras.models.Model([image, tokens], layers.Dense(2, name="head")(z))


def train_one_step(model):
    """Fit one batch, so that there are optimizer slots: for few layers, to keep files small.

    Bidirectional has slots too, as Keras 1 trains what is in it all the same.
    """
    for layer in model.layers:
        layer.trainable = type(layer) is layers.Convolution2D or layer.name in ("shared", "head")
    model.compile("adam", "mse")
    rng = np.random.RandomState(SEED)
    x = [rng.normal(size=(4, 6, 6, 3)).astype("float32"), rng.randint(0, 7, (4, 5))]
    model.fit(x, rng.normal(size=(4, 2)).astype("float32"), nb_epoch=1, verbose=0)
    for layer in model.layers:
        layer.trainable = True


def leaf_layers(layer):
    """Yield the layers that hold the weights themselves, as Keras 1 names weights after those."""
    if isinstance(layer, keras.models.Model):
        children = layer.layers
    elif isinstance(layer, layers.Bidirectional):
        children = [layer.forward_layer, layer.backward_layer]
    elif isinstance(layer, layers.TimeDistributed):
        children = [layer.layer]
    else:
        yield layer
        return
    for child in children:
        yield from leaf_layers(child)


def draw_weights(model):
    """Give each weight values that no other weight has, and return the truth about all of them.

    The values are positive, as a variance has to be. The role of `lstm_1_W_i` is "W_i".
    """
    rng = np.random.RandomState(SEED)
    truth = []
    for layer in leaf_layers(model):
        for weight in layer.weights:
            shape = keras.backend.get_value(weight).shape
            keras.backend.set_value(weight, rng.lognormal(-2, 1, shape).astype("float32"))
            role = weight.name.split(":")[0][len(layer.name) + 1 :]
            truth.append(describe(weight.name, role, keras.backend.get_value(weight)))
    return truth


def main(out_dir):
    np.random.seed(SEED)
    model = make_model()
    train_one_step(model)
    weights = draw_weights(model)
    name = f"keras-{keras.__version__}-{keras.backend.backend()}"
    with tempfile.TemporaryDirectory() as folder:
        model.save(os.path.join(folder, name + ".h5"))
        model.save_weights(os.path.join(folder, name + "-weights.h5"))
        keep(out_dir, name, folder, weights)


if __name__ == "__main__":
    main(sys.argv[1])
