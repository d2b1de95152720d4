"""``python -m scenarist`` is the command ``scenarist``."""

import sys

if not sys.flags.safe_path:
    # Python has put the current folder first, where files can have the names of standard modules.
    del sys.path[0]

from scenarist.cli import main

main()
