"""Search and columns of the list of scenarios: its query parameters, and what entries have more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from scenarist import schemas
from scenarist.api.paging import DatedListParams
from scenarist.api.requests import unique_values
from scenarist.domain import entities
from scenarist.domain.searching import split_search
from scenarist.services.scenario_lists import ListedScenario, ScenarioColumns


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnParams(DatedListParams):
    search: Annotated[
        str | None,
        QueryParameter(
            description="Words, of which each is a part of the name, of a tag or of the identifier."
        ),
    ] = None
    last_submission: Annotated[
        bool, QueryParameter(description="Add `last_submission` to each entry.")
    ] = False
    inputs: Annotated[
        list[str] | None,
        QueryParameter(
            description="Add the value of the input of this name to `inputs` of each entry. May be "
            "repeated."
        ),
    ] = None

    def read_search(self) -> tuple[str, ...]:
        """Return the words that are searched for.

        Raises:
            InvalidError: There are none, or too many.
        """
        return () if self.search is None else split_search(self.search)

    def read_columns(self) -> ScenarioColumns:
        return ScenarioColumns(
            has_last_submission=self.last_submission, inputs=unique_values(self.inputs)
        )


def add_columns(
    to_schema: Callable[[entities.Scenario, Sequence[str] | None], schemas.Scenario],
    authorized_tags: Callable[[str], Sequence[str] | None],
    columns: ScenarioColumns,
) -> Callable[[ListedScenario], schemas.Scenario]:
    """Return a function that builds an entry of a list, with the columns that were asked for.

    Args:
        to_schema: Builds an entry of a scenario and the tags that it may have.
        authorized_tags: Returns the tags that a scenario config allows; None for any.
    """

    def to_entry(listed: ListedScenario) -> schemas.Scenario:
        found: dict[str, Any] = {}
        if columns.has_last_submission:
            found["last_submission"] = _to_last_submission(listed.last_submission)
        if columns.inputs:
            found["inputs"] = {
                name: msgspec.Raw(text.encode()) for name, text in listed.inputs.items()
            }
        entry = to_schema(listed.scenario, authorized_tags(listed.scenario.config_id))
        return msgspec.structs.replace(entry, **found) if found else entry

    return to_entry


def _to_last_submission(
    submission: entities.NewestSubmission | None,
) -> schemas.LastSubmission | None:
    if submission is None:
        return None
    return schemas.LastSubmission(
        id=submission.id,
        entity_id=submission.entity_id,
        status=submission.status,
        submitted_at=submission.created_at,
        finished_at=submission.finished_at,
    )
