"""All services together, as the composition root hands them to the doors."""

from dataclasses import dataclass

from scenarist.services.completions import Completions
from scenarist.services.data_nodes import DataNodeService
from scenarist.services.health import HealthService
from scenarist.services.jobs import JobService
from scenarist.services.scenarios import ScenarioService
from scenarist.services.sequences import SequenceService
from scenarist.services.submissions import SubmissionService
from scenarist.services.tasks import TaskService


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    scenarios: ScenarioService
    sequences: SequenceService
    tasks: TaskService
    data_nodes: DataNodeService
    submissions: SubmissionService
    jobs: JobService
    completions: Completions
    health: HealthService
