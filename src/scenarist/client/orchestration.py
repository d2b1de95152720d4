"""Whether jobs are started at all."""

from scenarist import schemas
from scenarist.client.transport import Call, Transport, path_of


class OrchestrationControl:
    """Pauses and resumes all jobs, on all servers of the database."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> schemas.Orchestration:
        call = Call(method="GET", path=path_of("orchestration"))
        return self._transport.fetch(call, schemas.OneOrchestration).orchestration

    def pause(self) -> schemas.Orchestration:
        """Start no more jobs; running jobs continue. For administrators."""
        return self._post("pause")

    def resume(self) -> schemas.Orchestration:
        """Start jobs again. Submissions that are paused themselves stay paused."""
        return self._post("resume")

    def _post(self, what: str) -> schemas.Orchestration:
        call = Call(method="POST", path=path_of("orchestration", what), may_repeat=True)
        return self._transport.fetch(call, schemas.OrchestrationAnswer).orchestration
