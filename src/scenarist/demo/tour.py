"""The text that ``scenarist demo`` prints at start: commands to copy, with real identifiers."""

import json
from collections.abc import Mapping

from scenarist.domain.identifiers import ScenarioId, make_sequence_id

_TOUR = """\
Scenarist serves the example at {address}
A plant heats a part of Seattle: how much fuel must it order for the next four weeks, and when?
The scenario to try: {scenario}

Open it in a browser: {address}

Or copy a command into another terminal. Add  | python3 -m json.tool  to indent the response.

 1. List the sequences:
    curl -X GET {address}/api/v1/sequences

 2. Create a sequence from two of the tasks:
    curl -X POST --data '{new_sequence}' \\
        {address}/api/v1/sequences

 3. Submit the forecasting; the response is sent when its jobs have ended:
    curl -X POST -H "Prefer: wait=30, return=representation" \\
        {address}/api/v1/sequences/submit/{forecasting}

 4. Submit the planning, which reads the forecast:
    curl -X POST -H "Prefer: wait=30, return=representation" \\
        {address}/api/v1/sequences/submit/{planning}

 5. Read the forecast, in °C:
    curl -X GET {address}/api/v1/datanodes/{forecast}/read

 6. Read the plan, in MWh and dollars:
    curl -X GET {address}/api/v1/datanodes/{plan}/read

 7. What if it gets three degrees colder? Change the assumptions, then plan again (4) and
    read the plan (6):
    curl -X PUT --data '{{"warming_celsius": -3}}' \\
        {address}/api/v1/datanodes/{assumptions}/write

 8. List the jobs of a submission; use the id under "submission" in the response to 3 or 4:
    curl -X GET "{address}/api/v1/jobs?submission_id=SUBMISSION_..."

 9. Delete the sequence created in 2; the tasks and their data stay:
    curl -X DELETE {address}/api/v1/sequences/{outlook}

Read and try every path in a browser: {address}/schema
Ctrl-C stops the server. The data stays in .scenarist/ for the next start.
"""


def render_tour(
    address: str,
    scenario_id: str,
    sequence_ids: Mapping[str, str],
    task_ids: Mapping[str, str],
    data_node_ids: Mapping[str, str],
) -> str:
    """Return a guided tour through a scenario of the example, for newcomers.

    Args:
        address: The address of the server, such as ``http://127.0.0.1:5000``.
        sequence_ids: Sequence ids by name.
        task_ids: Task ids by config id; likewise *data_node_ids*.
    """
    new_sequence = {
        "scenario_id": scenario_id,
        "sequence_name": "outlook",
        "tasks": [task_ids["predict_temperature"], task_ids["estimate_demand"]],
    }
    return _TOUR.format(
        address=address,
        scenario=scenario_id,
        new_sequence=json.dumps(new_sequence),
        outlook=make_sequence_id("outlook", ScenarioId(scenario_id)),
        forecasting=sequence_ids["forecasting"],
        planning=sequence_ids["planning"],
        forecast=data_node_ids["forecast"],
        plan=data_node_ids["plan"],
        assumptions=data_node_ids["assumptions"],
    )
