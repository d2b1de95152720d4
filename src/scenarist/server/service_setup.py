"""Setup of the services that the API calls."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from scenarist.config import Application
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import Topic
from scenarist.server.auth_setup import AuthComponents
from scenarist.server.runtime import OrchestratorRuntime, read_value_limits
from scenarist.server.settings import Settings
from scenarist.server.worker_calls import build_compute
from scenarist.services.cancellation import Canceller
from scenarist.services.comparisons import ComparisonService
from scenarist.services.completions import CompletionNotifier
from scenarist.services.configs import ConfigService
from scenarist.services.container import Services
from scenarist.services.cycles import CycleService
from scenarist.services.data_nodes import DataNodeService
from scenarist.services.drift import DriftService
from scenarist.services.edits import EditService
from scenarist.services.event_log import ChangeNotifier, EventLogService
from scenarist.services.files import FileService
from scenarist.services.forks import ForkService
from scenarist.services.health import HealthService
from scenarist.services.inputs import InputService
from scenarist.services.jobs import JobService
from scenarist.services.orchestration import OrchestrationService
from scenarist.services.plans import PlanService
from scenarist.services.scenario_lists import ScenarioListService
from scenarist.services.scenarios import ScenarioService
from scenarist.services.sequences import SequenceService
from scenarist.services.side_by_side import SideBySideService
from scenarist.services.submissions import SubmissionService
from scenarist.services.subscribers import SubscriberService
from scenarist.services.tasks import TaskService
from scenarist.services.upgrades import UpgradeService
from scenarist.services.value_maker import ValueMaker
from scenarist.services.value_schemas import ValueSchemas
from scenarist.services.value_writer import ValueWriter
from scenarist.services.values import ValueService
from scenarist.services.worker_calls import CallInWorker


def build_services(  # noqa: PLR0913 - the dependencies of all services
    application: Application,
    settings: Settings,
    folder: str,
    database: Database,
    orchestration: OrchestratorRuntime,
    completions: CompletionNotifier,
    authorization: AuthComponents,
    now: Callable[[], datetime],
) -> Services:
    """Build the services of a server; values without a path of their own are in the folder."""
    registry, zone = application.registry, settings.zone
    version, declared = orchestration.versions.version, orchestration.declared
    placed: dict[str, Any] = {"folder": folder, "now": now}
    dated: dict[str, Any] = {"now": now, "version": version, "declared": declared}
    owned = {**dated, "folder": folder}
    canceller = Canceller(database, now=now)
    writer = ValueWriter(database, now=now, version=version, declared=declared)
    compute, read = _build_computes(orchestration)
    limits, schemas = read_value_limits(settings), ValueSchemas(registry.data_nodes)
    of_values = {**placed, "limits": limits, "figures": declared.figures}
    maker = ValueMaker(read, schemas=schemas, figures=declared.figures, **placed)
    scenarios = ScenarioService(database, registry, zone=zone, **owned)
    forks = ForkService(database, registry, zone=zone, **owned)
    plans = PlanService(database, now=now, declared=declared)
    submissions = SubmissionService(database, canceller, **dated)
    drift = DriftService(database, registry, now=now, declared=declared)
    of_inputs = (scenarios, forks, submissions, plans, maker, writer, schemas, limits, now)
    return Services(
        configs=ConfigService(registry),
        drift=drift,
        cycles=CycleService(database, now=now, zone=zone),
        scenarios=scenarios,
        forks=forks,
        scenario_lists=ScenarioListService(database, registry, scenarios),
        inputs=InputService(database, registry, *of_inputs),
        comparisons=ComparisonService(database, registry, compute, **placed),
        side_by_side=SideBySideService(database, registry, read, declared=declared, **placed),
        sequences=SequenceService(database, now=now, version=version),
        tasks=TaskService(database, registry, **owned),
        data_nodes=DataNodeService(database, registry, **owned),
        values=ValueService(database, writer, read, schemas, **of_values),
        files=FileService(database, writer, read, schemas, **of_values),
        limits=limits,
        edits=EditService(database),
        plans=plans,
        upgrades=UpgradeService(database, registry, on_upgraded=drift.forget, **owned),
        submissions=submissions,
        jobs=_build_job_service(database, orchestration, canceller, now),
        orchestration=_build_orchestration_service(database, orchestration, now),
        subscribers=_build_subscriber_service(database, settings, authorization, now),
        event_log=EventLogService(database),
        change_notifier=_build_change_notifier(database),
        completions=completions,
        health=_build_health_service(database, orchestration, now),
        sessions=authorization.sessions,
        users=authorization.users,
        keys=authorization.keys,
        audit=authorization.audit,
    )


def _build_computes(runtime: OrchestratorRuntime) -> tuple[CallInWorker, CallInWorker]:
    """Return what calls functions in workers that run jobs, and in those that read values."""
    return (
        build_compute(lambda: runtime.orchestrator.worker_calls),
        build_compute(lambda: runtime.value_calls),
    )


def _build_job_service(
    database: Database,
    runtime: OrchestratorRuntime,
    canceller: Canceller,
    now: Callable[[], datetime],
) -> JobService:
    orchestrator = runtime.orchestrator
    return JobService(
        database, canceller, now=now, executor_fault=lambda: orchestrator.executor_fault
    )


def _build_subscriber_service(
    database: Database,
    settings: Settings,
    authorization: AuthComponents,
    now: Callable[[], datetime],
) -> SubscriberService:
    return SubscriberService(
        database,
        now=now,
        may_be_private=settings.webhook_private_addresses,
        encrypt=authorization.cipher.encrypt,
    )


def _build_health_service(
    database: Database, orchestration: OrchestratorRuntime, now: Callable[[], datetime]
) -> HealthService:
    orchestrator = orchestration.orchestrator
    return HealthService(
        database,
        now=now,
        is_orchestrating=lambda: orchestrator.is_running,
        executor_fault=lambda: orchestrator.executor_fault,
        step_fault=lambda: orchestrator.step_fault,
        find_other_versions=orchestration.versions.find_others,
        find_changed_files=orchestration.code_watch.find_changed,
    )


def _build_orchestration_service(
    database: Database, runtime: OrchestratorRuntime, now: Callable[[], datetime]
) -> OrchestrationService:
    return OrchestrationService(
        database,
        now=now,
        version=runtime.versions.version,
        find_other_versions=runtime.versions.find_others,
        find_changed_files=runtime.code_watch.find_changed,
    )


def _build_change_notifier(database: Database) -> ChangeNotifier:
    notifier = ChangeNotifier()
    database.subscribe(frozenset({Topic.NEWS}), notifier.on_commit)
    return notifier
