"""When to check: after each or every so many epochs, every n batches, or a fraction of an epoch."""

import bisect
import numbers
import warnings


class Schedule:
    """Tells after which batches of an epoch a check is due; its end is always checked.

    Args:
        check_every: `"epoch"`, `"batch"`, an integer n >= 1 (every n batches, counted anew in each
            epoch), or a float f in (0, 1] (`round(1 / f)` evenly spaced checks an epoch).
        every: the first epoch is checked at its end, and each so many epochs after it.

    Raises:
        ValueError, TypeError: if it is none of these.
    """

    def __init__(self, check_every, every=1):
        self._batches, self._parts = _parse(check_every)
        self._every = every
        self.inside_epoch = self._batches is not None or self._parts > 1
        self.begin()

    def begin(self):
        """Plan a training."""
        self._epochs = 0
        self._marks = []
        self._passed = 0

    def begin_epoch(self, steps):
        """Plan an epoch of `steps` batches, or of unknown length if `steps` is None."""
        self._passed = 0
        due = [] if steps is None else (round(steps * i / self._parts) for i in range(self._parts))
        self._marks = sorted({step for step in due if 0 < step < steps})

    def is_due(self, seen):
        """Whether a check is due now that `seen` batches of the epoch are done."""
        # One execution may run several steps, and pass several marks at once.
        before = self._passed
        self._passed = seen // self._batches if self._batches else bisect.bisect(self._marks, seen)
        return self._passed > before

    def ends_epoch(self):
        """Whether a check is due at the end of the epoch."""
        self._epochs += 1
        return (self._epochs - 1) % self._every == 0


def _parse(check_every):
    """`(batches, parts)`: batches between checks or None, checks an epoch."""
    if isinstance(check_every, str):
        if check_every == "epoch":
            return None, 1
        if check_every == "batch":
            return 1, 1
    elif isinstance(check_every, numbers.Integral) and not isinstance(check_every, bool):
        batches = int(check_every)
        if batches >= 1:
            if batches == 1:
                warnings.warn(
                    "`check_every=1` checks after every batch; pass 'epoch' or 1.0 for once an "
                    "epoch, or 'batch' to say every batch without this warning.",
                    stacklevel=6,
                )
            return batches, 1
    elif isinstance(check_every, numbers.Real) and not isinstance(check_every, bool):
        share = float(check_every)
        if 0 < share <= 1:
            return None, max(1, round(1 / share))
    else:
        raise TypeError(_message(check_every))
    raise ValueError(_message(check_every))


def _message(check_every):
    return (
        "`check_every`: expected 'epoch', 'batch', a number of batches as an integer (1 or more), "
        f"or a fraction of an epoch as a float in (0, 1]; received {check_every!r}; "
        "pass an integer to count batches."
    )
