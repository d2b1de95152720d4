"""Runs three months of the plan on Taipy, and prints how Taipy itself reads what it has kept."""

import datetime as dt
import json
import sys
from typing import Any

import months  # type: ignore[import-not-found] # beside it, where it runs
import taipy.core as tp  # type: ignore[import-not-found] # in an environment of its own
from taipy.core import Orchestrator


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if hasattr(value, "to_dict"):
        return value.to_dict("records")
    return json.loads(json.dumps(value, default=str))


def describe(scenario: Any) -> dict[str, Any]:
    return {
        "id": scenario.id,
        "name": scenario.name,
        "tags": sorted(scenario.tags),
        "is_primary": scenario.is_primary,
        "cycle": scenario.cycle and scenario.cycle.name,
        "note": scenario.properties.get("note"),
        "creation_date": scenario.creation_date.isoformat(),
        "sequences": {
            name: [task.config_id for task in sequence.tasks.values()]
            for name, sequence in scenario.sequences.items()
        },
        "data_nodes": {
            node.config_id: {
                "id": node.id,
                "value": as_json(node.read()) if node.is_ready_for_reading else None,
                "last_edit_date": node.last_edit_date.isoformat(),
            }
            for node in scenario.data_nodes.values()
            if node.last_edit_date is not None
        },
    }


months.Config.configure_core(mode="experiment", version_number=sys.argv[1])
Orchestrator().run()
made: Any = None
for month in range(*map(int, sys.argv[2:4])):
    for number in (0, 1):
        made = tp.create_scenario(
            months.Config.scenarios["month"],
            creation_date=dt.datetime.fromisoformat(f"2024-{month:02}-{10 + number}T09:30:00"),
            name=f"{month}-{number}",
        )
        made.growth.write(month / 10 + number)
        tp.submit(made.sequences["first part"] if number else made, wait=True)
        if number and month == 2:
            tp.set_primary(made)
            tp.tag(made, "chosen")
made.add_sequence("by hand", [made.summarise], {"why": "a try"})
made.properties["note"] = "gr\u00fcn"
if len(sys.argv) > 4:
    tp.submit(tp.create_scenario(months.Config.scenarios["failing"]), wait=True)
print(
    json.dumps(
        {
            "scenarios": [describe(scenario) for scenario in tp.get_scenarios()],
            "jobs": {
                job.id: [job.status.name, job.creation_date.isoformat()] for job in tp.get_jobs()
            },
            "submissions": {
                submission.id: submission.submission_status.name
                for submission in tp.get_submissions()
            },
        }
    )
)
