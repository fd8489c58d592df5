"""A model and unlabelled examples -> what its neurons tell, layer by layer.

Source: Bansal et al., arXiv 2210.09404.
"""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_benford._json import without_nan
from keras_benford.information.entropy import neuron_entropy
from keras_benford.information.pairs import mutual_information
from keras_benford.information.recording import Activations, Recorder
from keras_benford.information.values import check_neighbour, most_tied
from keras_benford.inputs import enough

READING = (
    "Beside networks of the same architecture, on the same examples: low entropy and high mutual "
    "information point to a shortcut (few patterns, in many neurons), high entropy and low mutual "
    "information to memorised labels. Our own runs show the latter in perceptrons, not in a small "
    "convolutional network. One network's figures by themselves say nothing."
)
"""What the figures are known to indicate: arXiv 2210.09404, and runs in `examples/memorization`."""

FEW = 200
# Two small networks on handwritten digits, means over three draws of the examples.
_WRONG_BY_FEW = {
    "ksg": "entropy and mutual information come out too low. Two small networks had 7 to 8 % of "
    "the mutual information of 1,000 examples on 5, 70 to 76 % on 50, 99 to 102 % on 200. Take "
    "a thousand, and compare only what is of equally many.",
    "bins": "entropy comes out too low, and mutual information too high. Two small networks had "
    "2.9 to 3.4 times the mutual information of 1,000 examples on 50, and still 2.2 times on 200. "
    "Take a thousand, and compare only what is of equally many.",
}

# Correlated more closely than this, in absolute value, a neuron is another one, scaled and shifted.
_DUPLICATE = 1 - 1e-6


@dataclass(frozen=True)
class LayerInformation:
    """What the neurons of one layer tell.

    Attributes:
        name: the layer's name.
        neurons: number of neurons that were looked at.
        all_neurons: number of neurons that it has; None where that is not known.
        entropy: mean of their entropies in nats.
        mutual_information: mean over the pairs among those that are not dead, in nats; NaN where
            there are fewer than two.
        dead: how many have one value on all examples.
        duplicates: how many are copies of another one before them, of this layer or an earlier one.
    """

    name: str
    neurons: int
    entropy: float
    mutual_information: float
    dead: int
    duplicates: int
    all_neurons: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """What a model's neurons tell, shown as a table.

    Attributes:
        name: the model's name.
        activations: the `Activations` that it is of.
        entropy: `(n_neurons,)` in nats.
        mutual_information: `(n_neurons, n_neurons)` in nats, see `mutual_information`.
        settings: the options that it was made with.
        tied: how many neurons have one value for more than `k` examples and are not dead; where
            there are any, noise of about 1e-10 told equal values apart.
    """

    name: str
    activations: Activations
    entropy: np.ndarray
    mutual_information: np.ndarray
    settings: dict[str, Any]
    tied: int

    @property
    def all_neurons(self) -> int | None:
        """Number of neurons of the layers that were looked at; None where that is not known."""
        sizes = self.activations.sizes
        return None if sizes is None else sum(sizes.values())

    @property
    def warning(self) -> str | None:
        """What few examples do to the figures; None from 200 examples on."""
        n = len(self.activations.values)
        if n >= FEW:
            return None
        return f"Only {n:,} examples: {_WRONG_BY_FEW[self.settings['method']]}"

    @property
    def mean_entropy(self) -> float:
        """Mean entropy of all neurons, in nats."""
        return float(self.entropy.mean())

    @property
    def mean_mutual_information(self) -> float:
        """Mean over all pairs of neurons that are not dead, in nats; NaN without a pair."""
        return _mean(self.pairs)

    @property
    def pairs(self) -> np.ndarray:
        """`(n_pairs,)` mutual information of each pair of neurons that are not dead, in nats."""
        return self._pairs(np.ones(len(self.entropy), bool))

    @functools.cached_property
    def dead(self) -> np.ndarray:
        """`(n_neurons,)` of bool: which neurons have one value on all examples."""
        return np.ptp(self.activations.values, axis=0) == 0

    @functools.cached_property
    def duplicates(self) -> list[tuple[int, int]]:
        """Pairs `(i, j)` of places of neurons: j is a copy of i before it, scaled and shifted.

        A neuron that is a copy of several is listed with the first of them.
        """
        values = self.activations.values.astype(np.float64)
        deviations = values - values.mean(axis=0)
        norms = np.sqrt((deviations**2).sum(axis=0))
        deviations /= np.where(self.dead, np.inf, norms)
        alike = np.triu(np.abs(deviations.T @ deviations) > _DUPLICATE, 1)
        return [(int(alike[:, j].argmax()), int(j)) for j in np.flatnonzero(alike.any(axis=0))]

    @functools.cached_property
    def layers(self) -> tuple[LayerInformation, ...]:
        """A `LayerInformation` for each layer, in the order in which the model calls them."""
        copies = np.zeros(len(self.entropy), bool)
        copies[[j for _, j in self.duplicates]] = True
        found = []
        for name in self.activations.layer_names:
            here = self.activations.layers == name
            found.append(
                LayerInformation(
                    name=name,
                    neurons=int(here.sum()),
                    entropy=float(self.entropy[here].mean()),
                    mutual_information=_mean(self._pairs(here)),
                    dead=int(self.dead[here].sum()),
                    duplicates=int(copies[here].sum()),
                    all_neurons=(self.activations.sizes or {}).get(name),
                )
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """The figures of the model and its layers as plain dicts, lists, strings and numbers.

        What is undefined is None. The matrix is left out: it is `mutual_information`.
        """
        return {
            "model": self.name,
            "samples": len(self.activations.values),
            "neurons": len(self.entropy),
            "all_neurons": self.all_neurons,
            "warning": self.warning,
            **self.settings,
            **without_nan(
                {
                    "mean_entropy": self.mean_entropy,
                    "mean_mutual_information": self.mean_mutual_information,
                }
            ),
            "dead": int(self.dead.sum()),
            "duplicates": len(self.duplicates),
            "tied": self.tied,
            "layers": [without_nan(vars(layer)) for layer in self.layers],
        }

    def to_json(self, **kwargs: Any) -> str:
        """`to_dict()` as JSON text; keyword arguments go to `json.dumps`."""
        return json.dumps(self.to_dict(), **kwargs)

    def __repr__(self) -> str:
        from keras_benford.information import tables

        return tables.text_of_report(self)

    def _pairs(self, chosen):
        (chosen,) = np.nonzero(chosen & ~self.dead)
        rows, columns = np.triu_indices(len(chosen), 1)
        return self.mutual_information[chosen[rows], chosen[columns]]


def report(
    model: Any,
    x: Any,
    layers: str | Sequence[str] | None = None,
    *,
    examples: int | None = None,
    neurons: int | None = 512,
    position: int | None = None,
    method: str = "ksg",
    k: int = 3,
    scale: str = "keep",
    bins: int = 100,
    edges: str = "shared",
    batch_size: int = 256,
    seed: int = 0,
    engine: str = "auto",
    progress: bool = False,
) -> Report:
    """Entropy of a model's neurons and mutual information between them, on unlabelled examples.

    It takes a thousand examples and more, like those that the model is used on. The mutual
    information of 512 neurons on 1,000 takes five seconds on two cores with numba (extra `fast`),
    on 2,000 two and a half times as long.

    Args:
        model: a Keras model, or a `Recorder` of one, which knows its layers and position.
        x: unlabelled examples, see `activations`.
        layers: which to look at, see `activations`; by default the hidden ones.
        examples: at most how many to look at, drawn at random by `seed`, from a stream of batches
            out of its first 16 times as many; by default 2,000, with a warning where there are
            more.
        neurons: at most how many to look at, drawn from all of them; None for all.
        position: of sequences, see `activations`.
        method: of mutual information: `"ksg"` or `"bins"`, see `mutual_information`.
        k: which neighbour, for `"ksg"`.
        scale: for `"ksg"`, see `mutual_information`.
        bins, edges: of entropy, and of mutual information by `"bins"`, see `neuron_entropy`.
        batch_size: of arrays.
        seed: of the draws of examples and neurons, and of the noise that tells ties apart.
        engine: see `mutual_information`.
        progress: whether to show progress bars, on a terminal.

    Returns:
        A `Report`. Of fewer than 200 examples a warning says what that does to the figures.

    Raises:
        ValueError, TypeError: as `activations` and `mutual_information`.

    Source: arXiv 2210.09404.
    """
    import keras

    recorder = model if isinstance(model, Recorder) else Recorder(model, layers, position=position)
    x = enough(x, examples, seed)
    if method == "ksg":
        check_neighbour(k, len(keras.tree.flatten(x)[0]))
    found = recorder(x, neurons=neurons, batch_size=batch_size, seed=seed, progress=progress)
    settings = {"method": method, "k": k, "scale": scale, "bins": bins, "edges": edges}
    settings["seed"] = seed
    tied = (most_tied(found.values) > k) & (np.ptp(found.values, axis=0) > 0)
    information = mutual_information(
        found,
        method=method,
        k=k,
        scale=scale,
        bins=bins,
        edges=edges,
        ties="jitter" if tied.any() else "keep",
        seed=seed,
        engine=engine,
        progress=progress,
    )
    entropy = neuron_entropy(found, bins=bins, edges=edges)
    made = Report(recorder.model.name, found, entropy, information, settings, int(tied.sum()))
    # Who has a recorder looks again and again, and says it by himself.
    if made.warning is not None and recorder is not model:
        warnings.warn(made.warning, UserWarning, stacklevel=2)
    return made


def _mean(pairs):
    return float(pairs.mean()) if pairs.size else np.nan
