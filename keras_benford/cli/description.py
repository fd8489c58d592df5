"""What is in a saved model: every array with its role, without any figures."""

from __future__ import annotations

from typing import Any

from keras_benford import weights
from keras_benford._messages import counted, printable
from keras_benford.cli.many import one_line
from keras_benford.scoring import tables
from keras_benford.selection import default_of


def described(path: str) -> dict[str, Any]:
    """Plain data on a file: `file, format, model, arrays`, or `file, error`."""
    try:
        model = weights.open_model(path)
        arrays = [_about(array) for array in model.arrays]
    except FileNotFoundError:
        return {"file": path, "error": one_line(path, "there is no such file or folder")}
    except (ValueError, ImportError, OSError) as error:
        return {"file": path, "error": one_line(path, error)}
    return {"file": path, "format": model.format, "model": model.name, "arrays": arrays}


def _about(array):
    counted, guessed = default_of(array)
    return {
        "path": array.path,
        "shape": list(array.shape),
        "dtype": array.dtype,
        "size": array.size,
        "kind": array.kind,
        "counted": counted,
        "guessed": guessed,
    }


def print_description(about: dict[str, Any], console: Any) -> None:
    """The arrays of a file as a table, and their number by kind."""
    rows = [
        {
            "array": array["path"],
            "shape": tables.shape_text(array["shape"]),
            "dtype": array["dtype"],
            "values": f"{array['size']:,}",
            "what it is": array["kind"] + (" (guessed)" if array["guessed"] else ""),
            "counted": "yes" if array["counted"] else "no",
        }
        for array in about["arrays"]
    ]
    title = f"{printable(about['file'])}: {about['format']}, model {about['model']}"
    console.print(tables.table_of_rows(rows, console.width, title))
    that_count = [array for array in about["arrays"] if array["counted"]]
    n_values, n_that_count = (
        sum(array["size"] for array in some) for some in (about["arrays"], that_count)
    )
    console.print(
        f"{counted(len(rows), 'array')} with {counted(n_values, 'value')}; counted "
        f"{len(that_count):,} with {counted(n_that_count, 'value')}"
    )
