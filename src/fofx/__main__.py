"""`python -m fofx` is the command `fofx`."""

import sys

from fofx.cli import main

if __name__ == "__main__":
    sys.exit(main())
