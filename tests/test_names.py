"""Names that are told apart: all different, in their order, the first of each as it is."""

import itertools

import pytest

from keras_benford._names import told_apart, unique_paths

NAMES = ["a", "a:2", "a:3", "a:2:2"]


@pytest.mark.parametrize("length", range(6))
def test_all_are_different_and_the_first_of_each_is_as_it_is(length):
    for names in itertools.product(NAMES, repeat=length):
        unique = unique_paths(names)
        assert len(set(unique)) == len(unique) == length
        for i, (name, path) in enumerate(zip(names, unique, strict=True)):
            assert path.startswith(name)
            assert (path == name) == (name not in names[:i])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b", "a", "a"], ["a", "b", "a:2", "a:3"]),
        (["a", "a:2", "a"], ["a", "a:2", "a:3"]),
        (["a", "a", "a:2"], ["a", "a:3", "a:2"]),
        (["{}", "{}"], ["{}", "{}:2"]),
    ],
    ids=["plain", "a number before", "a number behind", "braces"],
)
def test_numbers_are_those_that_are_free(names, expected):
    assert unique_paths(iter(names)) == expected


def test_what_has_no_name_gets_none():
    assert told_apart([None, "a", None, "a"], "{} ({})") == [None, "a", None, "a (2)"]
