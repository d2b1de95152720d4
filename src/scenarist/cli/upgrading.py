"""Upgrades of scenarios, for the command that upgrades one or all of a config."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from scenarist.cli.connecting import Access
from scenarist.cli.printing import print_json, print_line, print_to_stderr

if TYPE_CHECKING:
    from scenarist import schemas
    from scenarist.client import Client


def upgrade_and_print(
    client: "Client", scenario_ids: Iterable[str], access: Access, *, dry_run: bool
) -> int:
    """Upgrade scenarios one after the other, and print what is changed about each.

    A scenario that cannot be upgraded is told with the reason, and the others are upgraded.

    Returns:
        The exit code: 1 if a scenario could not be upgraded.
    """
    from scenarist.client import ConflictError, NotFoundError

    done: dict[str, schemas.Upgrade] = {}
    refused: dict[str, str] = {}
    for scenario_id in scenario_ids:
        try:
            done[scenario_id] = client.scenarios.upgrade(scenario_id, dry_run=dry_run)
        except (ConflictError, NotFoundError) as error:
            refused[scenario_id] = str(error)
            print_to_stderr(f"{scenario_id}: {error}")
        else:
            if not access.json:
                _print_upgrade(scenario_id, done[scenario_id], dry_run=dry_run)
    if access.json:
        print_json({"upgraded": done, "refused": refused})
    return 1 if refused else 0


def _print_upgrade(scenario_id: str, upgrade: "schemas.Upgrade", *, dry_run: bool) -> None:
    if not upgrade.changes:
        print_line(f"{scenario_id}: nothing to upgrade")
    else:
        print_line(f"{scenario_id}: {'would be upgraded' if dry_run else 'upgraded'}")
    for change in upgrade.changes:
        kind = change.entity_type.lower().replace("_", " ")
        print_line(f"  {change.action.lower()} {kind} {change.name!r}: {change.because}")
    for note in upgrade.notes:
        print_line(f"  note: {note}")
