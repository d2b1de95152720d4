"""A server notices that the files of its application have changed."""

import sys
from pathlib import Path

import pytest
import structlog

from scenarist.config import load_app
from scenarist.server.code_watch import CodeWatch

APP = (
    "from scenarist import ConfigRegistry\nregistry = ConfigRegistry()\n"
    "registry.configure_scenario('plan')\n"
)


def test_a_changed_file_is_logged_once_and_known_until_it_is_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = tmp_path / "watched_app.py"
    file.write_text(APP)
    watch = CodeWatch(load_app("watched_app.py"))
    watch.check()
    before = watch.find_changed()

    with structlog.testing.capture_logs() as logs:
        file.write_text(APP + "# changed\n")
        watch.check()
        watch.check()
    changed = watch.find_changed()
    file.write_text(APP)
    watch.check()

    assert (before, changed, watch.find_changed()) == ([], [str(file.resolve())], [])
    assert [log["files"] for log in logs] == [[str(file.resolve())]]
