"""Printing of plans, for all commands that plan a submit."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from scenarist.cli.connecting import Access
from scenarist.cli.printing import print_json, print_line, print_rows

if TYPE_CHECKING:
    from scenarist import schemas


def plan_and_print(
    plan: "Callable[..., schemas.SubmitPlan]",
    id: str,
    access: Access,
    *,
    force: bool,
    inputs: Mapping[str, Any],
) -> None:
    """Plan the submit of an entity, and print the plan.

    Args:
        inputs: Values of inputs by name, which the submit would write first.
    """
    planned = plan(id, force=force, inputs=inputs)
    if access.json:
        print_json(planned)
        return
    print_rows(
        planned.tasks,
        {
            "task": lambda task: task.task_config_id,
            "action": lambda task: task.action,
            "seconds": lambda task: None if task.seconds is None else round(task.seconds, 3),
            "because": lambda task: task.because,
        },
        as_json=False,
        limit=None,
    )
    counts = ", ".join(f"{count} {action}" for action, count in planned.counts.items()) or "no task"
    time = "" if planned.seconds is None else f"; about {planned.seconds:.3g} s of work"
    print_line(f"{counts}{time}")
