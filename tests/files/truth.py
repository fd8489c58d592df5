"""What the three `write_keras*.py` share: the truth about a live model, and where it is kept.

Everything that one version of Keras wrote goes into one archive, `OUT_DIR/NAME.zip`, as tiny HDF5
files are mostly padding. `OUT_DIR/expected.json` maps each NAME to

    {"files": [...], "weights": [{"path", "role", "shape", "dtype", "sum_abs",
                                  "values_hex_sha256"}, ...]}

where the weights are those of the live model, in its own order, and all files of a NAME hold the
same ones. This module runs on Python 3.6 too, for the sake of the oldest writers.
"""

import hashlib
import json
import os
import zipfile

import numpy as np


def describe(path, role, values):
    """Return the truth about one weight, from its name and its values in memory."""
    values = np.ascontiguousarray(values)
    little_endian = values.astype(values.dtype.newbyteorder("<"))
    return {
        "path": path,
        "role": role,
        "shape": list(np.shape(values)),
        "dtype": values.dtype.name,
        "sum_abs": float(np.abs(values.astype("float64")).sum()),
        "values_hex_sha256": hashlib.sha256(little_endian.tobytes()).hexdigest(),
    }


def keep(out_dir, name, folder, weights):
    """Pack all files below `folder` into `name`.zip and put `weights` into expected.json."""
    files = sorted(
        os.path.relpath(os.path.join(parent, file), folder).replace(os.sep, "/")
        for parent, _, children in os.walk(folder)
        for file in children
    )
    with zipfile.ZipFile(os.path.join(out_dir, name + ".zip"), "w") as archive:
        for file in files:
            member = zipfile.ZipInfo(file)  # dated 1980: the same files give the same archive
            member.compress_type = zipfile.ZIP_DEFLATED
            with open(os.path.join(folder, file), "rb") as stream:
                archive.writestr(member, stream.read())

    expected_path = os.path.join(out_dir, "expected.json")
    expected = {}
    if os.path.exists(expected_path):
        with open(expected_path) as stream:
            expected = json.load(stream)
    expected[name] = {"files": files, "weights": weights}
    with open(expected_path, "w") as stream:
        stream.write(_one_line_a_weight(expected))


def _one_line_a_weight(expected):
    entries = []
    for name in sorted(expected):
        files = json.dumps(expected[name]["files"])
        weights = ",\n    ".join(json.dumps(weight) for weight in expected[name]["weights"])
        entries.append(f'"{name}": {{\n  "files": {files},\n  "weights": [\n    {weights}]}}')
    return "{\n" + ",\n".join(entries) + "\n}\n"
