"""Which weights of two models are beside each other: those of one path, or nearly."""

import h5py
import numpy as np
import pytest

import keras_benford as kb
from keras_benford.scoring import compare


def model(path, kernels):
    """An `.h5` of weights of these names and shapes, at random."""
    rng = np.random.default_rng(3)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"m"]
        file.create_group("m").attrs["weight_names"] = [f"{name}:0" for name, _ in kernels]
        for name, shape in kernels:
            file[f"m/{name}:0"] = rng.normal(size=shape).astype("float32")
    return path


def compared(folder, first, second):
    """The paths of pairs, and those of the weights that stand alone."""
    scores = [kb.score(model(folder / "a.h5", kernels)) for kernels in (first, second)]
    found = compare(*scores)
    pairs = [(a.path, b.path) for a, b in found.pairs]
    return pairs, [layer.path for layer in (*found.only_in_first, *found.only_in_second)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("gru/cell/kernel", "gru/gru_cell/kernel"),
        ("gru/gru_cell/kernel", "gru/gru_cell_3/kernel"),
        ("gru/kernel", "gru/gru_cell/kernel"),
        ("b/backward_layer/cell/kernel", "b/backward_gru/gru_cell/kernel"),
        ("mha/_query_dense/kernel", "mha/query/kernel"),
        ("mha/_output_dense/kernel", "mha/attention_output/kernel"),
    ],
)
def test_a_model_saved_with_and_without_names_of_parts_is_paired(first, second, tmp_path):
    both = ("dense/kernel", (4, 3))
    pairs, alone = compared(tmp_path, [(first, (8, 24)), both], [both, (second, (8, 24))])
    assert pairs == [(first, second), ("dense/kernel", "dense/kernel")]
    assert alone == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Which of the two it is nothing tells.
        ([("rnn/a_cell/kernel", (8, 24)), ("rnn/b_cell/kernel", (8, 24))], "rnn/cell/kernel"),
        ([("gru/cell/kernel", (6, 24))], "gru/gru_cell/kernel"),
        ([("gru/cell/kernel", (8, 24))], "lstm/lstm_cell/kernel"),
        ([("b/forward_layer/kernel", (8, 24))], "b/backward_gru/kernel"),
    ],
    ids=["two", "another shape", "another layer", "another direction"],
)
def test_what_is_not_sure_stands_alone(first, second, tmp_path):
    both = ("dense/kernel", (4, 3))
    pairs, alone = compared(tmp_path, [*first, both], [both, (second, (8, 24))])
    assert pairs == [("dense/kernel", "dense/kernel")]
    assert alone == [*(path for path, _ in first), second]


def test_as_many_of_the_same_shapes_are_paired_by_position(tmp_path):
    first = [("a/cell/kernel", (8, 4)), ("b/kernel", (4, 3))]
    second = [("a/gru_cell/kernel", (8, 4)), ("c/kernel", (4, 3))]
    pairs, alone = compared(tmp_path, first, second)
    assert pairs == [(a, b) for (a, _), (b, _) in zip(first, second, strict=True)]
    assert alone == []
