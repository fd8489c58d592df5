"""Examples in a new order each epoch, drawn by a seed: what the examples give to `model.fit`.

After `keras.utils.set_random_seed`, `fit` under TensorFlow takes arrays in the same random order in
each epoch, as a `tf.random.shuffle` in a `Dataset.map` begins anew with each iterator
(https://github.com/tensorflow/tensorflow/issues/44195). Networks trained so are others: the
accuracy in their logs is too high, and they learn fewer wrong labels by heart.
"""

import keras
import numpy as np


class Shuffled(keras.utils.PyDataset):
    """Batches of arrays, to be passed to `fit` with `shuffle=False`.

    As a context manager it lets go of the arrays at its end. TensorFlow holds a data set for as
    long as the process runs: many trainings in one would fill the memory.

    Args:
        x: inputs `(n, ...)`.
        y: labels `(n, ...)`.
        batch_size: examples in a batch; the last one may have fewer.
        seed: draws the orders.
    """

    def __init__(self, x, y, batch_size, seed):
        super().__init__()
        self._x, self._y = x, y
        self._batch_size = batch_size
        self._rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self._x) // self._batch_size)

    def __getitem__(self, batch):
        chosen = self._order[batch * self._batch_size :][: self._batch_size]
        return self._x[chosen], self._y[chosen]

    def on_epoch_end(self):
        self._order = self._rng.permutation(len(self._x))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Empty batches and not none at all: TensorFlow may be fetching some ahead.
        self._order = self._order[:0].copy()
        self._x, self._y = self._x[:0].copy(), self._y[:0].copy()
