"""Every layer of Keras that has weights, and which of them are initialised at random.

Written down by hand from the layers' own `add_weight` calls. `OTHER_LAYERS` are all the others that
`keras.layers` has.
"""

import inspect
from dataclasses import dataclass

import keras
import numpy as np
import pytest
from keras import layers

VECTORS = np.ones((2, 4), "float32")
SEQUENCE = np.ones((1, 6, 3), "float32")
IMAGE = np.ones((1, 8, 8, 3), "float32")
VOLUME = np.ones((1, 6, 6, 6, 2), "float32")
TOKENS = np.array([[0, 1, 2]])


@dataclass(frozen=True)
class Case:
    """A layer, how to build it, and the paths of its weights."""

    make: callable
    inputs: tuple
    counted: str
    skipped: str
    random_though_skipped: str

    def build(self, seed=0):
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(seed)
        layer = self.make()
        if isinstance(layer, layers.Normalization):
            layer.adapt(np.arange(12.0).reshape(4, 3))
        layer(*self.inputs)
        return layer


def case(name, make, *inputs, counted="", skipped="", random_though_skipped="", needs=None):
    """A parameter whose id begins with the layer's class; `needs` an argument newer Keras has."""
    layer = getattr(layers, name.partition(",")[0], None)
    missing = layer is None or (needs and needs not in inspect.signature(layer).parameters)
    return pytest.param(
        Case(make, inputs, counted, skipped, random_though_skipped),
        id=name,
        marks=[pytest.mark.skip(f"Keras {keras.__version__} has no such layer")] * bool(missing),
    )


def under(prefix, names):
    return " ".join(f"{prefix}/{name}" for name in names.split())


RECURRENT = "kernel recurrent_kernel"
HEADS = "query key value attention_output"


def of_heads(attention, name, heads=HEADS):
    return " ".join(f"{attention}/{head}/{name}" for head in heads.split())


CASES = [
    case("Dense", lambda: layers.Dense(3), VECTORS, counted="dense/kernel", skipped="dense/bias"),
    case(
        "EinsumDense, bias of rank 2",
        lambda: layers.EinsumDense("ab,bcd->acd", (2, 3), bias_axes="cd"),
        VECTORS,
        counted="einsum_dense/kernel",
        skipped="einsum_dense/bias",
    ),
    case("Embedding", lambda: layers.Embedding(5, 3), TOKENS, counted="embedding/embeddings"),
    case(
        "ReversibleEmbedding, tied",
        lambda: layers.ReversibleEmbedding(5, 3),
        TOKENS,
        counted="reversible_embedding/embeddings",
    ),
    case(
        "ReversibleEmbedding, not tied",
        lambda: layers.ReversibleEmbedding(5, 3, tie_weights=False),
        TOKENS,
        counted=under("reversible_embedding", "embeddings reverse_embeddings"),
    ),
    *(
        case(
            f"{kind}{transpose}",
            lambda kind=kind, transpose=transpose: getattr(layers, kind + transpose)(4, 2),
            inputs,
            counted=f"{path}/kernel",
            skipped=f"{path}/bias",
        )
        for kind, inputs in (("Conv1D", SEQUENCE), ("Conv2D", IMAGE), ("Conv3D", VOLUME))
        for transpose in ("", "Transpose")
        for path in [kind.lower() + transpose.replace("T", "_t")]
    ),
    *(
        case(
            kind,
            lambda kind=kind: getattr(layers, kind)(2, depth_multiplier=2),
            inputs,
            counted=f"{path}/kernel",
            skipped=f"{path}/bias",
        )
        for kind, inputs, path in (
            ("DepthwiseConv1D", SEQUENCE, "depthwise_conv1d"),
            ("DepthwiseConv2D", IMAGE, "depthwise_conv2d"),
        )
    ),
    *(
        case(
            kind,
            lambda kind=kind: getattr(layers, kind)(4, 2),
            inputs,
            counted=under(path, "depthwise_kernel pointwise_kernel"),
            skipped=f"{path}/bias",
        )
        for kind, inputs, path in (
            ("SeparableConv1D", SEQUENCE, "separable_conv1d"),
            ("SeparableConv2D", IMAGE, "separable_conv2d"),
        )
    ),
    *(
        case(
            kind,
            lambda kind=kind: getattr(layers, kind)(3),
            SEQUENCE,
            counted=under(f"{path}/{path}_cell", RECURRENT),
            skipped=f"{path}/{path}_cell/bias",
        )
        for kind, path in (("SimpleRNN", "simple_rnn"), ("LSTM", "lstm"), ("GRU", "gru"))
    ),
    case(
        "GRU, reset before",
        lambda: layers.GRU(3, reset_after=False),
        SEQUENCE,
        counted=under("gru/gru_cell", RECURRENT),
        skipped="gru/gru_cell/bias",
    ),
    case(
        "LSTM, stateful and with dropout",
        lambda: layers.LSTM(3, stateful=True, dropout=0.5, recurrent_dropout=0.5),
        SEQUENCE,
        counted=under("lstm/lstm_cell", RECURRENT),
        skipped="lstm/lstm_cell/bias",
    ),
    *(
        case(
            kind,
            lambda kind=kind: getattr(layers, kind)(3),
            SEQUENCE[0],
            [np.ones((6, 3), "float32")] * n_states,
            counted=under(path, RECURRENT),
            skipped=f"{path}/bias",
        )
        for kind, path, n_states in (
            ("SimpleRNNCell", "simple_rnn_cell", 1),
            ("LSTMCell", "lstm_cell", 2),
            ("GRUCell", "gru_cell", 1),
        )
    ),
    case(
        "StackedRNNCells",
        lambda: layers.StackedRNNCells([layers.GRUCell(3), layers.SimpleRNNCell(2)]),
        SEQUENCE[0],
        [np.ones((6, 3), "float32"), np.ones((6, 2), "float32")],
        counted=under("stacked_rnn_cells/gru_cell", RECURRENT)
        + " "
        + under("stacked_rnn_cells/simple_rnn_cell", RECURRENT),
        skipped="stacked_rnn_cells/gru_cell/bias stacked_rnn_cells/simple_rnn_cell/bias",
    ),
    case(
        "RNN",
        lambda: layers.RNN(layers.LSTMCell(3)),
        SEQUENCE,
        counted=under("rnn/lstm_cell", RECURRENT),
        skipped="rnn/lstm_cell/bias",
    ),
    case(
        "RNN, several cells",
        lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]),
        SEQUENCE,
        counted=under("rnn/stacked_rnn_cells/lstm_cell", RECURRENT)
        + " "
        + under("rnn/stacked_rnn_cells/gru_cell", RECURRENT),
        skipped="rnn/stacked_rnn_cells/lstm_cell/bias rnn/stacked_rnn_cells/gru_cell/bias",
    ),
    *(
        case(
            f"ConvLSTM{rank}D",
            lambda rank=rank: getattr(layers, f"ConvLSTM{rank}D")(3, 2),
            np.ones((1, 2, *[4] * rank, 2), "float32"),
            counted=under(f"conv_lstm{rank}d/conv_lstm_cell", RECURRENT),
            skipped=f"conv_lstm{rank}d/conv_lstm_cell/bias",
        )
        for rank in (1, 2, 3)
    ),
    case(
        "Bidirectional",
        lambda: layers.Bidirectional(layers.GRU(3)),
        SEQUENCE,
        counted=under("bidirectional/forward_gru/gru_cell", RECURRENT)
        + " "
        + under("bidirectional/backward_gru/gru_cell", RECURRENT),
        skipped=under("bidirectional", "forward_gru/gru_cell/bias backward_gru/gru_cell/bias"),
    ),
    case(
        "TimeDistributed",
        lambda: layers.TimeDistributed(layers.Dense(3)),
        SEQUENCE,
        counted="time_distributed/dense/kernel",
        skipped="time_distributed/dense/bias",
    ),
    case(
        "Pipeline",
        lambda: layers.Pipeline([layers.Dense(3)]),
        VECTORS,
        counted="pipeline/dense/kernel",
        skipped="pipeline/dense/bias",
    ),
    case(
        "MultiHeadAttention",
        lambda: layers.MultiHeadAttention(2, 3),
        SEQUENCE,
        SEQUENCE,
        counted=of_heads("multi_head_attention", "kernel"),
        skipped=of_heads("multi_head_attention", "bias"),
    ),
    case(
        "MultiHeadAttention, gated",
        lambda: layers.MultiHeadAttention(2, 3, use_gate=True),
        SEQUENCE,
        SEQUENCE,
        counted=of_heads("multi_head_attention", "kernel", HEADS + " gate"),
        skipped=of_heads("multi_head_attention", "bias", HEADS + " gate"),
        needs="use_gate",
    ),
    case(
        "GroupQueryAttention",
        lambda: layers.GroupQueryAttention(4, 6, 2),
        SEQUENCE,
        SEQUENCE,
        counted=of_heads("grouped_query_attention", "kernel"),
        skipped=of_heads("grouped_query_attention", "bias"),
    ),
    case(
        "Attention",
        lambda: layers.Attention(use_scale=True),
        [SEQUENCE, SEQUENCE],
        skipped="attention/scale",
    ),
    case(
        "Attention, concatenating",
        lambda: layers.Attention(use_scale=True, score_mode="concat"),
        [SEQUENCE, SEQUENCE],
        skipped="attention/scale attention/concat_score_weight",
    ),
    case(
        "AdditiveAttention",
        layers.AdditiveAttention,
        [SEQUENCE, SEQUENCE],
        counted="additive_attention/scale",
    ),
    case("PReLU", layers.PReLU, IMAGE, skipped="p_re_lu/alpha"),
    case(
        "BatchNormalization",
        layers.BatchNormalization,
        IMAGE,
        skipped=under("batch_normalization", "gamma beta moving_mean moving_variance"),
    ),
    case(
        "BatchNormalization, renormalised",
        lambda: layers.BatchNormalization(renorm=True),
        IMAGE,
        skipped=under(
            "batch_normalization",
            "gamma beta moving_mean moving_variance moving_stddev renorm_mean renorm_stddev",
        ),
        needs="renorm",
    ),
    case(
        "LayerNormalization, parameters of rank 2",
        lambda: layers.LayerNormalization(axis=[1, 2]),
        SEQUENCE,
        skipped="layer_normalization/gamma layer_normalization/beta",
    ),
    case(
        "GroupNormalization",
        lambda: layers.GroupNormalization(3),
        SEQUENCE,
        skipped="group_normalization/gamma group_normalization/beta",
    ),
    case("RMSNormalization", layers.RMSNormalization, SEQUENCE, skipped="rms_normalization/scale"),
    case(
        "Normalization",
        layers.Normalization,
        SEQUENCE,
        skipped="normalization/mean normalization/variance normalization/count",
    ),
    case(
        "SpectralNormalization",
        lambda: layers.SpectralNormalization(layers.Conv2D(4, 2)),
        IMAGE,
        counted="spectral_normalization/conv2d/kernel",
        skipped="spectral_normalization/conv2d/bias spectral_normalization/vector_u",
        random_though_skipped="spectral_normalization/vector_u",
    ),
    case(
        "SpectralNormalization, of an embedding",
        lambda: layers.SpectralNormalization(layers.Embedding(5, 3)),
        TOKENS,
        counted="spectral_normalization/embedding/embeddings",
        skipped="spectral_normalization/vector_u",
        random_though_skipped="spectral_normalization/vector_u",
    ),
    case(
        "STFTSpectrogram",
        lambda: layers.STFTSpectrogram(frame_length=16, frame_step=4),
        np.ones((1, 64, 1), "float32"),
        skipped="stft_spectrogram/real_kernel stft_spectrogram/imag_kernel",
    ),
    case(
        "Dense, under LoRA",
        lambda: layers.Dense(6, lora_rank=2),
        VECTORS,
        counted="dense/kernel",
        skipped=under("dense", "bias lora_kernel_a lora_kernel_b"),
        random_though_skipped="dense/lora_kernel_a",
    ),
    case(
        "EinsumDense, under LoRA",
        lambda: layers.EinsumDense("ab,bc->ac", 6, lora_rank=2),
        VECTORS,
        counted="einsum_dense/kernel",
        skipped=under("einsum_dense", "lora_kernel_a lora_kernel_b"),
        random_though_skipped="einsum_dense/lora_kernel_a",
    ),
    case(
        "Conv2D, under LoRA",
        lambda: layers.Conv2D(6, 2, lora_rank=2),
        IMAGE,
        counted="conv2d/kernel",
        skipped=under("conv2d", "bias lora_kernel_a lora_kernel_b"),
        random_though_skipped="conv2d/lora_kernel_a",
    ),
    case(
        "Embedding, under LoRA",
        lambda: layers.Embedding(6, 4, lora_rank=2),
        TOKENS,
        counted="embedding/embeddings",
        skipped=under("embedding", "lora_embeddings_a lora_embeddings_b"),
        random_though_skipped="embedding/lora_embeddings_a",
    ),
]

# What layers without weights take: arguments by name, or made by hand with an input.
ARGUMENTS = {
    **dict.fromkeys(["rate", "stddev", "factor", "height_factor", "width_factor"], 0.5),
    **dict.fromkeys(["output_size", "pool_size", "height", "width", "n", "scale"], 2),
    **{"activation": "relu", "axes": 1, "dims": (1,), "function": abs, "target_shape": (-1,)},
}
INPUTS = [IMAGE, SEQUENCE, VECTORS, VOLUME, [IMAGE, IMAGE]]
BY_HAND = {
    "CategoryEncoding": lambda: (layers.CategoryEncoding(3), TOKENS),
    "Discretization": lambda: (layers.Discretization([0.5]), VECTORS),
    "HashedCrossing": lambda: (layers.HashedCrossing(3), (TOKENS[0], TOKENS[0])),
    "Hashing": lambda: (layers.Hashing(3), TOKENS),
    "InputLayer": lambda: (layers.InputLayer((4,)), None),
    "IntegerLookup": lambda: (layers.IntegerLookup(vocabulary=[1, 2]), TOKENS),
    "MaxNumBoundingBoxes": lambda: (layers.MaxNumBoundingBoxes(2), None),
    "MelSpectrogram": lambda: (layers.MelSpectrogram(fft_length=16), np.ones((1, 64), "float32")),
    "RandomPosterization": lambda: (layers.RandomPosterization(4), IMAGE),
    "StringLookup": lambda: (layers.StringLookup(vocabulary=["a", "b"]), np.array(["a"])),
    "TextVectorization": lambda: (layers.TextVectorization(vocabulary=["a"]), np.array(["a"])),
}
NOT_MADE_HERE = {
    "Layer": "the base class",
    "Wrapper": "the base class of wrappers",
    "TFSMLayer": "tested below",
    "JaxLayer": "wraps JAX's functions",
    "FlaxLayer": "wraps Flax's modules",
    "TorchModuleWrapper": "wraps PyTorch's modules",
}
COVERED = {getattr(layers, c.id.partition(",")[0], None) for c in CASES}
OTHER_LAYERS = {
    cls: name
    for name, cls in inspect.getmembers(layers, inspect.isclass)
    if issubclass(cls, keras.Layer) and cls not in COVERED and name not in NOT_MADE_HERE
}


def made_and_called(name):
    if name in BY_HAND:
        layer, inputs = BY_HAND[name]()
        return layer if inputs is None else (layer(inputs), layer)[1]
    cls = getattr(layers, name)
    needed = [
        p.name
        for p in inspect.signature(cls).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    layer = cls(*(ARGUMENTS[argument] for argument in needed))
    for inputs in INPUTS:
        try:
            layer(inputs)
        except (ValueError, IndexError):
            continue
        return layer
    raise AssertionError(f"{name} takes none of the inputs: write it down in BY_HAND")
