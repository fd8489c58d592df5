"""Trains on two devices or in two processes, and prints what came of it as a line of JSON.

    python -m tests.on_two_devices KIND [FOLDER [RANK ADDRESS]]

Run by `test_devices`, in processes of its own: the number of devices is settled at a framework's
start.
"""

import json
import os
import sys

import numpy as np

DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}


def main(kind, folder=None, rank=0, address=None):
    scope = mirrored_scope() if kind == "mirrored" else distribute(kind, int(rank), address)
    import keras

    import keras_benford as kb
    from tests.training import two_classes

    keras.utils.set_random_seed(0)
    with scope:
        model = keras.Sequential(
            [
                keras.Input((8,)),
                keras.layers.Dense(16, activation="relu"),
                keras.layers.BatchNormalization(),
                keras.layers.Dense(2),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        metrics = ["accuracy", kb.WeightsMLH(model, name="metric")]
        model.compile(keras.optimizers.Adam(0.01), loss, metrics=metrics)
    x, y = two_classes(256)
    if address is not None and kind == "data":
        # Each process has its own part of the data.
        x, y = x[int(rank) :: 2], y[int(rank) :: 2]
    stopping = kb.MLHEarlyStopping(check_every=0.5, patience=3, backup_dir=folder or None)
    churn = kb.ChurnEarlyStopping(x, check_every=0.5, patience=99, batch_size=64)
    history = model.fit(
        x, y, 16, 20, 0, callbacks=[churn, stopping, kb.BenfordMonitor(layers=True)], shuffle=False
    ).history
    averaged = [float(np.abs(each).sum()) for each in churn.best_weights]
    score = kb.score(model)
    result = {
        "history": stopping.history,
        "churn": churn.history,
        "averaged": averaged,
        "best": stopping.best,
        "best_step": stopping.best_step,
        "stop_reason": stopping.stop_reason,
        "metric": history["metric"],
        "score": {"counts": score.counts.tolist(), "mlh": score.mlh},
        "moments": [(layer.mean, layer.std) for layer in score.layers],
        "layers": sorted(key for key in history if key.startswith("layer_mlh/")),
        "split": [w.path for w in model.weights if is_split(w)],
    }
    if address is None or kind == "data":
        kernels = [w.numpy() for w in model.weights if w.path.endswith("kernel")]
        result["counts"] = np.sum([kb.digit_counts(k) for k in kernels], axis=0).tolist()
        result["weights"] = [weight.tolist() for weight in model.get_weights()]
    print(json.dumps(result))


def mirrored_scope():
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return strategy.scope()


def distribute(kind, rank, address):
    import keras

    if address is None:
        os.environ.update(DEVICES)
    else:
        keras.distribution.initialize(address, 2, rank)
    devices = keras.distribution.list_devices()
    assert len(devices) == 2
    if kind == "data":
        distribution = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    else:
        mesh = keras.distribution.DeviceMesh((1, 2), ["batch", "model"], devices)
        layout = keras.distribution.LayoutMap(mesh)
        layout[".*dense/kernel"] = (None, "model")
        layout[".*dense/bias"] = ("model",)
        distribution = keras.distribution.ModelParallel(
            layout_map=layout, batch_dim_name="batch", auto_shard_dataset=False
        )
    keras.distribution.set_distribution(distribution)
    return distribution.scope()


def is_split(weight):
    sharding = getattr(weight.value, "sharding", None)
    return sharding is not None and not sharding.is_fully_replicated


if __name__ == "__main__":
    main(*sys.argv[1:])
