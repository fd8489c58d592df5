"""A small part of the campaign of damaged files, and that the campaign would notice harm."""

import collections
import faulthandler
import os
import pathlib
import re
import time

import numpy as np
import pytest

import keras_benford as kb
from tests.backends import needs_tensorflow
from tests.trials import damaged_files, fuzz_files

# The campaign's undamaged files are written by TensorFlow; reading them has no backend.
pytestmark = [needs_tensorflow, pytest.mark.slow]
SEED = 20


@pytest.fixture(scope="module")
def samples():
    # TensorFlow is slow to load in a process of its own, and its files have checksums.
    made = fuzz_files.load_samples()
    return {kind: sample for kind, sample in made.items() if kind != "checkpoint"}


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz_files, "KEPT", tmp_path)


def outcomes(samples, numbers, seed=SEED):
    return {number: outcome for number, _, outcome, *_ in fuzz_files.run(samples, seed, numbers)}


def test_damaged_files_are_refused_or_scored_right(samples):
    found = outcomes(samples, range(300))
    assert {number: what for number, what in found.items() if what.startswith("BAD")} == {}
    counted = collections.Counter(found.values())
    assert counted["refused"] > 100
    assert counted["right"] > 50


def test_a_case_is_the_same_each_time(samples):
    for number in range(20):
        first, again = (fuzz_files.damaged(samples, SEED, number) for _ in range(2))
        assert first == again


def test_undamaged_files_agree_with_the_other_road(samples, monkeypatch):
    monkeypatch.setattr(damaged_files, "changed", lambda rng, name, content, donor: content)
    assert set(outcomes(samples, range(40)).values()) == {"right"}


def crash(path, **kwargs):
    faulthandler.disable()  # pytest's would tell of it.
    os.abort()


def hang(path, **kwargs):
    time.sleep(60)


def take_memory(path, **kwargs):
    np.ones(400 << 20, np.uint8)
    raise ValueError(f"{path}: enough")


def raise_another(path, **kwargs):
    raise KeyError(path)


def raise_lines(path, **kwargs):
    raise ValueError(f"{path}: a\nb")


def raise_without_path(path, **kwargs):
    raise ValueError("damaged")


SCORE = kb.score
HARM = {
    crash: "crashed with -6",
    hang: "hung",
    take_memory: r"took \d+ MB",
    raise_another: "KeyError",
    raise_lines: "not one line",
    raise_without_path: "the message does not start with the path",
}


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
def test_harm_is_noticed(harm, samples, monkeypatch):
    first = []

    def score(path, **kwargs):
        # The undamaged file comes first.
        first.append(path)
        return SCORE(path, **kwargs) if len(first) == 1 else harm(path)

    if harm is hang:  # The others get all the time that a busy machine may need.
        monkeypatch.setattr(fuzz_files, "MARGIN", 0.5)
    monkeypatch.setattr(fuzz_files.kb, "score", score)
    (outcome,) = outcomes(samples, [0]).values()
    assert re.match("BAD: " + HARM[harm], outcome)


def test_wrong_counts_are_noticed(samples, tmp_path):
    entry, files = samples["weights"]
    path = fuzz_files.placed(tmp_path, entry, files)
    right = fuzz_files.OtherRoad()
    expected = kb.score(path).counts.tolist()
    assert fuzz_files.outcome_of("weights", path, right, expected) == "right"
    truth = right.arrays("weights", path)
    right.stop()
    for changed, outcome in (
        (truth[1:], "BAD: other arrays than the file has"),
        ([(shape, tally and (*tally[1:], 0)) for shape, tally in truth], "BAD: wrong counts"),
        ([(shape, tally and False) for shape, tally in truth], "unchecked"),
    ):
        road = type("Road", (), {"arrays": lambda self, kind, path, changed=changed: changed})()
        assert fuzz_files.outcome_of("weights", path, road, expected) == outcome


def test_what_is_bad_is_kept_with_its_number(samples, tmp_path):
    text = fuzz_files.keep(samples, SEED, 3, "BAD: x")
    assert f"--seed {SEED} --case 3" in text
    files = fuzz_files.damaged(samples, SEED, 3)[-1]
    for name, content in files.items():
        assert (pathlib.Path(tmp_path) / f"{SEED}-3" / name).read_bytes() == content
