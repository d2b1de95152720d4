"""Commands that pause and resume all jobs."""

from typing import TYPE_CHECKING

from cyclopts import App

from scenarist.cli.connecting import DEFAULT_ACCESS, Access, open_client
from scenarist.cli.printing import print_json, print_line

if TYPE_CHECKING:
    from scenarist import schemas

group = App(name="orchestration")


@group.command
def show(*, access: Access = DEFAULT_ACCESS) -> None:
    """Show whether jobs are started."""
    with open_client(access) as client:
        _print(client.orchestration.get(), access)


@group.command
def pause(*, access: Access = DEFAULT_ACCESS) -> None:
    """Start no more jobs; running jobs continue."""
    with open_client(access) as client:
        _print(client.orchestration.pause(), access)


@group.command
def resume(*, access: Access = DEFAULT_ACCESS) -> None:
    """Start jobs again; submissions that are paused themselves stay paused."""
    with open_client(access) as client:
        _print(client.orchestration.resume(), access)


def _print(orchestration: "schemas.Orchestration", access: Access) -> None:
    if access.json:
        print_json(orchestration)
    elif orchestration.paused_at is None:
        print_line("Jobs are started.")
    else:
        print_line(
            f"No jobs are started: paused at {orchestration.paused_at:%Y-%m-%d %H:%M:%S} by "
            f"{orchestration.paused_by}."
        )
    if not access.json and orchestration.changed_files:
        print_line(
            "Files of the application have changed since the start of this server, which goes on "
            f"with the former code: {', '.join(orchestration.changed_files)}."
        )
    if not access.json and orchestration.other_versions:
        print_line(
            f"This server has version {orchestration.version} of the application; others that are "
            f"connected to its database have {', '.join(orchestration.other_versions)}."
        )
