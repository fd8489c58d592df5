"""Paths to what is no model: web pages, folders, pipes, files without permission."""

import os
import re

import h5py
import pytest

import keras_benford as kb
from tests.backends import needs_tensorflow
from tests.strange_files import COUNTS, Refused, W, fifo, h5, refusal

# Reading has no backend, and is tried under one.
pytestmark = needs_tensorflow
refused = Refused()


@pytest.mark.parametrize(("make", "message"), refused)
def test_refuses_by_one_line(make, message, tmp_path):
    assert re.fullmatch(message, refusal(make(tmp_path)))


@refused(r"a git-lfs pointer, not the file itself; run `git lfs pull`")
def git_lfs_pointer(folder):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (folder / "a.keras").write_text(pointer)
    return folder / "a.keras"


@refused(r"an empty file; fetch it again")
def empty_file(folder):
    (folder / "a.h5").touch()
    return folder / "a.h5"


@refused(r"a web page, perhaps of an error; download the file again")
def web_page(folder):
    (folder / "a.h5").write_text("\n<!DOCTYPE html><title>404</title>")
    return folder / "a.h5"


@refused(r"a folder that is no saved model; pass a file in it")
def empty_folder(folder):
    return folder


@refused(r"holds several models; pass one: a.weights.json, b.index")
def folder_of_several_models(folder):
    (folder / "a.weights.json").touch()
    (folder / "b.index").touch()
    return folder


@refused(r"a.index: expected a file; received a folder, a pipe or a device")
def folder_in_the_place_of_a_file(folder):
    (folder / "a.index").mkdir()
    return folder


@refused(r"No such file or directory")
def nothing(folder):
    return folder / "nothing.keras"


@refused(r"File name too long")
def name_too_long(folder):
    return folder / ("a" * 5000)


@refused(r"Permission denied")
def file_without_permission(folder):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = h5(folder / "a.h5")
    path.chmod(0)
    return path


@refused(r"expected a file; received a folder, a pipe or a device")
def endless_device(folder):
    return "/dev/zero"


@refused(r"expected a file; received a folder, a pipe or a device")
def named_pipe(folder):
    return fifo(folder / "a.keras")


@refused(r"model.weights.h5: expected a file; received a folder, a pipe or a device")
def folder_with_a_pipe_for_weights(folder):
    fifo(folder / "model.weights.h5")
    return folder


@refused(r"config.json: expected a file; received a folder, a pipe or a device")
def folder_with_a_pipe_for_config(folder):
    h5(folder / "model.weights.h5")
    fifo(folder / "config.json")
    return folder


@refused(r"expected weights that count; received .*, where none does: dense/kernel .*")
def folder_of_a_bias(folder):
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = W.astype("int8")
        file["layers/dense/vars/1"] = W[0]
    return folder


def test_reads_through_a_symbolic_link(tmp_path):
    h5(tmp_path / "a.h5")
    (tmp_path / "b").symlink_to(tmp_path / "a.h5")
    assert kb.score(tmp_path / "b").counts.tolist() == COUNTS
