"""`python -m nirx` is the command `nirx`."""

import sys

from nirx.cli import main

if __name__ == "__main__":
    sys.exit(main())
