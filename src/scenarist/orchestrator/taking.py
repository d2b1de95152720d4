"""How a step claims jobs, and finds out which of them need not run."""

from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import claims
from scenarist.db.claims import Claim, InputValue, TaskRecipe
from scenarist.db.settlements import Settlement
from scenarist.domain.identifiers import HolderId
from scenarist.orchestrator.outcomes import skipped
from scenarist.orchestrator.requests import Recipes, gather_inputs, need_not_run

Taken = tuple[Claim, TaskRecipe, list[InputValue]]
"""A claimed job that is to be run, with what running it takes."""


def take(
    connection: Connection, recipes: Recipes, holder_id: HolderId, limit: int, now: datetime
) -> tuple[list[Taken], list[Settlement]]:
    """Claim up to so many jobs; return those to run, and how those end that need not."""
    taken: list[Taken] = []
    needless: list[Settlement] = []
    if not limit:
        return taken, needless
    claimed = claims.claim(connection, holder_id, limit=limit, now=now)
    recipes.read(connection, (claim.task_id for claim in claimed))
    inputs = gather_inputs(connection, claimed, recipes)
    for claim in claimed:
        recipe = recipes.get(claim.task_id)
        values = inputs.get(claim.number, [])
        if need_not_run(connection, claim, recipe, values, now):
            needless.append(skipped(claim, recipe, now))
        else:
            taken.append((claim, recipe, values))
    return taken, needless
