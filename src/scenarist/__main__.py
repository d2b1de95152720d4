"""``python -m scenarist`` is the command ``scenarist``."""

from scenarist.cli import main

main()
