"""What a process that runs functions of tasks has in its environment."""

import os
from collections.abc import Mapping
from dataclasses import replace

from scenarist.domain.environment import variables_in
from scenarist.executors.base import JobRequest

ADDRESS = "SCENARIST_EXECUTOR_ADDRESS"
"""Tells the process of an engine where the cluster is: the variable of the setting itself."""


def worker_environment() -> dict[str, str]:
    """Return the environment of a process that is started from this one."""
    environment = dict(os.environ)
    # The functions of tasks have no use for the key that signs tokens.
    environment.pop("SCENARIST_SECRET_KEY", None)
    return environment


def with_variables(request: JobRequest, environment: Mapping[str, str]) -> JobRequest:
    """Let a request bring the variables that the places of its own values refer to, no others."""
    ends = [place.properties for place in request.inputs]
    ends += [target.properties for target in request.outputs]
    names = set().union(*map(variables_in, map(dict, ends)))
    known = {name: environment[name] for name in sorted(names) if name in environment}
    return replace(request, variables=known) if known else request
