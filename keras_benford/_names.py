"""Names of which several are the same -> names that are all different."""

import itertools
from collections.abc import Hashable, Iterable


def unique_paths(paths: Iterable[str]) -> list[str]:
    """Paths of weights of which one that occurs again gets `:2`, `:3`, …

    Layers of different sub-models may bear the same name.

    >>> unique_paths(["a/kernel", "b/kernel", "a/kernel"])
    ['a/kernel', 'b/kernel', 'a/kernel:2']
    """
    return told_apart(paths, "{}:{}")


def told_apart(names: Iterable[Hashable], form: str) -> list:
    """The names in their order; one that occurs again gets the next number that makes it new.

    What occurs for the first time stays as it is, and nothing is made into another of the names.

    Args:
        names: strings, or None for what has no name, which stays.
        form: what a name and its number become, such as `"{} ({})"`.

    >>> told_apart(["a", "a", "a (2)"], "{} ({})")
    ['a', 'a (3)', 'a (2)']
    """
    names = list(names)
    taken, seen = set(names), set()
    numbers: dict[Hashable, itertools.count[int]] = {}
    different = []
    for name in names:
        if name is not None and name in seen:
            further = (form.format(name, i) for i in numbers.setdefault(name, itertools.count(2)))
            name = next(each for each in further if each not in taken)
            taken.add(name)
        seen.add(name)
        different.append(name)
    return different
