"""Environment variables of the processes that run tasks."""

import os
from collections.abc import Mapping
from dataclasses import replace

from scenarist.domain.environment import find_variables
from scenarist.executors.base import JobRequest

ADDRESS_VARIABLE = "SCENARIST_EXECUTOR_ADDRESS"
"""The variable that passes the cluster's address to the engine's process, named as the setting."""


def build_worker_environment() -> dict[str, str]:
    """Return the environment for a process that is started from this one."""
    environment = dict(os.environ)
    # Functions of tasks do not need the key that signs tokens.
    environment.pop("SCENARIST_SECRET_KEY", None)
    return environment


def add_variables(request: JobRequest, environment: Mapping[str, str]) -> JobRequest:
    """Add to a request the variables that its inputs and outputs refer to, and no others."""
    properties = [location.properties for location in request.inputs]
    properties += [target.properties for target in request.outputs]
    names = set().union(*map(find_variables, map(dict, properties)))
    known = {name: environment[name] for name in sorted(names) if name in environment}
    return replace(request, variables=known) if known else request
