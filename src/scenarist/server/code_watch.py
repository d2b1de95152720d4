"""Notices that files of the application have changed while the server goes on with the old code."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import structlog

from scenarist.config import Application
from scenarist.config.code_files import list_code_files
from scenarist.system.background import BackgroundLoop

POLL_SECONDS = 5.0
"""Interval between two looks at the files."""

_log = structlog.get_logger(__name__)


class CodeWatch:
    """Compares the files of an application with what they contained at the start.

    A file that is restored has not changed.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._digests: Mapping[str, bytes | None] = {}
        self._seen: Sequence[object] = ()
        self._changed: Sequence[str] = ()
        self._loop = BackgroundLoop("code watch", self._run_once, on_error=self._log_failure)

    def find_changed(self) -> Sequence[str]:
        """Return the files that have changed since the start, as of the last look at them."""
        return self._changed

    def start(self) -> None:
        """Take the files as they are now, and look at them from time to time until `stop`."""
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()

    def check(self) -> None:
        """Look at the files; log if some have changed since the last look."""
        if not self._digests:
            files = list_code_files(self._application)
            self._digests = {file: _digest(file) for file in files}
        seen = [_stamp(file) for file in self._digests]
        if seen == self._seen:
            return
        self._seen = seen
        changed = [file for file, digest in self._digests.items() if _digest(file) != digest]
        if changed and changed != self._changed:
            _log.warning(
                "files of the application have changed; this server goes on with the code of its "
                "start until it is restarted",
                files=changed,
            )
        self._changed = changed

    def _run_once(self) -> float:
        self.check()
        return POLL_SECONDS

    def _log_failure(self, error: Exception) -> float:
        _log.error("the files of the application cannot be watched", reason=str(error))
        return POLL_SECONDS


def _stamp(file: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = os.stat(file)
        return status.st_ctime_ns, status.st_size
    return None


def _digest(file: str) -> bytes | None:
    with contextlib.suppress(OSError):
        return blake2b(Path(file).read_bytes(), digest_size=16).digest()
    return None
