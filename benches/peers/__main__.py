"""`python3 benches/peers`: see `cli.py`."""

import pathlib
import sys

# The folder of the benches in the place of this one, so that this is a package and finds its neighbours.
sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from peers import cli  # noqa: E402

cli.main()
