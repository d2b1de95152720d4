"""Commands that pause and resume all jobs."""

from typing import TYPE_CHECKING

from cyclopts import App

from scenarist.cli.connecting import NOTHING, Access, client_of
from scenarist.cli.printing import print_json, say

if TYPE_CHECKING:
    from scenarist import schemas

group = App(name="orchestration")


@group.command
def show(*, access: Access = NOTHING) -> None:
    """Show whether jobs are started."""
    with client_of(access) as client:
        _print(client.orchestration.get(), access)


@group.command
def pause(*, access: Access = NOTHING) -> None:
    """Start no more jobs; running jobs continue."""
    with client_of(access) as client:
        _print(client.orchestration.pause(), access)


@group.command
def resume(*, access: Access = NOTHING) -> None:
    """Start jobs again; submissions that are paused themselves stay paused."""
    with client_of(access) as client:
        _print(client.orchestration.resume(), access)


def _print(orchestration: "schemas.Orchestration", access: Access) -> None:
    if access.json:
        print_json(orchestration)
    elif orchestration.paused_at is None:
        say("Jobs are started.")
    else:
        say(
            f"No jobs are started: paused at {orchestration.paused_at:%Y-%m-%d %H:%M:%S} by "
            f"{orchestration.paused_by}."
        )
