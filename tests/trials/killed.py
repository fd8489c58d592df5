"""Whether a training that is killed at random moments ends as if it had not been.

    KERAS_BACKEND=jax python -m tests.trials.killed --kills 50 --callback churn

A process trains with `MLHEarlyStopping(backup_dir=…)` or `ChurnEarlyStopping(backup_dir=…)`, is
ended by SIGKILL at a random moment, and started again, until it has been killed so often and then
left to end. After every kill each file that the folder's state names must be readable. In the end
stop step, best step, history and best weights must be those of a training that nobody disturbed,
bit for bit.

Each process is a fork of one that has imported everything but trained nothing.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np
from rich.progress import Progress

import keras_benford as kb

WIDTH = 512
EPOCHS = 60
STOPPING = {
    "mlh": lambda x, **how: kb.MLHEarlyStopping("mlh", min_delta=0.005, patience=8, **how),
    "churn": lambda x, **how: kb.ChurnEarlyStopping(x, patience=12, **how),
}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--callback", choices=STOPPING, default="mlh", help="which one stops")
    parser.add_argument("--beside", action="store_true", help="with a BackupAndRestore, too")
    parser.add_argument("--out", type=Path, help="a .jsonl file to append the record to")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rng, how = random.Random(options.seed), (options.callback, options.beside)
        record = kill(Path(folder), options.kills, rng, how)
    about = {"backend": keras.backend.backend(), "callback": options.callback}
    line = json.dumps({**about, "seed": options.seed, **record})
    print(line)
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    return 0 if record["same"] else 1


def kill(folder, kills, rng, how):
    """Train undisturbed, then, as often as it takes, with kills; give what happened."""
    expected, seconds_to_begin, seconds_of_epoch = undisturbed(folder / "undisturbed", how)
    disturbed = folder / "disturbed"
    killed, in_training, during_a_write, results = 0, 0, 0, []
    with Progress() as progress:
        task = progress.add_task("killing", total=kills)
        while killed < kills:
            training = Training(disturbed, how)
            # A fifth of the kills come up to its first epoch's end, the others a little later.
            if rng.random() < 0.2:
                time.sleep(rng.uniform(0, seconds_to_begin))
            else:
                training.wait_for_first_epoch()
                time.sleep(rng.uniform(0, 3 * seconds_of_epoch))
            if not training.kill():
                results.append(result_of(disturbed))
                continue
            killed += 1
            progress.update(task, completed=killed)
            in_training += (disturbed / "backup" / "state.json").exists()
            during_a_write += any((disturbed / "backup").glob("partial-*"))
            check_files(disturbed / "backup")
    training = Training(disturbed, how)
    training.finish()
    results.append(result_of(disturbed))
    return {
        "kills": kills,
        "with_a_state_saved": in_training,
        "during_a_write": during_a_write,
        "with_backup_and_restore": how[1],
        "trainings_finished": len(results),
        "epochs": int(expected["epochs"]),
        "stopped_epoch": int(expected["stopped_epoch"]),
        "best_step": int(expected["best_step"]),
        "same": all(are_same(expected, result) for result in results),
    }


def undisturbed(folder, how):
    """The result of an undisturbed training, and the seconds of its first and its other epochs."""
    start = time.perf_counter()
    training = Training(folder, how)
    training.wait_for_first_epoch()
    begun = time.perf_counter()
    training.finish()
    result = result_of(folder)
    return result, begun - start, (time.perf_counter() - begun) / (int(result["epochs"]) - 1)


def result_of(folder):
    with np.load(folder / "result.npz") as result:
        values = dict(result)
    shutil.rmtree(folder)
    return values


def are_same(expected, result):
    return expected.keys() == result.keys() and all(
        np.array_equal(expected[name], result[name], equal_nan=True) for name in expected
    )


class Training:
    """A process that trains, and writes its result into a folder."""

    def __init__(self, folder, how):
        folder.mkdir(exist_ok=True)
        self._first_epoch, begun = os.pipe()
        sys.stdout.flush()
        self._process = os.fork()
        if not self._process:
            status = 1
            try:
                train(folder, *how, lambda: os.write(begun, b"."))
                status = 0
            finally:
                os._exit(status)
        os.close(begun)

    def wait_for_first_epoch(self):
        # The end of the process, too, ends the waiting.
        os.read(self._first_epoch, 1)

    def kill(self):
        """Kill it; whether it was still running."""
        os.kill(self._process, signal.SIGKILL)
        return not self._ended()

    def finish(self):
        self._ended()

    def _ended(self):
        _, status = os.waitpid(self._process, 0)
        os.close(self._first_epoch)
        if status not in (0, signal.SIGKILL):
            raise RuntimeError(f"the training failed, status {status}")
        return status == 0


def check_files(folder):
    """Raise an error if a file that is not marked as partial is not whole."""
    for path in folder.glob("*.weights.h5"):
        if not path.name.startswith("partial-"):
            with h5py.File(path) as file:
                file.visititems(
                    lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None
                )
    if (folder / "state.json").exists():
        record = json.loads((folder / "state.json").read_text())["record"]
        weights = record["weights"]
        named = [record["training_file"], record["arrays_file"], weights["best"]]
        for name in (*named, *weights["recent"], *record.get("files", ())):
            assert name is None or (folder / name).exists(), name


def train(folder, callback, beside, epoch_done):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((512, 64)).astype("float32")
    y = (x[:, :8].sum(axis=1) + rng.standard_normal(512) > 0).astype("int32")
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(WIDTH, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(WIDTH, activation="relu"),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    stopping = STOPPING[callback](x, check_every=0.5, backup_dir=folder / "backup")
    callbacks = [stopping, keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: epoch_done())]
    if beside:
        theirs = keras.callbacks.BackupAndRestore(folder / "keras", double_checkpoint=True)
        callbacks.insert(0, theirs)
    # TensorFlow's own shuffling starts anew in each process.
    shuffle = keras.backend.backend() != "tensorflow"
    model.fit(x, y, 64, EPOCHS, 0, callbacks=callbacks, shuffle=shuffle)
    # None, where there was nothing to tell, becomes NaN.
    history = {f"history_{key}": np.array(each, float) for key, each in stopping.history.items()}
    weights = {f"weight_{i}": values for i, values in enumerate(model.get_weights())}
    scalars = {
        name: getattr(stopping, name) for name in ("best", "best_step", "stopped_epoch", "wait")
    }
    np.savez(
        folder / "partial.npz",
        **history,
        **weights,
        **scalars,
        epochs=stopping.history["epoch"][-1] + 1,
    )
    os.replace(folder / "partial.npz", folder / "result.npz")


if __name__ == "__main__":
    sys.exit(main())
