"""What MkDocs and mkdocstrings are told beside `mkdocs.yml`."""

import re
from pathlib import Path

import griffe
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
_DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


def on_files(files, config):
    """Publish the pictures of our runs from where they lie."""
    for path in sorted(ROOT.glob("examples/**/results/*.png")):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


class Doctests(griffe.Extension):
    """Fences around doctests: Markdown takes `>>>` for quotations."""

    def on_object(self, *, obj, **_):
        if obj.docstring is not None:
            obj.docstring.value = _DOCTEST.sub(_fenced, obj.docstring.value)


def _fenced(doctest):
    code = re.sub(r"  # doctest: .*", "", doctest[0])
    return f"```pycon\n{code}\n```"
