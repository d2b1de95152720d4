"""What the server logs comes out as one line for each event, in the form that was asked for."""

import json
import subprocess
import sys

import pytest

SAYS = """
import logging, structlog
from scenarist.observability.logs import configure_logging
configure_logging({form!r}, {level!r})
{code}
"""


def logged(code: str, *, form: str = "json", level: str = "info") -> list[str]:
    """Return the lines that a process of its own logs: how a process logs is set once."""
    done = subprocess.run(
        [sys.executable, "-c", SAYS.format(form=form, level=level, code=code)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_what_libraries_log_has_the_same_form() -> None:
    code = "logging.getLogger('uvicorn.error').warning('too %s', 'slow')"

    (line,) = map(json.loads, logged(code))

    assert line.pop("timestamp")
    assert line == {"event": "too slow", "level": "warning", "logger": "uvicorn.error"}


def test_an_error_is_one_line_with_its_traceback_and_no_values_of_variables() -> None:
    code = """
def fail():
    password = "ses" + "ame"
    raise ValueError("no luck")
try:
    fail()
except ValueError:
    structlog.get_logger().exception("failed")
    logging.getLogger().exception("failed")
"""

    first, second = map(json.loads, logged(code))

    for line in (first, second):
        assert "ValueError: no luck" in line["exception"]
        assert "sesame" not in json.dumps(line)


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_somebody_sends_makes_no_line_of_its_own(form: str) -> None:
    code = r"structlog.get_logger().warning('refused', path='/a\nfake line', id='a b')"

    lines = logged(code, form=form)

    assert len(lines) == 1
    assert r"\nfake line" in lines[0]


@pytest.mark.parametrize("of", ["structlog.get_logger()", "logging.getLogger()"])
def test_what_an_exception_says_looks_like_no_line_of_the_log(of: str) -> None:
    code = rf"""
try:
    raise ValueError("no luck\n2026-01-01 [info     ] paid\x1b[31m red\u2028")
except ValueError:
    {of}.error("failed", exc_info=True)
{of}.warning("said\n2026-01-01 [info     ] paid\x1b[2J")
"""

    lines = logged(code, form="text")

    assert not [line for line in lines if line.startswith("2026-01-01")]
    assert not [line for line in lines if not line.isprintable()]
    assert any("2026-01-01 [info     ] paid" in line for line in lines)


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error", "library warning"]),
        ("info", ["info", "warning", "error", "library warning"]),
        ("warning", ["warning", "error", "library warning"]),
        ("error", ["error"]),
    ],
)
def test_what_is_less_than_the_level_is_not_logged(level: str, heard: list[str]) -> None:
    code = """
log = structlog.get_logger()
for name in ("debug", "info", "warning", "error"):
    getattr(log, name)(name)
logging.getLogger("library").info("library info")
logging.getLogger("library").warning("library warning")
"""

    assert [json.loads(line)["event"] for line in logged(code, level=level)] == heard


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_has_a_secret_that_the_process_knows(form: str) -> None:
    code = """
from scenarist.domain.redaction import set_known_secrets
set_known_secrets({"sesame-open": "ENV[PASSWORD]"})
log = structlog.get_logger()
log.warning("at https://me:sesame@host", tried=["sesame-open"], by={"a": ("sesame-open",)})
try:
    raise ValueError("not sesame-open")
except ValueError as error:
    log.exception("failed", error=error)
    logging.getLogger().exception("not %s", "sesame-open")
"""

    lines = logged(code, form=form)

    assert "sesame" not in "".join(lines)
    assert "".join(lines).count("ENV[PASSWORD]") >= 5
