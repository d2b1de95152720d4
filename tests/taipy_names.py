"""Prints what Taipy offers in Python, as tests/docs/taipy_names.json has it.

Run it with an interpreter that has taipy-core.
"""

import inspect
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

tp: Any = import_module("taipy")  # not installed where types are checked
Config = tp.Config


def parameters_of(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters, as they are written in a signature."""
    return [
        f"**{one.name}" if one.kind is one.VAR_KEYWORD else one.name
        for one in inspect.signature(function).parameters.values()
    ]


public = [name for name in dir(Config) if not name.startswith("_")]
print(
    json.dumps(
        {
            "config": {
                name: parameters_of(getattr(Config, name))
                for name in public
                if callable(getattr(Config, name))
            },
            "attributes": [name for name in public if not callable(getattr(Config, name))],
            "entries": {
                name: [
                    one
                    for one in dir(kind)
                    if not one.startswith("_") and not one.isupper() and one != "default_config"
                ]
                for name, kind in (
                    ("DataNodeConfig", tp.core.config.DataNodeConfig),
                    ("TaskConfig", tp.core.config.TaskConfig),
                    ("ScenarioConfig", tp.core.config.ScenarioConfig),
                    ("JobConfig", tp.core.config.JobConfig),
                    ("CoreSection", tp.core.config.CoreSection),
                )
            },
            "functions": [
                name
                for name in dir(tp)
                if not name.startswith("_")
                and inspect.isfunction(getattr(tp, name))
                and getattr(tp, name).__module__.startswith("taipy")
            ],
        }
    )
)
