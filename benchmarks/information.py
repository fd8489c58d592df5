"""What mutual information between neurons costs: seconds for all pairs, and peak memory.

    python -m benchmarks.information

Each way runs in a process of its own, whose peak memory the system tells, after a first call on a
part that compiles what is to be compiled. scikit-learn's estimate, and the Keras backend's program
where there is no GPU, are timed on some of the pairs, and what all would take is worked out.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

WAYS = {
    "KSG, numba, Gaussian": ("numba", "gaussian", None),
    "KSG, numba, ReLU": ("numba", "relu", None),
    "bins, numba, Gaussian": ("bins", "gaussian", None),
    "bins, NumPy, Gaussian": ("bins by NumPy", "gaussian", None),
    "KSG, Keras backend, Gaussian": ("keras", "gaussian", 40),
    "KSG, scikit-learn, Gaussian": ("scikit-learn", "gaussian", 4),
}
"""Name -> what computes, what data, and how many of the neurons are looked at, None for all."""


def main(arguments=None):
    """Measure each way and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neurons", type=int, default=768)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.way is not None:
        print(json.dumps(measure(*WAYS[options.way], options.neurons, options.samples)))
        return
    pairs = options.neurons * (options.neurons - 1) // 2
    print(f"{options.neurons} neurons, {options.samples:,} examples: {pairs:,} pairs")
    for way in WAYS:
        command = [sys.executable, "-m", "benchmarks.information", "--way", way]
        command += ["--neurons", str(options.neurons), "--samples", str(options.samples)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        result = json.loads(done.stdout.splitlines()[-1])
        of = "" if result["pairs"] >= pairs else f" (worked out from {result['pairs']:,} pairs)"
        seconds = result["seconds"] / result["pairs"] * pairs
        print(
            f"{way}: {seconds:,.1f} s{of}, {1e3 * seconds / pairs:.4f} ms a pair; "
            f"peak {result['peak_mb']:,.0f} MB"
        )


def measure(what, data, part, neurons, samples):
    """Seconds of one way, how many pairs it looked at, and peak memory in MB."""
    import numpy as np

    values = np.random.default_rng(0).standard_normal((samples, neurons))
    if data == "relu":
        values = np.maximum(values, 0)
    values = values[:, :part]
    call = _calls()[what]
    call(values[:, :32])
    start = time.perf_counter()
    call(values)
    seconds = time.perf_counter() - start
    n = values.shape[1]
    # scikit-learn is given each neuron against all, and so looks at each pair twice.
    pairs = n * n if what == "scikit-learn" else n * (n + 1) // 2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "pairs": pairs, "peak_mb": peak}


def _calls():
    import functools
    import warnings

    from keras_benford.information import engines, mutual_information

    # Ties are part of what is measured.
    warnings.simplefilter("ignore", UserWarning)

    def by_numpy(values):
        engines.compiled_loops = lambda: None
        return mutual_information(values, method="bins")

    def by_scikit_learn(values):
        from sklearn.feature_selection import mutual_info_regression

        return [mutual_info_regression(values, column) for column in values.T]

    return {
        "numba": functools.partial(mutual_information, engine="numba"),
        "keras": functools.partial(mutual_information, engine="keras"),
        "bins": functools.partial(mutual_information, method="bins"),
        "bins by NumPy": by_numpy,
        "scikit-learn": by_scikit_learn,
    }


if __name__ == "__main__":
    main()
