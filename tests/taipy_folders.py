"""Makes folders as applications of Taipy 4.1 leave them, record by record."""

import hashlib
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

_SCOPES = {"SCENARIO": 1, "CYCLE": 2, "GLOBAL": 3}
_STATUSES = {"PENDING": 3, "RUNNING": 4, "CANCELED": 5, "FAILED": 6, "COMPLETED": 7}
_SUBMISSION_STATUSES = {"UNDEFINED": 1, "RUNNING": 4, "CANCELED": 5, "FAILED": 6, "COMPLETED": 7}
CREATED = "2024-01-10T09:30:00"
WRITTEN = "2024-01-10T09:30:01.000001"
SUBMITTED = "2024-01-10T09:31:00"
BEGUN = "2024-01-10T09:31:01"
COMPUTED = "2024-01-10T09:31:02"
ENDED = "2024-01-10T09:31:03"


@dataclass
class TaipyFolder:
    """A folder in the making; identifiers are numbered, so that they are always the same."""

    root: Path
    version: str = "1.0"
    release: str = "4.1.1"
    number: int = 0

    def __post_init__(self) -> None:
        self.write(
            "version.json",
            {"latest_version": self.version, "development_version": "", "production_version": []},
        )
        core = {"core_version": self.release, "storage_folder": "user_data/"}
        config = json.dumps({"CORE": core})
        self.write(f"version/{self.version}.json", {"id": self.version, "config": config})

    @property
    def entities(self) -> Path:
        return self.root / ".taipy"

    def write(self, name: str, record: Mapping[str, Any]) -> Path:
        path = self.entities / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, ensure_ascii=False, indent=0), encoding="utf-8")
        return path

    def record_of(self, entity_id: str) -> Path:
        """Return the file of a record."""
        (found,) = self.entities.glob(f"*/{entity_id}.json")
        return found

    def record_of_config(self, config_id: str) -> str:
        """Return the identifier of the only data node of a config."""
        (found,) = self.entities.glob(f"data_nodes/DATANODE_{config_id}_*")
        return found.stem

    def edit(self, node_id: str, value: object, *, at: str, editor: str | None = None) -> None:
        """Write another value of a data node, a pickle."""
        self.put(f"user_data/pickles/{node_id}.p", value)
        edits = json.loads(self.record_of(node_id).read_text())["edits"]
        edits.append({"timestamp": at, "editor": editor})
        self.change(node_id, edits=edits, last_edit_date=at)

    def change(self, entity_id: str, **changes: Any) -> None:
        path = self.record_of(entity_id)
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def cycle(self, month: int = 1) -> str:
        cycle_id = self._new_id(f"CYCLE_month{month}_2024")
        self.write(
            f"cycles/{cycle_id}.json",
            {
                "id": cycle_id,
                "name": f"Month {month} 2024",
                "frequency": "<Frequency.MONTHLY: 3>",
                "properties": {},
                "creation_date": f"2024-{month:02}-10T09:30:00",
                "start_date": f"2024-{month:02}-01T00:00:00",
                "end_date": f"2024-{month:02}-28T23:59:59.999999",
            },
        )
        return cycle_id

    def node(
        self,
        config_id: str,
        value: object = None,
        *,
        owner: str | None = None,
        scope: str = "SCENARIO",
        storage_type: str = "pickle",
        **changes: Any,
    ) -> str:
        """Add a data node, with its file if there is a value."""
        node_id = self._new_id(f"DATANODE_{config_id}")
        extension = {"pickle": "p", "json": "json", "csv": "csv"}.get(storage_type, "none")
        path = f"user_data/{storage_type}s/{node_id}.{extension}"
        if value is not None:
            self.put(path, value)
        written = [] if value is None else [{"timestamp": WRITTEN, "editor": "TAIPY"}]
        self.write(
            f"data_nodes/{node_id}.json",
            {
                "id": node_id,
                "config_id": config_id,
                "scope": f"<Scope.{scope}: {_SCOPES[scope]}>",
                "storage_type": storage_type,
                "owner_id": owner,
                "parent_ids": [],
                "last_edit_date": None if value is None else WRITTEN,
                "edits": written,
                "version": self.version,
                "validity_days": None,
                "validity_seconds": None,
                "edit_in_progress": False,
                "editor_id": None,
                "editor_expiration_date": None,
                "data_node_properties": {"is_generated": True, "path": path},
                **changes,
            },
        )
        return node_id

    def put(self, name: str, value: object) -> Path:
        """Write a value into a file: bytes as they are, others as JSON or a pickle."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(value, bytes):
            path.write_bytes(value)
        elif path.suffix == ".json":
            path.write_text(json.dumps(value))
        else:
            path.write_bytes(pickle.dumps(value))
        return path

    def task(
        self, config_id: str, inputs: Sequence[str], outputs: Sequence[str], **changes: Any
    ) -> str:
        task_id = self._new_id(f"TASK_{config_id}")
        self.write(
            f"tasks/{task_id}.json",
            {
                "id": task_id,
                "owner_id": None,
                "parent_ids": [],
                "config_id": config_id,
                "input_ids": list(inputs),
                "function_name": "increment",
                "function_module": "pipelines",
                "output_ids": list(outputs),
                "version": self.version,
                "skippable": True,
                "properties": {},
                **changes,
            },
        )
        return task_id

    def scenario(self, config_id: str = "plan", tasks: Sequence[str] = (), **changes: Any) -> str:
        scenario_id = changes.get("id") or self._new_id(f"SCENARIO_{config_id}")
        self.write(
            f"scenarios/{scenario_id}.json",
            {
                "id": scenario_id,
                "config_id": config_id,
                "tasks": list(tasks),
                "additional_data_nodes": [],
                "properties": {},
                "creation_date": CREATED,
                "primary_scenario": False,
                "subscribers": [],
                "tags": [],
                "version": self.version,
                "sequences": None,
                "cycle": None,
                **changes,
            },
        )
        return scenario_id

    def submission(self, entity_id: str, status: str = "COMPLETED", **changes: Any) -> str:
        submission_id = self._new_id("SUBMISSION")
        self.write(
            f"submission/{submission_id}.json",
            {
                "id": submission_id,
                "entity_id": entity_id,
                "entity_type": entity_id.partition("_")[0],
                "entity_config_id": None,
                "job_ids": [],
                "properties": {},
                "creation_date": SUBMITTED,
                "submission_status": f"<SubmissionStatus.{status}: {_SUBMISSION_STATUSES[status]}>",
                "version": self.version,
                "is_completed": status == "COMPLETED",
                **changes,
            },
        )
        return submission_id

    def job(
        self, task_id: str, submission_id: str, entity_id: str, status: str, **changes: Any
    ) -> str:
        job_id = self._new_id("JOB_double")
        records = {"SUBMITTED": SUBMITTED, "RUNNING": BEGUN, status: ENDED}
        self.write(
            f"jobs/{job_id}.json",
            {
                "id": job_id,
                "task_id": task_id,
                "status": f"<Status.{status}: {_STATUSES[status]}>",
                "status_change_records": records,
                "force": False,
                "submit_id": submission_id,
                "submit_entity_id": entity_id,
                "creation_date": SUBMITTED,
                "subscribers": [],
                "stacktrace": [],
                "version": self.version,
                **changes,
            },
        )
        return job_id

    def plan(self, number: Any = 1, *, month: int | None = None, **changes: Any) -> str:
        """Add a scenario with a task that has written a result, and return its identifier."""
        scenario_id = self._new_id("SCENARIO_plan")
        given = self.node("number", number, owner=scenario_id)
        result = self.node("result", 2, owner=scenario_id, last_edit_date=COMPUTED, edits=[])
        task = self.task("double", [given], [result], owner_id=scenario_id)
        cycle = None if month is None else self.cycle(month)
        self.scenario("plan", [task], id=scenario_id, cycle=cycle, **changes)
        submission = self.submission(scenario_id)
        self.job(task, submission, scenario_id, "COMPLETED")
        return scenario_id

    def digest(self) -> str:
        """Return a digest of all files: their names, contents, modes and times."""
        found = hashlib.sha256()
        for path in sorted(self.root.rglob("*")):
            state = path.lstat()
            found.update(f"{path} {state.st_mode} {state.st_mtime_ns}".encode())
            if path.is_file():
                found.update(path.read_bytes())
        return found.hexdigest()

    def _new_id(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}_{UUID(int=self.number)}"
