"""A callback that writes what the neurons tell on a few examples into the logs."""

from collections.abc import Sequence
from typing import Any

from keras_benford.callbacks.monitor import Monitor
from keras_benford.inputs import Given
from keras_benford.measures.information import Entropy, MutualInformation


class InformationMonitor(Monitor):
    """Add the neurons' mean entropy and mean mutual information to the logs.

    The keys are `entropy` and `mutual_information`, both in nats. All callbacks share one `logs`
    dict, in the order of their list: put this one before those that are to see it (TensorBoard,
    CSVLogger). The progress bar and `History` come last of all.

        callbacks = [InformationMonitor(x[:1000]), keras.callbacks.TensorBoard("logs")]

    Args:
        x: unlabelled examples, see `keras_benford.information.activations`; no generator. Of more
            than 2,000 so many are drawn as training begins, with a warning; `examples` says how
            many instead.
        every: look after the first epoch and each so many epochs after it. In between the logs have
            the latest values, so that a CSVLogger has all its columns.
        layers: which layers to look at; by default the hidden ones.
        neurons: at most how many neurons, drawn from all of them. The time grows with its square:
            64 neurons on 1,000 examples take a quarter of a second on two cores, with numba.
        options: as for `keras_benford.information.report`, such as `examples` or `method="bins"`.

    Attributes:
        history: dict of lists, an entry a look: `epoch`, `step` (the optimizer's updates),
            `entropy`, `mutual_information`.

    Activations that are infinite or NaN make both NaN, with one warning. Examples that do not fit
    the model are told as training begins, or at the first look where the model has no weights yet.
    """

    def __init__(
        self,
        x: Any,
        every: int = 1,
        layers: str | Sequence[str] | None = None,
        *,
        neurons: int | None = 64,
        **options: Any,
    ) -> None:
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ValueError(f"`every`: expected an integer of 1 or more; received {every!r}")
        if hasattr(x, "__next__"):
            raise TypeError(
                "`x`: expected examples; received what can be read only once; pass arrays"
            )
        of_neurons = {"layers": layers, "neurons": neurons, **options}
        given = Given(x)
        measures = [each(given, **of_neurons) for each in (Entropy, MutualInformation)]
        super().__init__(measures, every=every)
        self.every = every
        self.layers = layers
