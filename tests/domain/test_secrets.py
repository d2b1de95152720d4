"""Secrets in the properties of data nodes are not shown; everything else is."""

import pytest

from scenarist.domain.secrets import extract_secrets, mask_properties


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
    assert mask_properties({name: "sesame"}) == {name: "***"}


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
    assert mask_properties({name: value}) == {name: value}


def test_a_reference_beside_other_text_is_a_secret() -> None:
    assert mask_properties({"db_password": "ENV[NAME]-sesame"}) == {"db_password": "***"}


def test_secrets_are_found_at_any_depth() -> None:
    given = {"options": {"aws_secret_access_key": "s", "region": "eu"}, "parts": [{"token": 1}]}

    assert mask_properties(given) == {
        "options": {"aws_secret_access_key": "***", "region": "eu"},
        "parts": [{"token": "***"}],
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://anna:sesame@host/x", "https://***@host/x"),
        ("redis://:sesame@host", "redis://***@host"),
        ("https://anna:se@same@host/x", "https://***@host/x"),
        ("https://anna:ses/ame@host/x", "https://***@host/x"),
        ("https://sesame@host", "https://***@host"),
        ("https://host/x?page=2&api_key=sesame&sig=s", "https://host/x?page=2&api_key=***&sig=***"),
        ("https://host/x#access_token=sesame", "https://host/x#access_token=***"),
        ("https://host:80/a@b", "https://host:80/a@b"),
        ("https://host/x?page=2", "https://host/x?page=2"),
        ("host=db password='ses' dbname=d", "host=db password='***' dbname=d"),
    ],
)
def test_users_and_secrets_in_urls_are_masked(url: str, shown: str) -> None:
    assert mask_properties({"endpoint": url}) == {"endpoint": shown}


def test_a_secret_is_stored_as_a_reference_to_a_variable_that_holds_it() -> None:
    stored, values = extract_secrets(
        "DATANODE_orders", {"db_password": "sesame", "db_host": "db.example.com"}
    )

    assert stored == {
        "db_password": "ENV[SCENARIST_DATANODE_orders_db_password]",
        "db_host": "db.example.com",
    }
    assert values == {"SCENARIST_DATANODE_orders_db_password": "sesame"}


def test_a_reference_of_the_author_stays_as_it_is() -> None:
    properties = {"db_password": "ENV[ORDERS_PASSWORD]"}

    assert extract_secrets("DATANODE_orders", properties) == (properties, {})


def test_secrets_within_tables_lists_and_addresses_are_found() -> None:
    stored, values = extract_secrets(
        "DATANODE_orders",
        {
            "credentials": {"user": "keeper", "pin": 1234},
            "hosts": ["https://keeper:sesame@db.example.com", "https://db.example.com"],
        },
    )

    assert stored == {
        "credentials": {
            "user": "ENV[SCENARIST_DATANODE_orders_credentials_user]",
            "pin": "ENV[SCENARIST_DATANODE_orders_credentials_pin]:int",
        },
        "hosts": ["ENV[SCENARIST_DATANODE_orders_hosts_0]", "https://db.example.com"],
    }
    assert values == {
        "SCENARIST_DATANODE_orders_credentials_user": "keeper",
        "SCENARIST_DATANODE_orders_credentials_pin": "1234",
        "SCENARIST_DATANODE_orders_hosts_0": "https://keeper:sesame@db.example.com",
    }


def test_nothing_else_becomes_a_variable() -> None:
    properties = {"default_path": "a.csv", "has_header": True, "db_password": None}

    assert extract_secrets("DATANODE_orders", properties) == (properties, {})
