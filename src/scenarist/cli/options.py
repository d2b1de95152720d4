"""Options that many commands share, and their conversion to settings."""

import os
from typing import Annotated, Any

from cyclopts import Parameter

from scenarist.server.settings import Settings, read_settings

Text = Annotated[str | None, Parameter(show_default=False)]
Texts = Annotated[list[str] | None, Parameter(show_default=False, negative="")]
Number = Annotated[int | None, Parameter(show_default=False)]
Switch = Annotated[bool | None, Parameter(show_default=False, negative="")]


def read_option_settings(**options: Any) -> Settings:
    """Read settings from options and the environment, for commands without an application."""
    return read_settings(options, os.environ, {})
