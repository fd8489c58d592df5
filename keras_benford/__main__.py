"""`python -m keras_benford`: the command `keras-benford`."""

import sys

from keras_benford.cli import main

if __name__ == "__main__":
    sys.exit(main())
