"""Declarations of a pipeline: its data nodes, tasks and scenarios.

May import: domain, system.
Never here: records, identifiers, the database; a declaration is not a record.
"""

from scenarist.config.applications import Application, load_app
from scenarist.config.drafts import ConfigProblem
from scenarist.config.entries import (
    AuthenticationConfig,
    CoreConfig,
    DataNodeConfig,
    JobConfig,
    ScenarioConfig,
    TaskConfig,
)
from scenarist.config.outcomes import Outcome
from scenarist.config.registry import Config, ConfigRegistry
from scenarist.config.values import resolve

__all__ = [
    "Application",
    "AuthenticationConfig",
    "Config",
    "ConfigProblem",
    "ConfigRegistry",
    "CoreConfig",
    "DataNodeConfig",
    "JobConfig",
    "Outcome",
    "ScenarioConfig",
    "TaskConfig",
    "load_app",
    "resolve",
]
