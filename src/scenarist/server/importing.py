"""Imports what an application of Taipy left into a database, which servers may be using."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scenarist.config import Application
from scenarist.db.engine import Database
from scenarist.domain.import_report import ImportReport
from scenarist.domain.permissions import Actor
from scenarist.executors.base import Executor, OutcomeCallback, WorkerOptions
from scenarist.executors.local.executor import LocalExecutor
from scenarist.server.paths import get_storage_location, prepare_storage
from scenarist.server.settings import Settings
from scenarist.server.worker_calls import CallWorkers, build_compute
from scenarist.services.declarations import load_declared
from scenarist.services.importing import ImportService
from scenarist.services.placement import export_secrets
from scenarist.services.worker_calls import CallInWorker
from scenarist.taipy.applications import TaipyApplication, read_application
from scenarist.taipy.folders import find_folder


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRequest:
    """What to import.

    Args:
        folder: Where the application was started, or where its records are.
        version: Its number, ``latest`` or ``development``; None for the latest one.
        values: A folder elsewhere in which files of values are.
        is_dry_run: Whether to report only what would be imported.
    """

    folder: str
    version: str | None = None
    values: str | None = None
    is_dry_run: bool = False

    def read(self) -> TaipyApplication:
        """Read the records.

        Raises:
            NotFoundError: There is no such folder or version.
            InvalidError: The folder is none of an application of Taipy 3.1 to 4.1.
        """
        values = None if self.values is None else Path(self.values)
        return read_application(find_folder(Path(self.folder), values), self.version)


def import_taipy(
    database: Database,
    settings: Settings,
    application: Application,
    request: ImportRequest,
    *,
    actor: Actor,
    now: Callable[[], datetime],
) -> ImportReport:
    """Import what an application of Taipy left, for the same application as it is here.

    Raises:
        NotFoundError: There is no such folder or version.
        InvalidError: The folder is none of an application of Taipy 3.1 to 4.1.
        ConflictError: Another process has deleted entities of this import meanwhile.
        UnavailableError: The database or the storage cannot be used; says why.
    """
    records = request.read()
    export_secrets(application.registry)
    folder = (get_storage_location if request.is_dry_run else prepare_storage)(settings)
    with _open_workers(application) as compute:
        service = ImportService(
            database,
            application.registry,
            load_declared(application),
            folder=folder,
            zone=settings.zone,
            now=now,
            compute=compute,
        )
        return service.run(actor, records, is_dry_run=request.is_dry_run)


@contextmanager
def _open_workers(application: Application) -> Iterator[CallInWorker]:
    """Provide a worker process, which the first call starts."""

    def open_executor(deliver: OutcomeCallback) -> Executor:
        options = WorkerOptions(search_path=application.search_path)
        return LocalExecutor(deliver, size=1, options=options)

    workers = CallWorkers(open_executor)
    try:
        yield build_compute(lambda: workers.calls)
    finally:
        workers.close()
