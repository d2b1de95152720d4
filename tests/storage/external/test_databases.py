"""How servers are reached, and which of their errors may pass."""

from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from scenarist.domain.errors import InvalidError
from scenarist.storage.external.databases import is_transient, make_server_url

ACCOUNT = {"db_name": "plant", "db_username": "ines", "db_password": "p@ss/word:1"}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (
            {"db_engine": "postgresql"},
            "postgresql+psycopg://ines:p%40ss%2Fword%3A1@localhost:5432/plant?connect_timeout=10",
        ),
        (
            {"db_engine": "mysql"},
            "mysql+pymysql://ines:p%40ss%2Fword%3A1@localhost:3306/plant?connect_timeout=10"
            "&read_timeout=300&write_timeout=300",
        ),
        (
            {"db_engine": "mssql"},
            "mssql+pyodbc://ines:p%40ss%2Fword%3A1@localhost:1433/plant"
            "?driver=ODBC+Driver+18+for+SQL+Server",
        ),
        (
            {
                "db_engine": "mssql",
                "db_driver": "ODBC Driver 17",
                "db_extra_args": {"Encrypt": "no"},
            },
            "mssql+pyodbc://ines:p%40ss%2Fword%3A1@localhost:1433/plant"
            "?Encrypt=no&driver=ODBC+Driver+17",
        ),
        (
            {
                "db_engine": "mysql",
                "db_driver": "mysqldb",
                "db_host": "db.example.org",
                "db_port": "3307",
                "db_extra_args": {"connect_timeout": 1},
            },
            "mysql+mysqldb://ines:p%40ss%2Fword%3A1@db.example.org:3307/plant?connect_timeout=1",
        ),
    ],
)
def test_server_is_reached_by_driver_host_and_port_of_its_engine(
    properties: dict[str, Any], expected: str
) -> None:
    url = make_server_url({**ACCOUNT, **properties})

    assert url.render_as_string(hide_password=False) == expected


def test_password_may_be_a_number() -> None:
    url = make_server_url({**ACCOUNT, "db_engine": "mysql", "db_password": 1234})

    assert url.password == "1234"


def test_database_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidError, match="the property 'db_name' is missing"):
        make_server_url({"db_engine": "mysql"})


class StateError(Exception):
    """An error of a driver that tells the state."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("said the server")
        self.sqlstate = sqlstate


def failed(cause: Exception, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    return kind("SELECT 1", {}, cause)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (failed(Exception(2003, "Can't connect to MySQL server")), True),
        (failed(Exception(1205, "Lock wait timeout exceeded")), True),
        (failed(Exception(1045, "Access denied for user")), False),
        (failed(Exception(1049, "Unknown database")), False),
        (failed(Exception("08001", "TCP Provider: timeout")), True),
        (failed(Exception("HYT00", "Login timeout expired")), True),
        (failed(Exception("28000", "Login failed for user")), False),
        (failed(StateError("40P01")), True),
        (failed(StateError("55P03")), True),
        (failed(StateError("53300")), True),
        (failed(StateError("42P01"), ProgrammingError), False),
        (failed(Exception("connection refused")), True),
        (failed(Exception("FATAL:  the database system is starting up")), True),
        (failed(Exception("FATAL:  sorry, too many clients already")), True),
        (failed(Exception("FATAL:  password authentication failed")), False),
        (failed(Exception("something else"), ProgrammingError), False),
        (ValueError("not of the database"), False),
    ],
)
def test_error_that_may_be_gone_next_time_is_told_from_one_that_stays(
    error: Exception, expected: bool
) -> None:
    assert is_transient(error) is expected
