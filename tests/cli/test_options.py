"""The options of commands that are settings of the server."""

import pytest

from scenarist.cli import app
from scenarist.cli.options import derive_options, describe_setting, read_option_settings
from scenarist.domain.errors import InvalidError


def options_of(command: str) -> set[str]:
    return {
        name
        for argument in app[command].assemble_argument_collection()
        for name in argument.names
        if name.startswith("--")
    }


def test_a_process_without_rest_has_only_the_options_that_concern_it() -> None:
    assert options_of("orchestrate") < options_of("serve")
    assert options_of("serve") - options_of("orchestrate") >= {"--host", "--port", "--auth"}
    assert {"--database", "--workers", "--keep-edits"} <= options_of("orchestrate")


@pytest.mark.parametrize("command", ["serve", "orchestrate"])
def test_a_secret_is_no_option_because_other_users_could_see_it(command: str) -> None:
    assert "--secret-key" not in options_of(command)
    assert "--secret-key-file" in options_of(command)


@pytest.mark.parametrize(
    ("setting", "described"),
    [
        ("port", "The port to listen on; 0 picks a free one [5000]."),
        ("keep_audit_days", "How many days the rows of the audit are kept [forever]."),
        ("open_metrics", "Whether /metrics is accessible without a role."),
        (
            "cors_origins",
            "Origins whose pages may call the server, such as https://planner.example.com; "
            "separate them by commas.",
        ),
    ],
)
def test_an_option_has_the_sentence_of_its_setting_and_the_default(
    setting: str, described: str
) -> None:
    assert describe_setting(setting) == described


def test_an_option_that_is_not_given_leaves_the_setting_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCENARIST_PORT", "81")
    made = derive_options("port", "database")

    settings = read_option_settings(made(database="sqlite:///other.db"))  # type: ignore[call-arg]

    assert (settings.port, settings.database) == (81, "sqlite:///other.db")


def test_the_word_of_taipy_for_local_users_is_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCENARIST_AUTH", raising=False)

    assert read_option_settings(auth="taipy").auth == "local"
    with pytest.raises(InvalidError, match="auth must be one of none, local, ldap, oidc"):
        read_option_settings(auth="kerberos")
