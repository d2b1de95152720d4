"""The wire contract: what goes over HTTP, shared by the server and the client.

Field names are those of the documented system, completed. Times are RFC 3339 in UTC.

May import: domain (its words).
Never here: the database, services, config; the contract outlives what is behind it.
"""

from scenarist.schemas.base import (
    Deletion,
    Fault,
    Message,
    Problem,
    Request,
    Results,
)
from scenarist.schemas.configs import ScenarioConfig
from scenarist.schemas.cycles import CreateCycle, Cycle, CycleCreated, OneCycle
from scenarist.schemas.data_nodes import (
    DataNode,
    DataNodeAnswer,
    DataNodeFilter,
    DataNodeWritten,
    Edit,
    Lock,
    OneDataNode,
    OneEdit,
    Operator,
    Unlock,
    Value,
)
from scenarist.schemas.events import Event, Gap
from scenarist.schemas.identities import (
    AuditEntry,
    ChangePassword,
    ChangeUser,
    CreateKey,
    CreateUser,
    Key,
    KeyCreated,
    Login,
    Me,
    OneKey,
    OneUser,
    SignedIn,
    User,
    UserCreated,
)
from scenarist.schemas.jobs import AttemptLog, Job, JobAnswer, JobLog, OneJob
from scenarist.schemas.orchestration import (
    OneOrchestration,
    Orchestration,
    OrchestrationAnswer,
)
from scenarist.schemas.scenarios import (
    ChangeScenario,
    CompareScenarios,
    Comparison,
    CreateScenario,
    OneScenario,
    Scenario,
    ScenarioAnswer,
    ScenarioCreated,
    ScenarioSubmitted,
    SequenceOfScenario,
)
from scenarist.schemas.sequences import (
    ChangeSequence,
    CreateSequence,
    OneSequence,
    Sequence,
    SequenceCreated,
    SequenceSubmitted,
)
from scenarist.schemas.submissions import OneSubmission, Submission, SubmissionAnswer, Submit
from scenarist.schemas.subscribers import (
    CreateSubscriber,
    OneSubscriber,
    Subscriber,
    SubscriberCreated,
)
from scenarist.schemas.tasks import OneTask, Task, TaskCreated, TaskSubmitted

__all__ = [
    "AttemptLog",
    "AuditEntry",
    "ChangePassword",
    "ChangeScenario",
    "ChangeSequence",
    "ChangeUser",
    "CompareScenarios",
    "Comparison",
    "CreateCycle",
    "CreateKey",
    "CreateScenario",
    "CreateSequence",
    "CreateSubscriber",
    "CreateUser",
    "Cycle",
    "CycleCreated",
    "DataNode",
    "DataNodeAnswer",
    "DataNodeFilter",
    "DataNodeWritten",
    "Deletion",
    "Edit",
    "Event",
    "Fault",
    "Gap",
    "Job",
    "JobAnswer",
    "JobLog",
    "Key",
    "KeyCreated",
    "Lock",
    "Login",
    "Me",
    "Message",
    "OneCycle",
    "OneDataNode",
    "OneEdit",
    "OneJob",
    "OneKey",
    "OneOrchestration",
    "OneScenario",
    "OneSequence",
    "OneSubmission",
    "OneSubscriber",
    "OneTask",
    "OneUser",
    "Operator",
    "Orchestration",
    "OrchestrationAnswer",
    "Problem",
    "Request",
    "Results",
    "Scenario",
    "ScenarioAnswer",
    "ScenarioConfig",
    "ScenarioCreated",
    "ScenarioSubmitted",
    "Sequence",
    "SequenceCreated",
    "SequenceOfScenario",
    "SequenceSubmitted",
    "SignedIn",
    "Submission",
    "SubmissionAnswer",
    "Submit",
    "Subscriber",
    "SubscriberCreated",
    "Task",
    "TaskCreated",
    "TaskSubmitted",
    "Unlock",
    "User",
    "UserCreated",
    "Value",
]
