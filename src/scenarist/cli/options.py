"""The options that many commands have, and how they become settings."""

import os
from typing import Annotated, Any

from cyclopts import Parameter

from scenarist.settings import Settings, read_settings

Text = Annotated[str | None, Parameter(show_default=False)]
Texts = Annotated[list[str] | None, Parameter(show_default=False, negative="")]
Number = Annotated[int | None, Parameter(show_default=False)]
Switch = Annotated[bool | None, Parameter(show_default=False, negative="")]


def settings_of(**options: Any) -> Settings:
    """Read settings where there is no application: from options and the environment."""
    return read_settings(options, os.environ, {})
