"""Route of the comparison of scenarios side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import UNSET, Raw

from scenarist import schemas
from scenarist.api.bulkheads import BulkheadKind, run_in_bulkhead
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import READ, AnyRequest, actor_of, provide_params, services_of
from scenarist.api.responses import JsonResponse, respond
from scenarist.api.routes.scenarios import PATH
from scenarist.services.input_differences import InputInScenario, InputSideBySide
from scenarist.services.side_by_side import FigureSideBySide, TableSideBySide


@dataclass(frozen=True, kw_only=True, slots=True)
class SideBySideParams:
    ids: Annotated[list[str], QueryParameter(description="A scenario; repeated for each, 2 to 20.")]
    base: Annotated[
        str | None,
        QueryParameter(
            description="The scenario with which the others are compared; defaults to the first."
        ),
    ] = None
    all: Annotated[
        bool, QueryParameter(description="Return also the inputs that are the same in all.")
    ] = False
    data_node: Annotated[
        str | None,
        QueryParameter(description="A data node config whose tables are returned by columns."),
    ] = None


@get(
    PATH + "/compare",
    opt=READ,
    summary="Compare scenarios side by side",
    tags=["scenarios"],
    dependencies=provide_params(SideBySideParams),
    responses=describe_responses(
        200, schemas.SideBySide, "What differs, and the outcomes.", 400, 404, 409
    ),
)
@run_in_bulkhead(BulkheadKind.COMPARISONS)
def compare_side_by_side(
    request: AnyRequest, params: NamedDependency[SideBySideParams]
) -> JsonResponse:
    """Compare the present inputs and outcomes of scenarios, of any configs, with those of one.

    No comparator runs. Values of inputs are compared place by place, items of lists and rows of
    tables by their positions. What cannot be compared has a `reason`.
    """
    result = services_of(request).side_by_side.compare(
        actor_of(request),
        params.ids,
        base=params.base,
        with_equal=params.all,
        table=params.data_node,
    )
    return respond(
        schemas.SideBySide(
            base=result.base,
            scenarios=[
                schemas.ComparedScenario(
                    id=scenario.id, config_id=scenario.config_id, name=scenario.name
                )
                for scenario in result.scenarios
            ],
            inputs=[_to_input(item) for item in result.inputs],
            outcomes=[_to_outcome(name, values) for name, values in result.outcomes.items()],
            table=None if result.table is None else _to_table(result.table),
        )
    )


def _to_input(item: InputSideBySide) -> schemas.ComparedInput:
    details = item.details
    lengths = [] if details is None else details.lengths
    return schemas.ComparedInput(
        name=item.name,
        title=item.title,
        unit=item.unit,
        differs=item.differs,
        values={each: _to_value(value) for each, value in item.values.items()},
        lengths={
            each: length
            for each, length in zip(item.order, lengths, strict=True)
            if length is not None
        },
        difference_count=0 if details is None else details.count,
        differences=[
            schemas.ComparedPlace(
                pointer=place.pointer,
                parts={
                    each: schemas.ComparedPart(is_missing=part.is_missing, is_large=part.is_large)
                    if part.is_missing or part.is_large
                    else schemas.ComparedPart(value=part.value)
                    for each, part in zip(item.order, place.parts, strict=True)
                },
            )
            for place in ([] if details is None else details.first)
        ],
    )


def _to_value(value: InputInScenario) -> schemas.ComparedValue:
    return schemas.ComparedValue(
        data_node_id=value.data_node_id,
        edit_id=value.edit_id,
        value=UNSET if value.value is None else Raw(value.value.encode()),
        is_same=value.is_same,
        reason=value.reason,
    )


def _to_outcome(name: str, values: Mapping[str, FigureSideBySide]) -> schemas.ComparedOutcome:
    declared = next(
        figure.outcome.declared for figure in values.values() if figure.outcome is not None
    )
    return schemas.ComparedOutcome(
        name=name,
        title=declared.title,
        direction=declared.direction,
        values={each: _to_figure(name, figure) for each, figure in values.items()},
    )


def _to_figure(name: str, figure: FigureSideBySide) -> schemas.ComparedFigure:
    outcome = figure.outcome
    return schemas.ComparedFigure(
        value=None if outcome is None else outcome.value,
        unit=None if outcome is None else outcome.declared.unit,
        is_stale=None if outcome is None else outcome.is_stale,
        reason=f"the scenario has no outcome {name!r}" if outcome is None else outcome.reason,
        difference=figure.difference,
        percent=figure.percent,
    )


def _to_table(table: TableSideBySide) -> schemas.ComparedTable:
    columns = table.columns
    label, labels = columns.labels or (None, [[] for _ in table.order])
    return schemas.ComparedTable(
        data_node=table.data_node,
        label=label,
        labels={} if label is None else dict(zip(table.order, labels, strict=True)),
        columns={
            name: dict(zip(table.order, cells, strict=True))
            for name, cells in columns.numbers.items()
        },
        lengths={
            each: length
            for each, length in zip(table.order, columns.lengths, strict=True)
            if length is not None
        },
        reasons=dict(table.reasons),
    )


HANDLERS = [compare_side_by_side]
