"""Options that many commands share; those for settings are derived from `Settings`."""

import os
import re
from dataclasses import Field, asdict, dataclass, fields, make_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Parameter

from scenarist.server.settings import Settings, read_settings

_DEFAULT = re.compile(r"\(default: ([^)]*)\)")
_BY_NAME = {item.name: item for item in fields(Settings)}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Settings as options of a command, one field for each; None if it is not given."""


def derive_options(*names: str) -> type[Options]:
    """Return a class of options for settings, with their types, choices and descriptions.

    A type checker cannot know such a class: where it annotates a parameter, it is `Options` to it.
    """
    made = make_dataclass(
        "Options",
        [(name, _derive_option(_BY_NAME[name]), None) for name in names],
        bases=(Options,),
        namespace={"__module__": __name__},  # otherwise cyclopts takes it for a built-in type
        frozen=True,
        kw_only=True,
    )
    return Parameter(name="*")(made)


def find_option_names(*, serves: bool) -> list[str]:
    """Return the settings that are options of a process, in order.

    A secret is none: other users of the machine can see the options of a command.

    Args:
        serves: Whether the process serves requests; otherwise it only runs jobs.
    """
    return [
        item.name
        for item in fields(Settings)
        if not item.metadata["is_secret"] and (serves or not item.metadata["serves_only"])
    ]


def describe_setting(name: str) -> str:
    """Return the sentence of a setting as plain text, with its default in brackets."""
    setting = _BY_NAME[name]
    sentence = _DEFAULT.sub(r"[\1]", setting.metadata["sentence"].replace("`", ""))
    if get_origin(setting.type) is tuple:
        sentence = sentence.removesuffix(".") + "; separate them by commas."
    if setting.default not in (None, False, ()) and "[" not in sentence:
        sentence = sentence.removesuffix(".") + f" [{setting.default}]."
    return sentence


def read_option_settings(options: Options | None = None, **others: Any) -> Settings:
    """Read settings from options and the environment, for commands without an application."""
    given = {} if options is None else asdict(options)
    return read_settings({**given, **others}, os.environ, {})


def _derive_option(setting: Field[Any]) -> Any:
    kind: Any = str if get_origin(setting.type) is tuple else setting.type
    if synonyms := setting.metadata["synonyms"]:
        kind = Literal.__getitem__((*get_args(kind), *synonyms))
    parameter = Parameter(show_default=False, negative="", help=describe_setting(setting.name))
    return Annotated[kind | None, parameter]


Text = Annotated[str | None, Parameter(show_default=False)]
Texts = Annotated[list[str] | None, Parameter(show_default=False, negative="")]
Number = Annotated[int | None, Parameter(show_default=False)]
Switch = Annotated[bool | None, Parameter(show_default=False, negative="")]
DatabaseUrl = Annotated[
    str | None, Parameter(name="--database", show_default=False, help=describe_setting("database"))
]
