"""Why MLH works where it does: does its peak follow the optimum, or the scale of the weights?

Networks start from weights of several scales and train with and without weight decay. If MLH told
of generalisation its highest check would lie where the test score is best, whatever the scale. If
it told of the scale it would follow the MLH that random numbers with the same spread as the weights
of each layer have, which depends on where the spread lies between two powers of ten.

    python -m examples.stopping.why_mlh --jobs 2
"""

import keras
import numpy as np
from scipy import stats

from examples.experiments import command, pictures
from examples.stopping import networks, tasks
from keras_benford import score
from keras_benford.plots import looks
from keras_benford.selection import select

SCALES = (0.3, 0.5, 1.0, 2.0, 4.0)
DECAYS = (0.0, 0.5)
"""AdamW's: over 2,000 steps of 0.001 the second one takes 63 % of a weight that nothing moves."""
TASKS = ("digits-300", "digits-600-noise20", "mnist-1000")
_QUICK = {"scales": (1.0, 4.0), "tasks": TASKS[:1], "epochs": 8}


def stages(args):
    """The stages of the script: its trainings alone."""
    scales, names = (_QUICK["scales"], _QUICK["tasks"]) if args.quick else (SCALES, TASKS)
    made = [
        {"task": name, "seed": seed, "scale": scale, "decay": decay}
        for seed in range(args.seeds)
        for name in names
        for scale in scales
        for decay in (DECAYS[:1] if args.quick else DECAYS)
    ]
    if args.quick:
        made = [each | {"epochs": _QUICK["epochs"]} for each in made]
    return [(args.out / "why_mlh.jsonl", "examples.stopping.why_mlh:train", made)]


def train(setting):
    """The record of one training.

    Args:
        setting: a dict of `task`, `seed`, `scale`, a factor of all weights that count at the
            start, and `decay`; at wish `epochs`.

    Returns:
        A dict of lists, an entry an epoch, the first before training: `mlh`, of all weights
        together; `if_random`, that of Gaussian numbers with the spread of each layer; `spread`, the
        standard deviation of the largest layer; `score`, the accuracy on the test half that scores.
    """
    keras.utils.clear_session()
    task, data = tasks.TASKS[setting["task"]], tasks.load(setting["task"], setting["seed"])
    keras.utils.set_random_seed(setting["seed"])
    network = getattr(networks, task.network)(data.shape, **task.options)
    counted = {weight.path for weight in select(network).counted}
    for variable in network.weights:
        if variable.path in counted:
            variable.assign(setting["scale"] * variable)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.AdamW(task.rate, weight_decay=setting["decay"])
    network.compile(optimizer, loss, metrics=["accuracy"])
    found = {"mlh": [], "if_random": [], "spread": [], "score": []}

    def look(epoch=None, logs=None):
        scored = score(network)
        found["mlh"].append(float(f"{scored.mlh:.5g}"))
        found["if_random"].append(float(f"{scored.mlh_if_gaussian:.5g}"))
        largest = max(scored.layers, key=lambda layer: layer.size)
        found["spread"].append(float(f"{largest.std:.5g}"))
        answers = network.predict(data.x_scored, batch_size=500, verbose=0).argmax(axis=1)
        found["score"].append(float(np.mean(answers == data.y_scored)))

    look()
    network.fit(
        data.x,
        data.y,
        batch_size=task.batch_size,
        epochs=setting.get("epochs", task.epochs),
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=look)],
        verbose=0,
    )
    return found


def draw(found, picture):
    """A table by task, scale and decay, with what both ideas explain, and a picture of curves."""
    rows, peaks, optima = [], [], []
    groups = {}
    for record in found:
        setting = record["setting"]
        groups.setdefault((setting["task"], setting["decay"], setting["scale"]), []).append(record)
    for (task, decay, scale), of_seeds in sorted(groups.items()):
        peak = [int(np.argmax(r["mlh"][1:])) + 1 for r in of_seeds]
        optimum = [int(np.argmax(_smooth(r["score"][1:]))) + 1 for r in of_seeds]
        lost = [
            100 * (max(r["score"]) - r["score"][p]) for r, p in zip(of_seeds, peak, strict=True)
        ]
        alike = [stats.pearsonr(r["mlh"], r["if_random"]).statistic for r in of_seeds]
        peaks += [p / len(r["mlh"]) for p, r in zip(peak, of_seeds, strict=True)]
        optima += [o / len(r["mlh"]) for o, r in zip(optimum, of_seeds, strict=True)]
        rows.append(
            [
                task,
                decay,
                scale,
                f"{np.mean(peak):.0f}",
                f"{np.mean(optimum):.0f}",
                f"{np.mean(lost):.1f}",
                f"{np.mean([max(r['mlh']) for r in of_seeds]):.3f}",
                f"{np.mean(alike):.2f}",
            ]
        )
    together = "cannot be compared, as one of them is always the same"
    if len(set(peaks)) > 1 < len(set(optima)):
        rho = stats.spearmanr(peaks, optima)
        together = f"Spearman's rho {rho.statistic:.2f} (p {rho.pvalue:.2g})"
    header = ["task", "weight decay", "scale of the start", "epoch of the highest MLH"]
    header += ["best epoch", "points lost by the highest MLH", "highest MLH"]
    header += ["r of MLH with that of random numbers"]
    _picture(groups, picture)
    return (
        "# Why MLH works where it does\n\n"
        f"{len(found)} trainings. Highest MLH and best epoch, both as shares of the training: "
        f"{together}.\n\n" + command.markdown(header, rows) + "\n"
    )


def _smooth(values, n=5):
    return np.convolve(np.pad(values, n // 2, mode="edge"), np.ones(n) / n, mode="valid")


def _picture(groups, path):
    """A column a task; MLH and accuracy in a row each, without and with weight decay."""
    names, decays, scales = (sorted(set(key)) for key in zip(*groups, strict=True))
    shape = 2 * len(decays), len(names)
    figure, axes = pictures.new(9, *shape, squeeze=False, sharex="col", sharey="row")
    lowest = 100.0
    for (task, decay, scale), (record, *_) in sorted(groups.items()):
        mlh, reached = record["mlh"], 100 * np.array(record["score"])
        best = int(np.argmax(_smooth(reached[1:]))) + 1
        row, column, i = decays.index(decay), names.index(task), scales.index(scale)
        _curve(axes[row, column], mlh, int(np.argmax(mlh[1:])) + 1, i)
        _curve(axes[row + len(decays), column], reached, best, i)
        lowest = min(lowest, *reached[len(reached) // 10 :])
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name)
    for ax in axes[-1]:
        ax.set_xlabel("epochs")
    # The first tenth of the training, which starts at chance, would leave the rest no room.
    for ax in axes[len(decays) :, 0]:
        ax.set_ylim(bottom=lowest - 1)
    for row, what in ((0, "MLH of the weights"), (len(decays), "test accuracy (%)")):
        for ax, decay in zip(axes[row:, 0], decays, strict=False):
            ax.set_ylabel(f"{what},\n{f'weight decay {decay:g}' if decay else 'no weight decay'}")
    handles = axes[0, 0].get_lines()[::2]
    title = "scale of the weights at the start (one seed; large: highest MLH, best accuracy)"
    legend = {"loc": "outside upper center", "ncols": len(scales), "frameon": False}
    figure.legend(handles, [f"× {scale:g}" for scale in scales], title=title, **legend)
    pictures.save(figure, path)


def _curve(ax, values, best, i):
    """One training's values by epoch, the best one marked."""
    style = {"color": looks.COLORS[i], "linestyle": looks.DASHES[i], "marker": looks.MARKERS[i]}
    ax.plot(values, markevery=(5 + 3 * i, 20), markersize=4, linewidth=1.2, **style)
    ax.plot(best, values[best], looks.MARKERS[i], color=looks.COLORS[i], mec="black", markersize=8)
    ax.grid(alpha=0.3)


def main(argv=None):
    """Make the trainings that are missing, and draw."""
    parser = command.arguments("examples.stopping.why_mlh", __doc__, seeds=3)
    command.run_and_draw(parser, stages, draw, argv)


if __name__ == "__main__":
    main()
