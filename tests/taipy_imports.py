"""Imports folders of Taipy into databases, with everything in one process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from builders import NOON
from scenarist.config import Application, ConfigRegistry
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import edits as edit_rows
from scenarist.db import tables
from scenarist.db.engine import Database
from scenarist.db.jobs import rows as job_rows
from scenarist.domain.entities import Edit, Job
from scenarist.domain.import_report import ImportReport
from scenarist.domain.permissions import Actor
from scenarist.domain.vocabulary import Scope
from scenarist.executors.inline import InlineExecutor
from scenarist.server.worker_calls import CallWorkers, build_compute
from scenarist.services.declarations import load_declared
from scenarist.services.importing import ImportService
from scenarist.taipy.applications import read_application
from scenarist.taipy.folders import find_folder
from signed_in import ADMIN
from taipy_folders import TaipyFolder


def declare(**changes: Any) -> ConfigRegistry:
    registry = ConfigRegistry()
    given = registry.configure_data_node("number", **changes)
    result = registry.configure_data_node("result")
    task = registry.configure_task("double", "pipelines:increment", given, result, skippable=True)
    shared = registry.configure_data_node("shared", scope=Scope.GLOBAL)
    extra = registry.configure_in_memory_data_node("extra", default_data="as declared")
    registry.configure_scenario("plan", [task], [shared, extra])
    return registry


@dataclass
class Import:
    """A folder of Taipy, and a database to import it into."""

    database: Database
    source: TaipyFolder
    values: Path
    registry: ConfigRegistry = field(default_factory=declare)
    actor: Actor = ADMIN

    def __post_init__(self) -> None:
        self.values.mkdir(exist_ok=True)

    def run(
        self,
        *,
        version: str | None = None,
        is_dry_run: bool = False,
        zone: str = "UTC",
        elsewhere: Path | None = None,
    ) -> ImportReport:
        calls = CallWorkers(InlineExecutor)
        service = ImportService(
            self.database,
            self.registry,
            load_declared(Application(self.registry, ())),
            folder=str(self.values),
            zone=ZoneInfo(zone),
            now=lambda: NOON,
            compute=build_compute(lambda: calls.calls),
        )
        records = read_application(find_folder(self.source.root, elsewhere), version)
        return service.run(self.actor, records, is_dry_run=is_dry_run)

    def node(self, config_id: str) -> Any:
        """Return the only data node of a config."""
        query = select(tables.data_nodes.c.id).where(tables.data_nodes.c.config_id == config_id)
        node_id = self.database.reader.execute(query).scalar_one()
        return data_node_rows.find(self.database.reader, node_id)

    def newest_edit(self, config_id: str) -> Edit:
        node = self.node(config_id)
        found = edit_rows.find(self.database.reader, node.id, node.last_edit_id)
        assert found is not None
        return found

    def jobs(self) -> list[Job]:
        ids = self.database.reader.execute(select(tables.jobs.c.id)).scalars()
        return [job for item in ids if (job := job_rows.find(self.database.reader, item))]

    def dump(self) -> dict[str, list[Any]]:
        """Return all rows of the database."""
        return {
            table.name: [tuple(row) for row in self.database.reader.execute(select(table))]
            for table in tables.metadata.sorted_tables
        }


def added(report: ImportReport) -> dict[str, int]:
    return {f"{kind}s": count.added for kind, count in report.counts.items() if count.added}


def said(remarks: Sequence[Any]) -> dict[str, str]:
    return {remark.entry: remark.text for remark in remarks}
