"""``python -m autode``: the command line."""

import sys

from autode.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
