"""Keras' layers -> the order in which each writes its variables, which files number 0, 1, 2, …

A Keras 3 file does not name a layer's variables. What stands under which number follows from the
layer's class, and for a few classes from the dtypes, which tell how it was quantised. A `?` marks a
variable that may be missing, a `#` one of integers.

Source: the `build` and `save_own_variables` methods of `keras.layers`, Keras 3.0 to 3.15.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

_AMAX = "inputs_scale inputs_amax_history kernel_scale kernel_amax_history "
_AMAX += "outputs_grad_scale outputs_grad_amax_history"
_DENSE = (
    "kernel bias?",
    f"kernel bias? {_AMAX}",
    "kernel# bias? kernel_scale",
    "kernel# bias? kernel_scale kernel_zero# g_idx?",
    # GPTQ and AWQ; Keras 3.15 loses the zero points.
    "bias? kernel# kernel_scale kernel_zero? g_idx",
    "bias? kernel# kernel_scale kernel_zero# g_idx",
    "bias? kernel# kernel_scale kernel_zero? awq_scales g_idx",
    "bias? kernel# kernel_scale kernel_zero# awq_scales g_idx",
)
_EMBEDDING = (
    "embeddings",
    "embeddings# embeddings_scale",
    "embeddings# embeddings_scale embeddings_zero# g_idx?",
)
_REVERSE = "reverse_embeddings"
_CONVOLUTION = ("kernel bias?",)
_SEPARABLE = ("depthwise_kernel pointwise_kernel bias?",)
_CELL = ("kernel recurrent_kernel bias?",)
_NORMALISATION = ("gamma? beta?",)
_RANGES = "output_min? output_max? " * 3

LAYOUTS = {
    "Dense": _DENSE,
    "EinsumDense": _DENSE,
    "Embedding": _EMBEDDING,
    "ReversibleEmbedding": (
        *_EMBEDDING,
        f"embeddings {_REVERSE}",
        f"embeddings# embeddings_scale {_REVERSE}# {_REVERSE}_scale",
        *(
            f"embeddings# embeddings_scale embeddings_zero# g_idx? {_REVERSE}# {_REVERSE}_scale "
            f"{_REVERSE}_zero{integers}"
            for integers in ("", "#")
        ),
    ),
    **dict.fromkeys(
        [
            *("Conv1D", "Conv2D", "Conv3D"),
            *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
            *("DepthwiseConv1D", "DepthwiseConv2D"),
        ],
        _CONVOLUTION,
    ),
    "SeparableConv1D": _SEPARABLE,
    "SeparableConv2D": _SEPARABLE,
    **dict.fromkeys(["SimpleRNNCell", "LSTMCell", "GRUCell", "ConvLSTMCell"], _CELL),
    **dict.fromkeys(
        ["RNN", "SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"],
        ("rnn_state? rnn_state?",),
    ),
    "Attention": ("scale? concat_score_weight?",),
    "AdditiveAttention": ("scale",),
    "PReLU": ("alpha",),
    "BatchNormalization": (
        "gamma? beta? moving_mean moving_variance",
        "gamma? beta? moving_mean moving_variance moving_stddev renorm_mean renorm_stddev",
    ),
    "LayerNormalization": _NORMALISATION,
    "GroupNormalization": _NORMALISATION,
    "RMSNormalization": ("scale",),
    "Normalization": ("mean variance count#",),
    # The wrapped layer's kernel stands here once more.
    "SpectralNormalization": ("copy vector_u",),
    "STFTSpectrogram": ("real_kernel? imag_kernel?",),
    # Of Keras 2: a kernel for each place; as that of a sparse matrix it can have rank 1.
    **dict.fromkeys(["LocallyConnected1D", "LocallyConnected2D"], _CONVOLUTION),
    # Wrappers of tensorflow-model-optimization: the wrapped layer's kernels stand here once more.
    "PruneLowMagnitude": tuple(
        "copy " * n + "mask threshold " * n + "pruning_step#" for n in range(9)
    ),
    "QuantizeWrapperV2": (f"kernel bias? copy optimizer_step# kernel_min kernel_max {_RANGES}",),
}

# Attributes under which a layer of Keras keeps its parts, all of them EinsumDense.
HEADS = {
    f"{prefix}{head}_dense"
    for prefix in ("", "_")
    for head in ("query", "key", "value", "output", "gate")
}
_OPTIMIZERS = {
    *("adadelta", "adafactor", "adagrad", "adam", "adam_w", "adamax", "ftrl", "lamb", "lion"),
    *("loss_scale_optimizer", "muon", "nadam", "rmsprop", "schedule_free_adam_w", "sgd"),
}
# The metrics of Keras that hold a matrix.
_METRICS = {"mean_io_u", "io_u", "binary_io_u", "one_hot_io_u", "one_hot_mean_io_u"}


def snake_case(name: str) -> str:
    """A class's name as Keras writes it in a file: `Conv2DTranspose` is `conv2d_transpose`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


ROLES = {
    name.strip("#?")
    for layouts in LAYOUTS.values()
    for layout in layouts
    for name in layout.split()
}
"""The names that layers of Keras give their variables."""
_CLASS_OF = {snake_case(name): name for name in LAYOUTS}


def class_of(name: str) -> str | None:
    """The Keras class of a name that Keras made of it (`conv2d_3`), or None."""
    if name in HEADS:
        return "EinsumDense"
    return _CLASS_OF.get(name) or _CLASS_OF.get(re.sub(r"_\d+$", "", name))


def classes_in(path: str) -> tuple[str, ...]:
    """The class of the layer that a weight's path names, none where Keras did not make its name."""
    of_class = class_of(path.rpartition("/")[0].rpartition("/")[2])
    return (of_class,) if of_class else ()


def numbered(name: str) -> tuple[str, int]:
    """The two parts of a name in a list: `dense` and 12 of `dense_12`, and 0 of `dense`."""
    match = re.fullmatch(r"(.*)_(\d{1,9})", name)
    return (match[1], int(match[2])) if match else (name, 0)


def without_number(name: str) -> str:
    """A variable's name without the number that TensorFlow appends: `dense/kernel:0`."""
    return re.sub(r":\d+$", "", name)


def role_in(name: str) -> str:
    """The last part of a weight's name: `kernel` in `dense/kernel:0`, `weight` in `fc.weight`.

    What follows the number is somebody's, who needed names that occur once: `dense/kernel:0_2`.
    """
    return re.split(r"[/.]", re.sub(r":\d[^/]*$", "", name))[-1]


def names_in(layer_class: str, shapes: Sequence[tuple], integers: Sequence[bool]) -> list | None:
    """The names of a layer's variables in the order of their numbers, or None if they do not fit.

    Args:
        layer_class: the layer's class.
        shapes: the variables' shapes.
        integers: whether each holds integers.
    """
    for layout in LAYOUTS.get(layer_class, ()):
        for names in _variants(layout, len(shapes)):
            if [("#" in name) for name in names] == list(integers):
                names = [name.strip("#") for name in names]
                if layer_class.startswith("LocallyConnected") or _plausible(names, shapes):
                    return names
    return None


def _variants(layout, n):
    """The layout's names for n variables, their # included: a list for each choice of them."""
    names = layout.split()
    optional = [i for i, name in enumerate(names) if name.endswith("?")]
    missing = len(names) - n
    if not 0 <= missing <= len(optional):
        return
    # Later ones are left out first: a scale is more often alone than a concat_score_weight.
    for left_out in itertools.combinations(reversed(optional), missing):
        yield [name.rstrip("?") for i, name in enumerate(names) if i not in left_out]


def _plausible(names, shapes):
    """Whether shapes agree with names, as far as every layer's do."""
    shape_of = dict(zip(names, shapes, strict=True))
    for name, shape in shape_of.items():
        if name.endswith("kernel") and len(shape) < 2:
            return False
        # Each scale has a zero point, where there are any.
        if name.endswith("_zero") and shape != shape_of[name.removesuffix("zero") + "scale"]:
            return False
    if "copy" in shape_of and shape_of.get("kernel", shape_of["copy"]) != shape_of["copy"]:
        return False
    if "recurrent_kernel" in shape_of:
        widths = {shape_of[name][-1] for name in names if len(shape_of[name])}
        return len(widths) == 1
    return True


def is_optimizer(name: str) -> bool:
    """Whether Keras made this name, such as `adam_1`, of an optimizer's class."""
    return re.sub(r"_\d+$", "", name) in _OPTIMIZERS


def kind_of(component: str, name: str | None, variables: tuple) -> str:
    """What a group of a file holds: see `StoredArray.kind`.

    Args:
        component: the group's own name in its parent.
        name: the name of the object that was saved, if known.
        variables: the shapes of its variables, and whether each holds integers.
    """
    base = re.sub(r"_\d+$", "", name or component)
    shapes, integers = variables
    counts_steps = bool(shapes) and shapes[0] == () and integers[0]
    if component.endswith("optimizer") or (is_optimizer(base) and counts_steps):
        return "optimizer"
    if component.endswith(("metrics", "_tracker", "_metric")) or base in _METRICS:
        return "metric"
    if "seed_generator" in (base, re.sub(r"_\d+$", "", component)):
        return "random seed"
    return "weight"
