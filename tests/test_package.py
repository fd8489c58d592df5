"""The package as a whole: public names, who imports whom, what a wheel holds, the docstrings."""

import ast
import doctest
import fnmatch
import importlib
import importlib.metadata
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import keras_benford

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "keras_benford"
HEAVY = {"tensorflow", "keras", "jax", "torch", "numba", "scipy", "pandas", "matplotlib", "rich"}


def module_name(path):
    """`digits.tensors` for `keras_benford/digits/tensors.py`; empty for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


# The command line is no part of what is imported.
COMMAND = {"__main__", "cli"}
SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = sorted(name for name in SOURCES if name)
EVERY_MODULE = pytest.mark.parametrize("name", MODULES)


def run_python(code, folder, path=ROOT):
    """Run code in a new interpreter, from `folder`, with `path` to import from; give its output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def import_module(name):
    if name in ("digits.loops", "information.loops"):
        pytest.importorskip("numba")
    return importlib.import_module(f"keras_benford.{name}" if name else "keras_benford")


class TestPublicNames:
    @pytest.mark.parametrize("name", keras_benford.__all__)
    def test_each_resolves_to_this_packages_own(self, name):
        value = getattr(keras_benford, name)
        if inspect.ismodule(value):
            assert value.__name__ == f"keras_benford.{name}"
        elif callable(value):
            assert value.__name__ == name
            assert value.__module__.startswith("keras_benford.")

    def test_are_the_lazily_bound_ones_and_the_modules(self):
        modules = {name for name in MODULES if "." not in name and name[0] != "_"} - COMMAND
        assert set(keras_benford.__all__) == {*keras_benford._MODULE_OF, *modules}
        assert len(set(keras_benford.__all__)) == len(keras_benford.__all__)

    def test_are_what_type_checkers_see(self):
        (block,) = [
            node
            for node in ast.parse(SOURCES[""].read_text()).body
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ]
        seen = {
            alias.asname or alias.name: statement.module.removeprefix("keras_benford").strip(".")
            for statement in block.body
            for alias in statement.names
        }
        assert seen.keys() == set(keras_benford.__all__)
        assert {name: home for name, home in seen.items() if home} == keras_benford._MODULE_OF

    def test_are_what_dir_shows_before_any_is_used(self, tmp_path):
        code = "import keras_benford; print(*dir(keras_benford))"
        shown = {name for name in run_python(code, tmp_path).split() if not name.startswith("_")}
        assert shown - {"importlib", "sys", "TYPE_CHECKING"} == set(keras_benford.__all__)

    def test_an_unknown_one_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="'keras_benford' has no attribute 'mhl'"):
            keras_benford.mhl  # noqa: B018


class TestDocstrings:
    @pytest.mark.parametrize("name", ["", *MODULES])
    def test_each_module_and_its_public_functions_and_classes_have_one(self, name):
        module = import_module(name)
        undocumented = [
            public
            for public, value in vars(module).items()
            if (inspect.isfunction(value) or inspect.isclass(value))
            and value.__module__ == module.__name__
            and not public.startswith("_")
            and not value.__doc__
        ]
        assert module.__doc__
        assert undocumented == []

    @pytest.mark.parametrize(
        "cls",
        [v for v in map(keras_benford.__getattr__, keras_benford._MODULE_OF) if inspect.isclass(v)],
        ids=lambda cls: cls.__name__,
    )
    def test_each_method_of_a_public_class_has_one_or_inherits_it(self, cls):
        assert [
            name
            for name, member in vars(cls).items()
            if (inspect.isfunction(member) or isinstance(member, property))
            and not name.startswith("_")
            and not inspect.getdoc(getattr(cls, name))
        ] == []

    @EVERY_MODULE
    def test_the_examples_give_what_they_say(self, name):
        assert doctest.testmod(import_module(name)).failed == 0


class TestImporting:
    @pytest.mark.parametrize(
        "code",
        [
            "import keras_benford",
            "import keras_benford as kb; kb.eic(0.5, kb.mlh(kb.digit_counts([0.1, 0.2, 3.0])))",
            "from keras_benford import criteria, digits, scoring, selection, statistics",
            "from keras_benford import Score, score",
        ],
        ids=["the package", "numbers from lists", "the modules below", "the score"],
    )
    def test_loads_no_framework(self, code, tmp_path):
        show = f"import sys; print(*sorted(set(sys.modules) & {HEAVY}))"
        assert run_python(f"{code}; {show}", tmp_path) == ""

    def test_takes_under_a_fifth_of_a_second(self, tmp_path):
        code = "from time import time; start = time(); import keras_benford; print(time() - start)"
        assert min(float(run_python(code, tmp_path)) for _ in range(3)) < 0.2


# Modules import from lower levels, or sideways inside a package.
LEVELS = {
    **dict.fromkeys(["_keras", "_backends", "_machine", "_messages", "_console", "_isolation"], 0),
    **dict.fromkeys(["_progress", "_json", "_names"], 0),
    **dict.fromkeys(["digits", "statistics"], 1),
    **dict.fromkeys(["weights", "selection", "criteria", "context"], 2),
    **dict.fromkeys(["predictions", "rules", "inference", "inputs"], 2),
    **dict.fromkeys(["scoring", "information"], 3),
    "measures": 4,
    **dict.fromkeys(["plots", "callbacks", "metrics"], 5),
    "cli": 6,
    "__main__": 7,
}
SIDEWAYS = {("callbacks", "metrics"), ("_progress", "_console")}
# Beside the standard library and NumPy: which modules may import what when they are imported …
AT_ONCE = {
    "keras": [
        *("_backends", "digits.tensors", "information.tensors"),
        *("metrics", "callbacks", "callbacks.*"),
    ],
    "numba": ["digits.loops", "information.loops"],
    "h5py": ["weights.hdf5_index"],
    "rich": ["_console", "scoring.tables", "information.tables"],
}
# … and inside a function, when it is needed.
WHEN_USED = {
    "keras": ["*"],
    "tensorflow": ["_backends", "inference", "weights.checkpoint_reader"],
    "jax": ["_backends", "inference", "callbacks.processes"],
    "torch": ["_backends", "inference", "callbacks.randomness"],
    "google": ["weights.checkpoint_reader"],
    "safetensors": ["weights.safetensors"],
    "ml_dtypes": ["weights.*"],
    "matplotlib": ["plots.*", "cli.pictures"],
    "sklearn": ["plots.neurons"],
    "rich": ["_progress"],
    "ray": ["cli.many"],
    "pandas": ["scoring.results"],
}


def imports(name):
    """What a module imports: (dotted name, whether at module level) for each."""
    found = []

    def visit(node, at_once):
        if isinstance(node, ast.Import):
            found.extend((alias.name, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "an import relative to the package"
            of_package = node.module == "keras_benford"
            found.extend(
                (f"{node.module}.{alias.name}" if of_package else node.module, at_once)
                for alias in node.names
            )
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            visit(child, at_once and not is_function)

    visit(ast.parse(SOURCES[name].read_text()), True)
    return found


class TestLayers:
    @EVERY_MODULE
    def test_a_module_imports_from_below_or_its_own_package(self, name):
        own = name.partition(".")[0]
        assert own in LEVELS, "a module that the table of levels does not know"
        for imported, _ in imports(name):
            root, _, inside = imported.partition(".")
            if root != "keras_benford" or inside == "__version__":
                continue
            other = inside.partition(".")[0]
            assert other in LEVELS, f"import {inside} from the module that defines it"
            below = LEVELS[other] < LEVELS[own]
            assert below or other == own or (own, other) in SIDEWAYS, f"{name} imports {inside}"

    @EVERY_MODULE
    def test_others_are_imported_only_where_they_belong(self, name):
        for imported, at_once in imports(name):
            root = imported.partition(".")[0]
            if root in {"keras_benford", "numpy", *sys.stdlib_module_names}:
                continue
            places = (AT_ONCE if at_once else WHEN_USED).get(root, [])
            assert any(fnmatch.fnmatch(name, place) for place in places), f"{name}: {imported}"

    def test_the_package_itself_imports_nothing_but_what_binds_names(self):
        assert {imported for imported, _ in imports("")} - {
            f"keras_benford.{name}" for name in (*MODULES, *keras_benford.__all__)
        } == {"importlib", "sys", "typing"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The folder into which a wheel of this package was unpacked."""
    for tool in ("pip", "setuptools"):
        if not list(importlib.metadata.distributions(name=tool)):
            pytest.skip(f"{tool} is not installed")
    if int(importlib.metadata.version("setuptools").partition(".")[0]) < 77:
        pytest.skip("a wheel is built by setuptools 77 or later")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(PACKAGE, source / "keras_benford", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    build = (
        "pip wheel --no-deps --no-build-isolation --no-index --quiet --wheel-dir wheels ./source"
    )
    done = subprocess.run(
        [sys.executable, "-m", *build.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (built,) = (folder / "wheels").glob("keras_benford-*.whl")
    zipfile.ZipFile(built).extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.mark.slow
class TestWheel:
    def test_holds_every_module_its_type_marker_and_nothing_else(self, wheel):
        files = {
            path.relative_to(wheel).as_posix()
            for path in wheel.rglob("*")
            if path.is_file() and ".dist-info" not in path.as_posix()
        }
        expected = {path.relative_to(ROOT).as_posix() for path in SOURCES.values()}
        assert files == expected | {"keras_benford/py.typed"}

    def test_names_its_version_licence_and_what_it_needs(self, wheel):
        (metadata,) = wheel.glob("*.dist-info")
        about = importlib.metadata.PathDistribution(metadata)
        assert about.version == keras_benford.__version__
        licence = about.metadata.get("License-Expression") or about.metadata.get("License")
        assert licence == "Apache-2.0"
        assert (metadata / "licenses" / "LICENSE").exists()
        needed = [re.split(r"[<>=]", r)[0] for r in about.requires if "extra ==" not in r]
        assert sorted(needed) == ["h5py", "keras", "numpy", "rich"]
        extras = {"tensorflow", "jax", "torch", "examples", "test", "test-base"}
        assert extras <= set(about.metadata.get_all("Provides-Extra"))

    def test_works_from_another_folder(self, wheel, tmp_path):
        code = (
            "import keras_benford as kb; print(kb.__file__)\n"
            "from keras import Sequential, layers\n"
            "model = Sequential([layers.Dense(3)]); model.build((None, 4))\n"
            "print(kb.score(model).size, kb.MLHEarlyStopping().monitor)"
        )
        file, result = run_python(code, tmp_path, path=wheel).splitlines()
        assert Path(file).is_relative_to(wheel)
        assert result == "12 symbolic_eic"


@pytest.mark.parametrize("name", ["", *MODULES])
def test_messages_say_what_to_do_in_plain_imperatives(name):
    parts = ast.walk(ast.parse(SOURCES[name].read_text(encoding="utf-8")))
    texts = [part.value for part in parts if isinstance(part, ast.Constant)]
    assert [text for text in texts if re.search(r"[;,:] do ", str(text))] == []


def test_every_module_is_found_by_walking_the_package():
    walked = pkgutil.walk_packages(keras_benford.__path__, "keras_benford.")
    assert sorted(m.name.removeprefix("keras_benford.") for m in walked) == MODULES


@EVERY_MODULE
def test_no_public_name_of_a_package_hides_a_module_in_it(name):
    package, _, last = name.rpartition(".")
    module, package = import_module(name), import_module(package)
    assert getattr(package, last) is module
    # Bound when they are first used: until then, and after, as whoever came first has it.
    assert last not in getattr(package, "_MODULE_OF", ())


# Not `.ci`, which runs where other things stand beside the repository.
FOLDERS = ("keras_benford", "tests", "examples", "benchmarks")

TEXTS = [
    path
    for top in [ROOT.glob("*"), *((ROOT / folder).rglob("*") for folder in FOLDERS)]
    for path in top
    if path.suffix in {".py", ".md", ".cfg", ".toml"}
]


def test_no_file_refers_to_one_outside_the_repository():
    outside = [
        f"{path.relative_to(ROOT)}: {match}"
        for path in TEXTS
        for match in re.findall(r"(?<![\w./])(?:\.\./)+[\w./-]*", path.read_text(encoding="utf-8"))
        if not (path.parent / match).resolve().is_relative_to(ROOT)
        or not (path.parent / match).exists()
    ]
    assert outside == []
