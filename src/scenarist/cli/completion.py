"""The command that prints shell completion."""

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script that completes commands and options in a shell.

    Args:
        shell: bash, zsh or fish.
    """
    from scenarist.cli.main import app

    print(app.generate_completion(shell=shell))
