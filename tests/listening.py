"""What a process hears of the commits of others."""

import queue

from scenarist.db.engine import Database
from scenarist.db.notify import notifications
from scenarist.db.notify.notifications import EVERYTHING, Notification, Topic, Topics
from servers import PATIENCE_SECONDS


class Listener:
    """A process that listens, and what it hears of the commits of others."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._heard: queue.SimpleQueue[Topics] = queue.SimpleQueue()
        self.database.subscribe(EVERYTHING, self._on_commit)

    def _on_commit(self, notification: Notification) -> None:
        if not notification.is_own:
            self._heard.put(notification.topics)

    def hear(self) -> Topics:
        return self._heard.get(timeout=PATIENCE_SECONDS)

    def get_to_know(self) -> None:
        """Hear what comes with getting to know the one other that listens."""
        if self.database.file is not None:
            # It says so when it has taken the connection: there may have been an earlier commit.
            assert self.hear() == EVERYTHING

    def hear_all_of(self, other: Database) -> set[Topics]:
        """Return what is heard until a last commit of another."""
        other.write(lambda connection: notifications.publish(connection, Topic.STOP))
        heard: set[Topics] = set()
        while Topic.STOP not in (topics := self.hear()):
            heard.add(topics)
        return heard | {topics - {Topic.STOP}}
