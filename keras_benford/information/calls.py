"""What a model's layers give when they are called, noted without a change that stays.

While a model runs, the layers to be watched have other methods in place of theirs.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass
class Call:
    """What a layer gave when it was called: its output, and what its activation function got.

    Where it was asked for, also what a layer without weights was given: its first argument.
    """

    layer: Any
    given: Any = None
    output: Any = None
    before: Any = None


@contextlib.contextmanager
def watched(
    layers: list, before_activation: list, calls: list[Call], *, given: bool = False
) -> Iterator[None]:
    """Note what these layers give while what is within runs, in the order of their calls.

    Args:
        layers: of which to note each call.
        before_activation: those of them of which to note what their activation function gets.
        calls: list to append to.
        given: whether to note what those without weights are given, which keeps it in memory.
    """
    with contextlib.ExitStack() as undo:
        for layer in layers:
            # Several where a layer calls itself.
            open_calls: list[Call] = []
            for method in ("call", "quantized_call"):
                if hasattr(layer, method):
                    function = _noting(layer, getattr(layer, method), calls, open_calls, given)
                    undo.enter_context(_replaced(layer, method, function))
            if layer in before_activation:
                function = _noting_input(layer.activation, open_calls)
                undo.enter_context(_replaced(layer, "activation", function))
        yield


def _noting(layer, function, calls, open_calls, given):
    noted = given and not layer.weights

    def call(*args, **kwargs):
        this = Call(layer, next(iter([*args, *kwargs.values()]), None) if noted else None)
        calls.append(this)
        open_calls.append(this)
        try:
            this.output = function(*args, **kwargs)
        finally:
            open_calls.pop()
        return this.output

    return call


def _noting_input(function, open_calls):
    def activation(x):
        if open_calls:
            open_calls[-1].before = x
        return function(x)

    return activation if function is not None else None


@contextlib.contextmanager
def _replaced(thing, name, value):
    """Give an object another attribute for a while, past what Keras tracks of its attributes."""
    own = vars(thing)
    missing = object()
    before = own.get(name, missing)
    object.__setattr__(thing, name, value)
    try:
        yield
    finally:
        if before is missing:
            object.__delattr__(thing, name)
        else:
            object.__setattr__(thing, name, before)
