"""What rivals of churn look at: gradients of a few batches, the last layer, changed answers.

Sources: gradient disparity, arXiv 2107.06665; gradient-weight alignment (GWA), arXiv 2510.25480;
Label Wave, arXiv 2502.07551; the evidence-based criterion, arXiv 1703.09580.
"""

import itertools

import keras
import numpy as np
from keras import ops


class Changes(keras.metrics.Metric):
    """How many training examples were answered otherwise than in the epoch before.

    As in Label Wave's published code, an answer is that of the training step itself, in training
    mode and with the weights of the moment.

    Args:
        n: number of training examples. Labels come in pairs: the class, and the example's number.
    """

    def __init__(self, n, name="changes"):
        super().__init__(name=name)
        self.last = self.add_weight(
            shape=(n,), dtype="int32", initializer=keras.initializers.Constant(-1), name="last"
        )
        self.changed = self.add_weight(shape=(), dtype="int32", initializer="zeros", name="changed")

    def update_state(self, y_true, y_pred, sample_weight=None):
        number, answer = ops.cast(y_true[:, 1], "int32"), ops.argmax(y_pred, axis=1)
        differ = ops.take(self.last, number) != answer
        self.changed.assign_add(ops.sum(ops.cast(differ, "int32")))
        self.last.assign(ops.scatter_update(self.last, number[:, None], answer))

    def reset_state(self):
        self.changed.assign(0)

    def result(self):
        return ops.cast(self.changed, "float32")


def alignment(hidden, logits, labels, kernel):
    """How well the gradient of each example in the last layer agrees with its weights (GWA).

    Args:
        hidden: `(n, units)` what goes into the last layer.
        logits: `(n, n_classes)` what comes out.
        labels: `(n,)` classes.
        kernel: `(units, n_classes)` the layer's weights.

    Returns:
        `(n,)` cosines between the weights and minus the gradient of the loss in them.
    """
    hidden, logits, kernel = (np.asarray(each, np.float64) for each in (hidden, logits, kernel))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = shares / shares.sum(axis=1, keepdims=True)
    error[np.arange(len(labels)), labels] -= 1
    norms = np.linalg.norm(hidden, axis=1) * np.linalg.norm(error, axis=1) * np.linalg.norm(kernel)
    return -np.einsum("iu,uc,ic->i", hidden, kernel, error) / np.maximum(norms, 1e-300)


def moments(values):
    """Mean and excess kurtosis; 0 kurtosis where nothing varies."""
    centred = values - values.mean()
    variance = np.mean(centred**2)
    kurtosis = np.mean(centred**4) / variance**2 - 3 if variance > 0 else 0.0
    return float(values.mean()), float(kurtosis)


def disparity(gradients):
    """Mean distance between the gradients of batches, taken in pairs.

    Args:
        gradients: a list of flat arrays.
    """
    pairs = itertools.combinations(gradients, 2)
    return float(np.mean([np.linalg.norm(a - b) for a, b in pairs]))


def evidence(network, loss, x, y):
    """How far the gradient is from what noise alone would give: above 0, noise explains it.

    It is 1 - n/D Σ g²/s², over the D parameters, of the mean g and the variance s² of the gradients
    of the n examples. A parameter whose gradient is always the same counts as if it were 0.

    Args:
        network: a model of so few parameters that the gradient of each example fits in memory.
        loss: function of labels and outputs to a loss of each example.
        x, y: inputs and labels of a batch; where the whole training set is one, of all of it.
    """
    import tensorflow as tf

    with tf.GradientTape() as tape:
        losses = loss(y, network(x, training=True))
    parts = tape.jacobian(losses, [v.value for v in network.trainable_variables])
    each = np.concatenate([part.numpy().reshape(len(x), -1) for part in parts], axis=1)
    mean, variance = each.mean(axis=0, dtype=float), each.var(axis=0, ddof=1, dtype=float)
    shares = np.divide(mean**2, variance, out=np.zeros_like(mean), where=variance > 0)
    return float(1 - len(x) * shares.mean())


def gradients(network, loss, batches):
    """The gradient of each batch's loss, in training mode, as a flat array.

    As published for gradient disparity, a batch's loss is divided by the standard deviation of its
    examples' losses.

    Args:
        network: the model; its state, as of batch normalisation, is left as it was.
        loss: function of labels and outputs to a loss of each example.
        batches: pairs of inputs and labels.
    """
    import tensorflow as tf

    state = [variable.numpy() for variable in network.non_trainable_variables]
    found = []
    for x, y in batches:
        with tf.GradientTape() as tape:
            losses = loss(y, network(x, training=True))
            spread = tf.stop_gradient(tf.math.reduce_std(losses))
            mean = tf.reduce_mean(losses) / tf.maximum(spread, 1e-7)
        parts = tape.gradient(mean, [v.value for v in network.trainable_variables])
        parts = [tf.convert_to_tensor(part) for part in parts if part is not None]
        found.append(np.concatenate([part.numpy().ravel() for part in parts]))
    for variable, values in zip(network.non_trainable_variables, state, strict=True):
        variable.assign(values)
    return found
