"""Secrets in the properties of data nodes are not shown; everything else is."""

import pytest

from scenarist.domain.secrets import masked


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "DB_PASSWORD",
        "db_passwd",
        "client_secret",
        "aws_secret_access_key",
        "aws_access_key",
        "aws_access_key_id",
        "aws_session_token",
        "token",
        "api_key",
        "account_key",
        "credentials",
        "connection_string",
    ],
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert masked({name: "sesame"}) == {name: "***"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("db_username", "keeper"),
        ("default_path", "data/keys.csv"),
        ("aws_s3_object_key", "folder/object"),
        ("primary_key", "number"),
        ("sort_keys", ["a", "b"]),
        ("has_header", True),
        ("db_password", None),
        ("db_password", "ENV[DB_PASSWORD]"),
        ("port", "ENV[PORT]:int"),
    ],
)
def test_what_is_no_secret_is_shown(name: str, value: object) -> None:
    assert masked({name: value}) == {name: value}


def test_a_reference_beside_other_text_is_a_secret() -> None:
    assert masked({"db_password": "ENV[NAME]-sesame"}) == {"db_password": "***"}


def test_secrets_are_found_at_any_depth() -> None:
    given = {"options": {"aws_secret_access_key": "s", "region": "eu"}, "parts": [{"token": 1}]}

    assert masked(given) == {
        "options": {"aws_secret_access_key": "***", "region": "eu"},
        "parts": [{"token": "***"}],
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://anna:sesame@host/x", "https://anna:***@host/x"),
        ("redis://:sesame@host", "redis://:***@host"),
        ("https://anna:se@same@host/x", "https://anna:***@host/x"),
        ("https://host:80/a@b", "https://host:80/a@b"),
        ("https://anna@host", "https://anna@host"),
    ],
)
def test_a_password_in_a_url_is_masked(url: str, shown: str) -> None:
    assert masked({"endpoint": url}) == {"endpoint": shown}
