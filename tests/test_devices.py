"""Several devices and processes: the same counts, decisions and weights everywhere."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.slow
BACKEND = keras.backend.backend()
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="needs the JAX backend")
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="needs the TensorFlow backend")

CASES = [
    pytest.param("mirrored", marks=on_tensorflow),
    pytest.param("data", marks=on_jax),
    pytest.param("model", marks=on_jax),
]


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.on_two_devices", *map(str, arguments)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result_of(process):
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return json.loads(out.splitlines()[-1])


@pytest.mark.parametrize("kind", CASES)
def test_counts_and_decisions_are_those_of_the_whole_weights(kind, tmp_path):
    result = result_of(start(kind, tmp_path / "backup"))
    history = result["history"]
    assert result["score"]["counts"] == result["counts"]
    assert "did not improve for 3 checks" in result["stop_reason"]
    assert result["best"] == min(history["symbolic_eic"])
    assert result["score"]["mlh"] == history["mlh"][history["step"].index(result["best_step"])]
    assert len(result["layers"]) == 2
    ends = [
        mlh for mlh, step in zip(history["mlh"], history["step"], strict=True) if step % 16 == 0
    ]
    np.testing.assert_allclose(result["metric"][: len(ends)], ends, atol=1e-6)
    kernels = [np.array(w) for w in result["weights"] if np.ndim(w) == 2]
    moments = [(kernel.mean(), kernel.std()) for kernel in kernels]
    np.testing.assert_allclose(result["moments"], moments, rtol=2e-5)
    assert len(result["split"]) == (2 if kind == "model" else 0)
    assert os.listdir(tmp_path / "backup") == ["best.weights.h5"]
    assert_churn_is_told(result)


def assert_churn_is_told(result):
    churn = result["churn"]
    assert churn["step"] == result["history"]["step"]
    assert all(0 <= value <= 2 for value in churn["unseen_churn"][1:])
    assert len(set(churn["unseen_churn"])) > 3


def two_processes(kind, folder=""):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    processes = [start(kind, folder, rank, address) for rank in (0, 1)]
    try:
        return [result_of(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@on_jax
def test_two_processes_with_different_data_decide_and_restore_alike(tmp_path):
    first, second = two_processes("data", tmp_path / "backup")
    assert first == second
    assert "did not improve for 3 checks" in first["stop_reason"]
    assert first["score"]["counts"] == first["counts"]
    assert_churn_is_told(first)
    assert os.listdir(tmp_path / "backup") == ["best.weights.h5"]


@on_jax
def test_two_processes_that_share_a_kernel_count_it_once():
    first, second = two_processes("model")
    assert first == second
    assert first["split"]
    assert sum(first["score"]["counts"]) == 8 * 16 + 16 * 2
    best = first["history"]["step"].index(first["best_step"])
    assert first["score"]["mlh"] == first["history"]["mlh"][best]
    assert_churn_is_told(first)


@on_jax
def test_a_folder_is_refused_where_no_process_holds_a_whole_weight(tmp_path):
    with pytest.raises(AssertionError, match=r"`backup_dir`: expected weights of which each pro"):
        two_processes("model", tmp_path)


@on_jax
def test_the_parts_of_a_sharded_kernel_stay_where_they_are():
    code = """
import numpy as np, jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from keras_benford import _backends
from keras_benford.digits import digit_counts, tally, tensors
mesh = Mesh(np.array(jax.devices()).reshape(1, 2), ("batch", "model"))
x = np.random.default_rng(0).standard_normal((640, 512)).astype("float32")
specs = [P(None, "model"), P("model"), P(), P(("batch", "model"), None), P("batch", "model")]
shards = [jax.device_put(x[: 64 * (i + 1)], NamedSharding(mesh, s)) for i, s in enumerate(specs)]
counts = np.asarray(tensors.tally_each(shards))
np.testing.assert_array_equal(counts, [tally(x[: 64 * (i + 1)]) for i in range(len(specs))])
np.testing.assert_array_equal(digit_counts(shards[0]), digit_counts(x[:64]))
program = _backends._counting_shards(tensors.tally_ops, mesh, tuple(specs))
text = program.lower(shards).compile().as_text()
assert "all-reduce" in text
for moved in ("all-gather", "all-to-all", "collective-permute"):
    assert moved + "(" not in text, moved
"""
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
    )
