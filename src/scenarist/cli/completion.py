"""The command for the completion of shells."""

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print what a shell needs to complete commands and options.

    Args:
        shell: bash, zsh or fish.
    """
    from scenarist.cli.main import app

    print(app.generate_completion(shell=shell))
