"""Records of trainings -> how well MLH, the criteria and regressions on them rank validation.

A point is one check of one run. Points of one run resemble each other: intervals are drawn by whole
runs, and a regression that is tested on other points of the runs it has seen looks too good.
"""

import warnings

import numpy as np
from scipy import stats

from examples.experiments import records, stopping

CRITERIA = ("eic", "scaled_eic", "symbolic_eic")
PREDICTORS = ("accuracy", "mlh", *CRITERIA)
TARGETS = ("val_accuracy", "val_loss")
_LOWER_IS_BETTER = (*CRITERIA, "val_loss")


def points(found):
    """`(n_runs, n_checks)` of every predictor and target, each with its sign so that high is good.

    Args:
        found: records of runs of equally many checks.
    """
    return {
        name: np.array([stopping.values_of(name, record["checks"]) for record in found])
        * (-1 if name in _LOWER_IS_BETTER else 1)
        for name in (*PREDICTORS, *TARGETS)
    }


def pooled(x, y):
    """Spearman's rho over all points of all runs, as the paper has it."""
    return float(stats.spearmanr(x.ravel(), y.ravel()).statistic)


def within_runs(x, y):
    """`(n_runs,)` Spearman's rho of each run by itself."""
    return row_correlations(x, y)


def between_runs(x, y):
    """Spearman's rho across the runs at one check, averaged over the checks."""
    return float(row_correlations(x.T, y.T).mean())


def interval(x, y, *, resamples=400, seed=0):
    """95 % bootstrap interval of the pooled rho, by drawing whole runs: two numbers."""
    drawn = np.random.default_rng(seed).integers(len(x), size=(resamples, len(x)))
    rho = row_correlations(x[drawn].reshape(resamples, -1), y[drawn].reshape(resamples, -1))
    return tuple(np.quantile(rho, (0.025, 0.975)).tolist())


def row_correlations(x, y):
    """`(n,)` Spearman's rho of the rows of two matrices; ties have their mean rank.

    Where all of a row are equal it is 0, as by chance.
    """
    x, y = (stats.rankdata(values, axis=1) for values in (x, y))
    x, y = (values - values.mean(axis=1, keepdims=True) for values in (x, y))
    spread = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.divide((x * y).sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0)


def regression(setting):
    """Fit a regression on some of the points, and rank the others by it.

    Args:
        setting: `method`, `"gpr"` or `"symbolic"`; `inputs`, names of predictors; `target`;
            `split`, what is drawn for the test, `"points"` or whole `"runs"`; `seed` of the
            split; `records`, the file, and `seeds`, of the runs in it to use.

    Returns:
        A dict: `rho` on the third that is for the test, None if it predicts the same for all,
        `n_train`, `n_test`, and the `kernel` or `formula` found.
    """
    found = records.read(setting["records"])
    found = [each for each in found if each["setting"]["seed"] in setting["seeds"]]
    values = points(found)
    runs = np.repeat(np.arange(len(found)), values["mlh"].shape[1])
    x = np.stack([values[name].ravel() for name in setting["inputs"]], axis=1)
    y = values[setting["target"]].ravel()
    test = _test_part(runs, setting["split"], setting["seed"])
    result = _METHODS[setting["method"]](setting, x[~test], y[~test], x[test])
    predicted, fitted = result.pop("predicted"), result.pop("fitted")
    rho = None
    # What predicts the same for all ranks nothing.
    if all(len(set(each)) > 1 for each in (fitted, predicted, y[test])):
        # A formula's ranks may run the other way: which way is known from what was fitted.
        sign = np.sign(stats.spearmanr(fitted, y[~test]).statistic)
        rho = round(float(sign * stats.spearmanr(predicted, y[test]).statistic), 4)
    return {"rho": rho, "n_train": int((~test).sum()), "n_test": int(test.sum()), **result}


def _test_part(runs, split, seed):
    """A mask of the third of the points, or of the runs, that are for the test."""
    rng = np.random.default_rng(seed)
    if split == "points":
        return rng.permutation(len(runs)) < round(0.33 * len(runs))
    n_runs = runs.max() + 1
    chosen = rng.permutation(n_runs)[: round(0.33 * n_runs)]
    return np.isin(runs, chosen)


def _gaussian_process(setting, x, y, x_test):
    """The authors' settings: constant x RBF, alpha 0.1, normalised y, ten restarts."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    model = GaussianProcessRegressor(
        ConstantKernel() * RBF(),
        alpha=0.1,
        normalize_y=True,
        n_restarts_optimizer=10,
        random_state=setting["seed"],
    )
    with warnings.catch_warnings():
        # A length scale at its bound is what the authors' settings lead to, and no failure.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, y)
    return {**_predictions(model, x, x_test), "kernel": str(model.kernel_)}


def _symbolic(setting, x, y, x_test):
    """Genetic programming for a formula whose ranks agree."""
    from gplearn.genetic import SymbolicRegressor

    model = SymbolicRegressor(
        population_size=setting.get("population", 2000),
        generations=15,
        function_set=("add", "sub", "mul", "div", "log", "neg"),
        metric="spearman",
        parsimony_coefficient=0.002,
        feature_names=setting["inputs"],
        random_state=setting["seed"],
    )
    model.fit(x, y)
    return {**_predictions(model, x, x_test), "formula": str(model._program)}


def _predictions(model, x, x_test):
    return {"fitted": model.predict(x), "predicted": model.predict(x_test)}


_METHODS = {"gpr": _gaussian_process, "symbolic": _symbolic}
