"""``autode`` as the script of ``perun monitor``: the same commands, without the exit code.

perun runs a script inside itself and loses what it measured if the script leaves by ``sys.exit``, so this one returns.
"""

from __future__ import annotations

from autode.cli.main import main

if __name__ == "__main__":
    main()
