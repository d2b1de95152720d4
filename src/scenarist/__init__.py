"""Scenarist, an open scenario server: the names that authors of pipelines import."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarist.client import Client
    from scenarist.config import Config, ConfigRegistry, Outcome
    from scenarist.domain.vocabulary import Frequency, Scope

__all__ = ["Client", "Config", "ConfigRegistry", "Frequency", "Outcome", "Scope"]

_HOMES = {
    "Client": "scenarist.client",
    "Config": "scenarist.config",
    "ConfigRegistry": "scenarist.config",
    "Frequency": "scenarist.domain.vocabulary",
    "Outcome": "scenarist.config",
    "Scope": "scenarist.domain.vocabulary",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that a program loads only what it uses."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'scenarist' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
