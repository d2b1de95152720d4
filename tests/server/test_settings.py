"""Settings: who wins, and what cannot be."""

from pathlib import Path
from typing import Any

import pytest

from scenarist.domain.errors import InvalidError
from scenarist.server.settings import Settings, get_storage_folder, read_settings


def test_nothing_has_to_be_set() -> None:
    settings = read_settings({}, {}, {})

    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 5000)


def test_the_option_wins_over_the_environment_and_that_over_the_file() -> None:
    options = {"port": 1, "workers": None}
    environment = {"SCENARIST_PORT": "2", "SCENARIST_WORKERS": "2"}
    table = {"port": 3, "workers": 3, "time_zone": "Europe/Berlin"}

    settings = read_settings(options, environment, table)

    assert (settings.port, settings.workers, settings.time_zone) == (1, 2, "Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "is_on"), [(True, True), ("true", True), ("1", True), ("False", False), ("0", False)]
)
def test_a_switch_is_read_from_what_each_source_can_say(value: bool | str, is_on: bool) -> None:
    settings = read_settings({}, {}, {"webhook_private_addresses": value})

    assert settings.webhook_private_addresses is is_on


@pytest.mark.parametrize(
    ("options", "environment", "table", "said"),
    [
        ({}, {"SCENARIST_PORT": "many"}, {}, "variable SCENARIST_PORT must be a whole number"),
        (
            {"executor": "spark"},
            {},
            {},
            "the executor must be one of local, ray, dask, not 'spark'",
        ),
        ({"executor_address": "auto"}, {}, {}, "the executor 'local' has no address"),
        ({}, {}, {"port": "ten"}, r"\[SCENARIST\] port must be a whole number"),
        (
            {},
            {},
            {"prot": 1},
            r"\[SCENARIST\]: there is no setting 'prot'; did you mean 'port'\?",
        ),
        ({}, {}, {"webhook_private_addresses": "maybe"}, "must be true or false, not 'maybe'"),
        ({}, {}, {"host": 5}, r"\[SCENARIST\] host must be a string, not int"),
        ({"port": 70_000}, {}, {}, "from 0 to 65535"),
        ({"workers": 0}, {}, {}, "workers must be at least 1"),
        ({"worker_jobs": 0}, {}, {}, "worker_jobs must be at least 1, not 0"),
        ({"worker_memory": "much"}, {}, {}, "worker_memory: 'much' is not a memory size"),
        ({"auth": "ldpa"}, {}, {}, "auth must be one of none, local, ldap, oidc, not 'ldpa'"),
        ({"session_seconds": 1}, {}, {}, "session_seconds must be from 60 to 31536000"),
        ({"audit_refusals": 0}, {}, {}, "audit_refusals must be at least 1"),
        ({"log_format": "xml"}, {}, {}, "the log format must be one of text, json, not 'xml'"),
        ({"time_zone": "Nowhere"}, {}, {}, "no time zone named 'Nowhere'"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_where_it_comes_from(
    options: dict[str, Any], environment: dict[str, str], table: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidError, match=said):
        read_settings(options, environment, table)


@pytest.mark.parametrize(
    ("storage", "folder"),
    [
        ("/srv/data", Path("/srv/data")),
        ("data", Path.cwd() / "data"),
        ("file:///srv/all%20data", Path("/srv/all data")),
        ("s3://bucket/data", None),
    ],
)
def test_a_storage_is_a_folder_of_this_machine_or_none(storage: str, folder: Path | None) -> None:
    assert get_storage_folder(Settings(storage=storage)) == folder


def test_a_folder_of_another_machine_is_refused() -> None:
    with pytest.raises(InvalidError, match="'file://there/data' names a host"):
        get_storage_folder(Settings(storage="file://there/data"))
