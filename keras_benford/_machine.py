"""What there is to compute with: cores, and compiled loops where numba works."""

import functools
import importlib
import os
import warnings


def available_cores():
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def compiled_loops(module):
    """A module of numba's loops, or None where numba is missing or does not work."""
    try:
        return importlib.import_module(module)
    except (ImportError, AttributeError, OSError, RuntimeError, SystemError) as error:
        # These are what numba raises beside a NumPy it does not know, without its library, or
        # without a place for its cache. All works without it, only not as fast.
        if getattr(error, "name", None) != "numba":
            warnings.warn(
                f"numba is installed but does not work, it goes on without it: {error}",
                RuntimeWarning,
                stacklevel=3,
            )
        return None
