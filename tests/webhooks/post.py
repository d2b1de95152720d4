"""A world with subscribers, and a dispatcher whose steps a test takes."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from builders import SEAL, Clock, Draft
from orchestrator.world import World
from scenarist.db.notify.notifications import EVERYTHING
from scenarist.domain.entities import Submission, Subscriber
from scenarist.domain.identifiers import SequenceId
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EntityType
from scenarist.services.subscribers import SubscriberService
from scenarist.webhooks.dispatcher import Dispatcher
from scenarist.webhooks.sending import Sender
from webhooks.receiver import Receiver

Launch = Callable[[Callable[[], None]], None]


def at_once(work: Callable[[], None]) -> None:
    work()


class Post:
    """A scenario with two sequences of one task each, and who is told of their jobs."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world = world
        self.clock = clock
        self.subscribers = SubscriberService(
            world.database, now=clock, may_be_private=True, encrypt=SEAL.encrypt
        )
        self.elapsed: Callable[[], float] = lambda: clock().timestamp()
        self.scenario_id, self.first, self.second = world.database.write(_make)
        self.new_dispatcher()

    def new_dispatcher(self, *, launch: Launch = at_once) -> None:
        """Start over, as a new server on the same database would."""
        self.launch = launch
        sender = Sender(now=self.clock, may_be_private=True, decrypt=SEAL.decrypt)
        self.dispatcher = Dispatcher(
            self.world.database,
            sender,
            now=self.clock,
            launch=lambda work: self.launch(work),
            elapsed=self.elapsed,
        )
        self.dispatcher.recover()
        dispatcher = self.dispatcher
        self.world.database.subscribe(EVERYTHING, lambda _: dispatcher.wake())

    def subscribe(
        self, receiver: Receiver, entity_id: str | None = None, *, path: str = ""
    ) -> Subscriber:
        """Subscribe to the first sequence, or to something else; under a path of its own."""
        entity_id = entity_id or self.first
        kind = EntityType.SCENARIO if entity_id == self.scenario_id else EntityType.SEQUENCE
        return self.subscribers.create(ANYONE, kind, entity_id, url=receiver.url + path)

    def shown(self, subscriber: Subscriber) -> Subscriber:
        """Return the record of a subscriber, with its secret unsealed."""
        found = self.subscribers.get(ANYONE, EntityType.SEQUENCE, self.first, subscriber.id)
        return replace(found, secret=SEAL.decrypt(found.secret))

    def delete(self, subscriber: Subscriber) -> None:
        self.subscribers.delete(ANYONE, EntityType.SEQUENCE, self.first, subscriber.id)

    def run(self, sequence_id: SequenceId | None = None) -> Submission:
        """Submit a sequence and run its job."""
        submission = self.world.submit_sequence(sequence_id or self.first)
        self.world.run_all()
        return submission

    def send(self) -> None:
        """Send all that is due."""
        while self.dispatcher.step():
            pass


def _make(connection: Connection) -> tuple[str, SequenceId, SequenceId]:
    draft = Draft(connection)
    task_id = draft.task("only", "nothing")
    draft.finish()
    return draft.id, draft.sequence("first", [task_id]), draft.sequence("second", [task_id])
