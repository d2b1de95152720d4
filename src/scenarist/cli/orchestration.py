"""Commands for the orchestration of all jobs."""

from typing import TYPE_CHECKING

from cyclopts import App

from scenarist.cli.connecting import NOTHING, Access, client_of
from scenarist.cli.printing import print_json, say

if TYPE_CHECKING:
    from scenarist import schemas

group = App(name="orchestration")


@group.command
def show(*, access: Access = NOTHING) -> None:
    """Say whether jobs are begun."""
    with client_of(access) as client:
        _print(client.orchestration.get(), access)


@group.command
def pause(*, access: Access = NOTHING) -> None:
    """Begin no more jobs; those that run go on."""
    with client_of(access) as client:
        _print(client.orchestration.pause(), access)


@group.command
def resume(*, access: Access = NOTHING) -> None:
    """Begin jobs again; submissions that are paused themselves stay so."""
    with client_of(access) as client:
        _print(client.orchestration.resume(), access)


def _print(orchestration: "schemas.Orchestration", access: Access) -> None:
    if access.json:
        print_json(orchestration)
    elif orchestration.paused_at is None:
        say("Jobs are begun.")
    else:
        say(
            f"No job is begun: paused at {orchestration.paused_at:%Y-%m-%d %H:%M:%S} "
            f"by {orchestration.paused_by}."
        )
