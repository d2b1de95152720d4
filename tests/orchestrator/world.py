"""A database, the services that submit to it, and an orchestrator whose steps a test takes."""

import pickle
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from builders import Clock, Draft
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import edits as edit_rows
from scenarist.db.engine import Database
from scenarist.db.jobs import rows as job_rows
from scenarist.db.notify.notifications import EVERYTHING
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import DataNode, Edit, Job, Submission
from scenarist.domain.errors import ScenaristError
from scenarist.domain.identifiers import SequenceId, TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.permissions import ANYONE
from scenarist.domain.resources import Resources, describe_unmet
from scenarist.domain.vocabulary import EntityType, JobStatus
from scenarist.executors.base import JobOutcome, JobOutputs, JobRequest, OutcomeCallback
from scenarist.executors.runner import run_request
from scenarist.orchestrator.leases import LeaseOptions
from scenarist.orchestrator.loop import Orchestrator
from scenarist.services.cancellation import Canceller
from scenarist.services.jobs import JobService
from scenarist.services.plans import PlanService, TaskPlan
from scenarist.services.submissions import SubmissionService
from scenarist.services.submit_requests import SubmitOptions, SubmitRequest
from scenarist.services.value_writer import ValueWriter
from scenarist.services.values import ValueService
from scenarist.services.worker_calls import CallResult, FunctionCall

T = TypeVar("T")

LEASE_SECONDS = 15.0


class HandExecutor:
    """An executor whose requests wait until the test runs, fails or loses them."""

    def __init__(self, deliver: OutcomeCallback) -> None:
        self._deliver = deliver
        self.waiting: list[JobRequest] = []
        self.slots = 100
        self.fault: str | None = None
        self.machines_version = 0
        self.machines = frozenset({Resources(cpus=4, gpus=1, memory=2**40)})

    @property
    def free_slots(self) -> int:
        return max(0, self.slots - len(self.waiting))

    def find_missing(self, resources: Resources) -> str | None:
        return describe_unmet(resources, self.machines)

    def submit(self, requests: Sequence[JobRequest]) -> None:
        self.waiting.extend(requests)

    def cancel(self, number: int) -> bool:
        for position, request in enumerate(self.waiting):
            if request.number == number:
                self.end(JobEvent.CANCEL_REQUESTED, position=position)
                return True
        return False

    def on_output(self, callback: Callable[[], None]) -> None:
        pass

    def read_output(self) -> JobOutputs:
        return {}

    def close(self) -> None:
        self.waiting.clear()

    def run(self, position: int = 0) -> None:
        """Really run one of the waiting requests."""
        self._deliver([run_request(self.waiting.pop(position))])

    def end(
        self, event: JobEvent, reason: str = "", position: int = 0, log: str = ""
    ) -> JobOutcome:
        """End one of the waiting requests without running it."""
        request = self.waiting.pop(position)
        outcome = JobOutcome(
            number=request.number, attempt=request.attempt, event=event, reason=reason, log=log
        )
        self._deliver([outcome])
        return outcome


def _no_worker(computation: FunctionCall) -> CallResult:
    raise AssertionError("no value of these tests needs a worker")


class World:
    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        self.database = database
        self.clock = clock
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)  # as a server does when it starts
        self.ended: list[str] = []
        self.gone: set[str] = set()  # processes that have ended
        self._processes = 0
        database.subscribe(EVERYTHING, lambda notification: self.ended.extend(notification.ended))
        self.canceller = Canceller(database, now=clock)
        self.submissions = SubmissionService(database, self.canceller, now=clock, version="test")
        self.plans = PlanService(database, now=clock)
        self.job_service = JobService(database, self.canceller, now=clock)
        self.data_nodes = ValueService(
            database,
            ValueWriter(database, now=clock, version="test"),
            _no_worker,
            folder=str(folder),
            now=clock,
        )
        self.executor = HandExecutor(lambda outcomes: self.orchestrator.deliver(outcomes))
        self.orchestrator = self.another_orchestrator()

    def new_orchestrator(self) -> Orchestrator:
        """Start over, as a new server on the same database would after the end of the last."""
        self.gone.add(f"process {self._processes}")
        return self.another_orchestrator()

    def another_orchestrator(self, declared: DeclaredConfigs | None = None) -> Orchestrator:
        """Start one more; from now on it is the one whose steps are taken."""
        self._processes += 1
        self.orchestrator = Orchestrator(
            self.database,
            folder=str(self.folder),
            now=self.clock,
            lease_options=LeaseOptions(
                seconds=LEASE_SECONDS,
                process=f"process {self._processes}",
                is_gone=self.gone.__contains__,
                elapsed=lambda: self.clock.at.timestamp(),
            ),
            declared=declared,
        )
        self.executor = HandExecutor(self.orchestrator.deliver)
        self.orchestrator.attach(self.executor)
        return self.orchestrator

    def make(self, build: Callable[[Draft], T]) -> T:
        """Build a scenario; what the builder returns comes back."""

        def work(connection: Connection) -> T:
            draft = Draft(connection)
            made = build(draft)
            draft.finish()
            return made

        return self.database.write(work)

    def submit(self, *task_ids: TaskId, force: bool = False) -> Submission:
        """Submit tasks as a sequence of theirs, made for it."""
        return self.submit_sequence(self._make_sequence(task_ids), SubmitOptions(force=force))

    def _make_sequence(self, task_ids: Sequence[TaskId]) -> SequenceId:
        def work(connection: Connection) -> SequenceId:
            draft = Draft(connection)
            draft.finish()
            return draft.sequence("all", task_ids)

        return self.database.write(work)

    def submit_sequence(
        self, sequence_id: SequenceId, options: SubmitOptions | None = None
    ) -> Submission:
        return self.submissions.submit(
            ANYONE, EntityType.SEQUENCE, sequence_id, options or SubmitOptions()
        )

    def submit_task(self, task_id: TaskId, *, priority: int) -> Submission:
        return self.submissions.submit(
            ANYONE, EntityType.TASK, task_id, SubmitOptions(priority=priority)
        )

    def cancel(self, job_id: str) -> Job:
        return self.job_service.cancel(ANYONE, job_id)

    def retry(self, submission: Submission) -> Submission:
        wish = SubmitRequest(
            ANYONE,
            submission.entity_type,
            submission.entity_id,
            SubmitOptions(),
            retry_of=submission.id,
        )
        (answer,) = self.submissions.submit_many([wish])
        if isinstance(answer, ScenaristError):
            raise answer
        return answer

    def plan(self, *task_ids: TaskId, force: bool = False) -> list[TaskPlan]:
        """Plan what `submit` would run."""
        sequence_id = self._make_sequence(task_ids)
        return self.plans.plan(ANYONE, EntityType.SEQUENCE, sequence_id, force=force)

    def step(self) -> None:
        self.orchestrator.step()

    def run_all(self) -> None:
        """Step and run until nothing can go on; each step is a second after the last."""
        self.step()
        while self.executor.waiting:
            self.executor.run()
            self.clock.advance(timedelta(seconds=1))
            self.step()

    def jobs(self, submission: Submission) -> list[Job]:
        return [self.job(job_id) for job_id in submission.job_ids]

    def statuses(self, submission: Submission) -> list[JobStatus]:
        return [job.status for job in self.jobs(submission)]

    def job(self, job_id: str) -> Job:
        found = job_rows.find(self.database.reader, job_id)
        assert found is not None
        return found

    def submission(self, submission: Submission) -> Submission:
        return self.submissions.get(ANYONE, submission.id)

    def node(self, data_node_id: str) -> DataNode:
        node = data_node_rows.find(self.database.reader, data_node_id)
        assert node is not None
        return node

    def edit(self, node: DataNode) -> Edit:
        """Return the newest edit of a data node that has a value."""
        assert node.last_edit_id is not None
        edit = edit_rows.find(self.database.reader, node.id, node.last_edit_id)
        assert edit is not None
        return edit

    def value(self, data_node_id: str) -> object:
        node = self.node(data_node_id)
        if node.last_edit_id is None:
            return None
        edit = self.edit(node)
        assert edit.content is not None
        return pickle.loads(edit.content)

    def read(self, data_node_id: str) -> object:
        """Return the value as it lies now, in hand or in a file; None when it was replaced."""
        node = data_node_rows.find(self.database.reader, data_node_id)
        assert node is not None
        assert node.last_edit_id is not None
        if node.replaced_by is not None:
            return None
        edit = edit_rows.find(self.database.reader, data_node_id, node.last_edit_id)
        assert edit is not None
        data = edit.content if edit.uri is None else Path(edit.uri).read_bytes()
        assert data is not None
        return pickle.loads(data)
