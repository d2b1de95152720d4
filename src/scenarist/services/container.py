"""Container of all services, built by the composition root for the API."""

from dataclasses import dataclass

from scenarist.services.audit import AuditService
from scenarist.services.comparisons import ComparisonService
from scenarist.services.completions import CompletionNotifier
from scenarist.services.configs import ConfigService
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
from scenarist.services.keys import KeyService
from scenarist.services.orchestration import OrchestrationService
from scenarist.services.plans import PlanService
from scenarist.services.scenario_lists import ScenarioListService
from scenarist.services.scenarios import ScenarioService
from scenarist.services.sequences import SequenceService
from scenarist.services.sessions import SessionService
from scenarist.services.side_by_side import SideBySideService
from scenarist.services.submissions import SubmissionService
from scenarist.services.subscribers import SubscriberService
from scenarist.services.tasks import TaskService
from scenarist.services.upgrades import UpgradeService
from scenarist.services.users import UserService
from scenarist.services.values import ValueService
from scenarist.storage.bounds import ValueLimits


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """The services that the API calls."""

    configs: ConfigService
    drift: DriftService
    cycles: CycleService
    scenarios: ScenarioService
    forks: ForkService
    scenario_lists: ScenarioListService
    inputs: InputService
    comparisons: ComparisonService
    side_by_side: SideBySideService
    sequences: SequenceService
    tasks: TaskService
    data_nodes: DataNodeService
    values: ValueService
    files: FileService
    limits: ValueLimits
    edits: EditService
    plans: PlanService
    upgrades: UpgradeService
    submissions: SubmissionService
    jobs: JobService
    orchestration: OrchestrationService
    subscribers: SubscriberService
    event_log: EventLogService
    change_notifier: ChangeNotifier
    completions: CompletionNotifier
    health: HealthService
    sessions: SessionService
    users: UserService
    keys: KeyService
    audit: AuditService
