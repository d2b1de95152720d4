"""The command that draws the declarations of an application."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from scenarist.cli.options import Text
from scenarist.domain.errors import InvalidError, NotFoundError

Output = Annotated[Path | None, Parameter(name=["--output", "-o"], show_default=False)]


def graph(application: str, /, *, scenario: Text = None, output: Output = None) -> None:
    """Draw the scenario configs of an application as SVG.

    Args:
        application: A module (package.module), a Python file or a TOML file.
        scenario: Only this scenario config.
        output: The file to write [standard output].
    """
    from scenarist.config import load_app
    from scenarist.pictures import draw

    configs = load_app(application).registry.scenarios
    if scenario is not None and scenario not in configs:
        known = ", ".join(configs) or "none"
        raise NotFoundError(
            f"there is no scenario config with the id {scenario}; there are: {known}"
        )
    if not configs:
        raise InvalidError(f"{application} declares no scenario config")
    picture = draw([configs[scenario]] if scenario is not None else list(configs.values()))
    if output is None:
        sys.stdout.write(picture)
        return
    try:
        output.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise InvalidError(f"{output} cannot be written: {error.strerror}") from error
