"""Whether the server can do its work; asked by machines, so without an actor."""

from collections.abc import Callable

from sqlalchemy import text

from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError


class HealthService:
    """Tells what stands in the way of serving.

    Args:
        is_orchestrating: Whether jobs are being taken up.
    """

    def __init__(self, database: Database, *, is_orchestrating: Callable[[], bool]) -> None:
        self._database = database
        self._is_orchestrating = is_orchestrating

    def check_readiness(self) -> None:
        """Do nothing when requests and jobs would be served now.

        Raises:
            UnavailableError: Says what is not ready.
        """
        self._database.reader.execute(text("SELECT 1"))
        if not self._is_orchestrating():
            raise UnavailableError("the orchestrator is not running")
