"""The documentation site: its code runs, its links resolve, and it has every public name."""

import doctest
import importlib
import importlib.util
import inspect
import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import keras_benford
from keras_benford.cli import main, options
from keras_benford.measures import MEASURES
from tests.backends import needs_tensorflow

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name):
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(path):
    """The fenced blocks of code of a page: (language, line number, code) for each."""
    text = path.read_text(encoding="utf-8")
    return [
        (found[1], text.count("\n", 0, found.start(2)), found[2]) for found in FENCE.finditer(text)
    ]


WITH_CODE = [path for path in sorted(DOCS.rglob("*.md")) if blocks(path)]


@pytest.mark.slow
@needs_tensorflow  # for `tf.data`
@pytest.mark.parametrize("path", WITH_CODE, ids=lambda path: path.name)
def test_the_code_of_a_page_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    pytest.importorskip("matplotlib", reason="needs matplotlib").use("Agg")
    monkeypatch.chdir(tmp_path)
    names = {}
    for language, line, code in blocks(path):
        if language == "python":
            # Behind as many empty lines as stand above it, for the traceback.
            exec(compile("\n" * line + code, str(path), "exec"), names)
        else:
            examples = doctest.DocTestParser().get_doctest(code, names, path.name, str(path), line)
            assert doctest.DocTestRunner().run(examples, clear_globs=False).failed == 0
            names = examples.globs


def public_names():
    """The public names of the package and of its public modules, where they are defined."""
    homes = keras_benford._MODULE_OF
    found = {f"keras_benford.{home}.{name}" for name, home in homes.items()}
    for name in set(keras_benford.__all__) - set(homes):
        found |= {f"keras_benford.{name}.{public}" for public in public_in(name)}
    return found


def public_in(name):
    """What a module's `__all__` has, or without one, what it defines without an underscore."""
    module = getattr(keras_benford, name)
    return getattr(module, "__all__", None) or [
        public
        for public, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
        and not public.startswith("_")
    ]


def shown_names():
    """The names after `:::` on the pages of the reference."""
    pages = [path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md")]
    return {name for page in pages for name in re.findall(r"^(?:#+ )?::: (\S+)$", page, re.M)}


def test_every_public_name_stands_in_the_reference_or_its_module_does():
    shown = shown_names()
    assert {n for n in public_names() if shown.isdisjoint({n, n.rpartition(".")[0]})} == set()


def test_the_reference_shows_nothing_that_is_not_there():
    for shown in shown_names():
        home, _, name = shown.rpartition(".")
        assert hasattr(importlib.import_module(home), name), shown


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built so that a link or an anchor that leads nowhere is an error."""
    for module in ("mkdocs", "material", "mkdocstrings_handlers.python"):
        pytest.importorskip(module, reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_site_builds_and_has_an_anchor_for_every_public_name(site):
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    anchors = {line.split()[0] for line in zlib.decompress(inventory).decode().splitlines()}
    assert public_names() - anchors == set()


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site):
    loads = re.compile(
        r'<(?:script|img|iframe|link rel="?stylesheet)[^>]*?(?:src|href)="?(http[^" >]+)'
    )
    pages = list(site.rglob("*.html"))
    assert pages
    assert [url for path in pages for url in loads.findall(path.read_text(encoding="utf-8"))] == []


def test_every_command_and_option_is_on_the_page_of_files():
    (commands,) = (a for a in options.parser()._actions if isinstance(a.choices, dict))
    actions = [action for each in commands.choices.values() for action in each._actions]
    names = {*commands.choices, *(name for action in actions for name in action.option_strings)}
    page = text_of("files.md")
    assert {name for name in names if not re.search(rf"`{name}[` ]", page)} == {"-h"}


def test_every_key_of_the_json_is_on_the_page_of_files(tmp_path, capsys):
    import keras

    keras.Sequential([keras.Input((8,)), keras.layers.Dense(9)]).save(tmp_path / "a.keras")
    assert main(["score", str(tmp_path / "a.keras"), "--format=json", "--accuracy=0.5"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    keys = {*found, *found["layers"][0], *found["skipped"][0]}
    page = text_of("files.md")
    assert {key for key in keys if f"`{key}`" not in page} == set()


@pytest.mark.parametrize("name", MEASURES)
def test_every_log_key_is_in_a_table_of_the_page_of_stopping(name):
    assert f"\n| `{name}` |" in text_of("stopping.md")


@pytest.mark.parametrize(
    "make",
    [lambda: keras_benford.ChurnEarlyStopping([0.0]), lambda: keras_benford.MLHEarlyStopping()],
    ids=["churn", "weights"],
)
def test_the_callbacks_have_the_attributes_that_the_page_of_stopping_names(make):
    table = text_of("stopping.md").partition("\n## Attributes\n")[2].partition("\n## ")[0]
    names = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    assert "best_epoch" in names
    callback = make()
    assert [name for name in names if not hasattr(callback, name)] == []


def test_what_the_page_of_contributing_leaves_out_is_a_registered_marker(pytestconfig):
    (marker,) = re.findall(r'-m "not (\w+)"', text_of("contributing.md"))
    assert any(line.startswith(f"{marker}:") for line in pytestconfig.getini("markers"))


def test_the_citation_is_of_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {keras_benford.__version__}\n" in text
