"""A model's optimizers: all there are, what each updates, and the averages of weights they keep.

`compile` knows of one. A model with a `train_step` of its own may hold more, in attributes, as a
generator and a discriminator do.
"""

import contextlib

import keras

from keras_benford import _keras
from keras_benford._backends import to_numpy


def all_of(model):
    """The optimizers that a model and the models in it hold, each once."""
    found, seen = {}, set()

    def look_into(value):
        if isinstance(value, keras.optimizers.Optimizer):
            found[id(value)] = value
        elif isinstance(value, (list, tuple, dict)) and id(value) not in seen:
            seen.add(id(value))
            for each in value.values() if isinstance(value, dict) else value:
                look_into(each)

    for layer in _keras.flat_layers(model):
        look_into(vars(layer))
    return list(found.values())


def built_for(model):
    """For each optimizer what it was built for, as JSON holds it; None for one that is not built.

    Weights are told by their places among the model's.

    Raises:
        ValueError: for an optimizer of weights that are not the model's.
    """
    places = {id(weight): i for i, weight in enumerate(model.weights)}
    found = []
    for optimizer in all_of(model):
        updated = _keras.updated_by(optimizer) if optimizer.built else None
        if updated is not None:
            foreign = [weight.path for weight in updated if id(weight) not in places]
            if foreign:
                raise ValueError(
                    f"`backup_dir`: expected optimizers of the model's own weights; received "
                    f"{optimizer.name!r}, which updates {foreign[0]!r}; make the layer of that "
                    "weight an attribute of the model, or leave `backup_dir` out."
                )
            updated = [places[id(weight)] for weight in updated]
        found.append(updated)
    return found


def build(model, built_for):
    """Build each optimizer for what `built_for` gave.

    Raises:
        ValueError: if the model has other optimizers by now.
    """
    optimizers = all_of(model)
    if len(optimizers) != len(built_for):
        raise ValueError(
            f"`backup_dir`: expected a model with {len(built_for)} optimizers, as the training "
            f"began with; received one with {len(optimizers)}; make it as before."
        )
    for optimizer, places in zip(optimizers, built_for, strict=True):
        if places is not None:
            _build(optimizer, model, [model.weights[i] for i in places])
        elif optimizer.built:
            raise ValueError(
                f"`backup_dir`: expected the optimizer {optimizer.name!r} as it was before its "
                "first update, from which the training goes on; received one that has made some; "
                "make the model and its optimizers anew."
            )


def build_own(model):
    """Have the variables of the compiled optimizer made, as `fit` does no sooner than in a step."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        _build(optimizer, model, model.trainable_variables)


def _build(optimizer, model, variables):
    strategy = getattr(model, "distribute_strategy", None)
    if not optimizer.built:
        with strategy.scope() if strategy is not None else contextlib.nullcontext():
            optimizer.build(variables)


@contextlib.contextmanager
def averages_in(model):
    """Have the model hold the averages of its weights for a moment, if its optimizer has them.

    At the end of `fit` Keras overwrites the weights with their averages, and restoring raw ones
    would undo that.
    """
    pairs = _averages_of(model)
    raw = [_copy(variable) for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), values in zip(pairs, raw, strict=True):
            variable.assign(values)


@contextlib.contextmanager
def averages_out(model, callbacks):
    """Have the model hold its raw weights for a moment, where `SwapEMAWeights` has taken them out.

    With `swap_on_epoch=True` the averages are in the model from the end of an epoch to the next,
    and the raw weights in their place, for callbacks that come later in the list.

    Args:
        model: the model.
        callbacks: those of the training.
    """
    swapped = any(map(_keras.averages_are_in, callbacks))
    pairs = _averages_of(model) if swapped else []
    _exchange(pairs)
    try:
        yield
    finally:
        _exchange(pairs)


def _averages_of(model):
    optimizer = getattr(model, "optimizer", None)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    each_of = getattr(inner, "optimizers", [inner])
    return [pair for each in each_of for pair in _keras.averaged_by(each)]


def _exchange(pairs):
    # Not as Keras does it under TensorFlow, by sums and differences, which round.
    for variable, average in pairs:
        values = _copy(variable)
        variable.assign(average)
        average.assign(values)


def _copy(variable):
    return to_numpy(variable).copy()
