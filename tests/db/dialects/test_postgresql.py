"""What only PostgreSQL can do to a server: connections that break, settings, refusals."""

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from cutting_proxy import COMMIT, CuttingProxy
from postgres_server import GUARDED, PostgresServer
from scenarist.db.each import pipeline
from scenarist.db.engine import Database
from scenarist.db.group_commit import Unit, undo_on_rollback
from scenarist.domain.errors import InDoubtError, InvalidError, UnavailableError


@pytest.fixture
def notes(postgres_url: str) -> Iterator[Database]:
    with Database(postgres_url) as database:
        make = text("CREATE TABLE notes (n INTEGER UNIQUE)")
        database.write(lambda connection: connection.execute(make))
        yield database


def note(connection: Connection, number: int) -> int:
    connection.execute(text("INSERT INTO notes VALUES (:n)"), {"n": number})
    return number


def noted(database: Database) -> list[int]:
    return list(database.reader.execute(text("SELECT n FROM notes ORDER BY n")).scalars())


def backend(connection: Connection) -> int:
    number: int = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return number


def end_backends(server: PostgresServer, *numbers: int) -> None:
    for number in numbers:
        server.execute(f"SELECT pg_terminate_backend({number}, 5000)")


def setting(database: Database, name: str) -> object:
    return database.write(lambda connection: connection.execute(text(f"SHOW {name}")).scalar())


def test_a_write_after_its_connection_was_lost_goes_over_another_one(
    notes: Database, postgres_server: PostgresServer
) -> None:
    end_backends(postgres_server, notes.write(backend))

    assert notes.write(lambda connection: note(connection, 1)) == 1
    assert noted(notes) == [1]


def test_a_read_over_a_lost_connection_is_refused_and_the_next_one_works(
    notes: Database, postgres_server: PostgresServer
) -> None:
    end_backends(postgres_server, backend(notes.reader))

    with pytest.raises(UnavailableError, match="try again"):
        noted(notes)

    assert noted(notes) == []


def test_of_many_readers_that_are_lost_one_is_refused(
    notes: Database, postgres_server: PostgresServer
) -> None:
    """As when the server starts anew: whoever reads later takes another connection at once."""
    backends: list[int] = []
    results: list[list[int]] = []
    ready, go = threading.Barrier(5), threading.Event()

    def read_twice() -> None:
        backends.append(backend(notes.reader))
        ready.wait()
        go.wait()
        results.append(noted(notes))

    threads = [threading.Thread(target=read_twice) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait()
    end_backends(postgres_server, backend(notes.reader), *backends)
    with pytest.raises(UnavailableError):
        noted(notes)
    go.set()
    for thread in threads:
        thread.join()

    assert results == [[], [], [], []]


def test_work_whose_connection_is_lost_is_not_stored_and_may_be_done_again(
    notes: Database, postgres_server: PostgresServer
) -> None:
    def work(connection: Connection) -> None:
        note(connection, 1)
        end_backends(postgres_server, backend(connection))
        note(connection, 2)

    with pytest.raises(UnavailableError, match="nothing was changed"):
        notes.write(work)

    assert noted(notes) == []
    assert notes.write(lambda connection: note(connection, 1)) == 1


@pytest.mark.parametrize("goes_on", [False, True])
def test_work_that_makes_light_of_a_lost_connection_is_not_stored(
    notes: Database, postgres_server: PostgresServer, goes_on: bool
) -> None:
    def work(connection: Connection) -> None:
        note(connection, 1)
        end_backends(postgres_server, backend(connection))
        with suppress(UnavailableError):
            note(connection, 2)
        if goes_on:
            note(connection, 3)

    with pytest.raises(UnavailableError, match="nothing was changed"):
        notes.write(work)

    assert noted(notes) == []


def test_changes_outside_are_undone_for_all_work_that_shared_a_lost_connection(
    notes: Database, postgres_server: PostgresServer
) -> None:
    undone: list[int] = []

    def change(connection: Connection) -> None:
        undo_on_rollback(connection, lambda: undone.append(1))
        note(connection, 1)

    def lose(connection: Connection) -> None:
        end_backends(postgres_server, backend(connection))
        note(connection, 2)

    notes._commit([Unit(change), Unit(lose)])

    assert undone == [1]
    assert noted(notes) == []


def test_a_connection_that_is_lost_before_the_commit_arrives_leaves_doubt(
    notes: Database, postgres_server: PostgresServer
) -> None:
    with CuttingProxy(postgres_server.host) as proxy:
        url = postgres_server.url(str(notes.url.database), host=proxy.host)
        with Database(url) as database:
            proxy.cut_before(COMMIT)
            with pytest.raises(InDoubtError, match="check whether this was done"):
                database.write(lambda connection: note(connection, 1))

            assert noted(database) == []
            assert database.write(lambda connection: note(connection, 1)) == 1


def test_a_connection_that_is_lost_after_the_commit_leaves_the_same_doubt(
    notes: Database, postgres_server: PostgresServer
) -> None:
    with CuttingProxy(postgres_server.host) as proxy:
        url = postgres_server.url(str(notes.url.database), host=proxy.host)
        with Database(url) as database:
            proxy.cut_after(COMMIT)
            with pytest.raises(InDoubtError, match="check whether this was done"):
                database.write(lambda connection: note(connection, 1))

            assert noted(database) == [1]


def test_a_failed_statement_that_work_goes_on_after_is_no_success(notes: Database) -> None:
    def work(connection: Connection) -> None:
        note(connection, 1)
        with pytest.raises(Exception, match="duplicate key"):
            note(connection, 1)

    with pytest.raises(RuntimeError, match="a statement failed"):
        notes.write(work)

    assert noted(notes) == []


def test_a_server_that_is_stopped_and_started_again_is_used_again() -> None:
    with PostgresServer() as server, Database(server.url("postgres")) as database:
        make = text("CREATE TABLE notes (n INTEGER UNIQUE)")
        database.write(lambda connection: connection.execute(make))
        assert noted(database) == []

        server.kill()
        with pytest.raises(UnavailableError):
            database.write(lambda connection: note(connection, 1))
        with pytest.raises(UnavailableError):
            noted(database)
        server.start()

        assert database.write(lambda connection: note(connection, 2)) == 2
        assert noted(database) == [2]


def test_a_database_that_may_only_be_read_refuses_writes_until_it_may_be_written(
    notes: Database, postgres_server: PostgresServer
) -> None:
    """As a standby does, on the way to take over."""
    name = notes.url.database
    postgres_server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with Database(postgres_server.url(str(name))) as database:
        with pytest.raises(UnavailableError, match="read-only transaction"):
            database.write(lambda connection: note(connection, 1))
        assert noted(database) == []
        end_backends(postgres_server, backend(database.reader))
        postgres_server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = off")

        # It stays on the connection that is refused only as long as it is refused.
        assert database.write(lambda connection: note(connection, 1)) == 1


def test_too_many_connections_are_told(notes: Database, postgres_server: PostgresServer) -> None:
    name = str(notes.url.database)
    postgres_server.run(f"GRANT ALL ON notes TO {GUARDED}", name)
    postgres_server.run(f"ALTER ROLE {GUARDED} CONNECTION LIMIT 1")
    url = postgres_server.url(name, user=f"{GUARDED}:{GUARDED}")
    with Database(url) as first, Database(url) as second:
        assert noted(first) == []

        with pytest.raises(UnavailableError, match="too many connections") as caught:
            noted(second)

        first.close()
        # The server takes its time to notice.
        while True:
            with suppress(UnavailableError):
                assert noted(second) == []
                break
    postgres_server.run(f"ALTER ROLE {GUARDED} CONNECTION LIMIT -1")
    assert f"{GUARDED}@/{name}" in caught.value.message


@pytest.mark.parametrize(
    ("said", "used"), [("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
)
def test_each_commit_is_synced_whatever_the_database_says(
    notes: Database, postgres_server: PostgresServer, said: str, used: str
) -> None:
    name = str(notes.url.database)
    postgres_server.run(f"ALTER DATABASE {name} SET synchronous_commit = {said}")

    with Database(postgres_server.url(name)) as database:
        assert setting(database, "synchronous_commit") == used


def test_writers_see_the_newest_commit_whatever_the_database_says(
    notes: Database, postgres_server: PostgresServer
) -> None:
    name = str(notes.url.database)
    postgres_server.run(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")

    with Database(postgres_server.url(name)) as database:
        assert setting(database, "transaction_isolation") == "read committed"


def test_a_database_that_cannot_hold_all_characters_is_refused(
    postgres_server: PostgresServer,
) -> None:
    postgres_server.run("CREATE DATABASE narrow ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    with (
        pytest.raises(UnavailableError, match="its encoding is LATIN1"),
        Database(postgres_server.url("narrow")) as database,
    ):
        _ = database.reader

    postgres_server.run("DROP DATABASE narrow")


@pytest.mark.parametrize(
    ("user", "name", "host", "said"),
    [
        (f"{GUARDED}:wrong", "postgres", None, "password authentication failed"),
        ("postgres:wrong", "nowhere", None, 'database "nowhere" does not exist'),
        ("postgres:wrong", "postgres", "/nowhere", "No such file or directory"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_in_one_line_without_the_password(
    postgres_server: PostgresServer, user: str, name: str, host: str | None, said: str
) -> None:
    database = Database(postgres_server.url(name, user=user, host=host))

    with pytest.raises(UnavailableError, match="cannot be opened") as caught:
        _ = database.reader

    assert said in caught.value.message
    assert "wrong" not in caught.value.message
    assert "\n" not in caught.value.message


def test_an_unknown_parameter_of_the_url_is_told() -> None:
    with pytest.raises((InvalidError, UnavailableError), match="colour"):
        _ = Database("postgresql://localhost/db?colour=blue").reader


def test_a_text_that_postgresql_refuses_is_stored_with_replacements(notes: Database) -> None:
    said = notes.write(
        lambda connection: connection.execute(
            text("SELECT CAST(:strange AS text)"), {"strange": "a\0b\ud800c"}
        ).scalar()
    )

    assert said == "a\ufffdb\ufffdc"


def test_without_its_driver_postgresql_is_refused_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(InvalidError, match=r"pip install 'scenarist\[postgres\]'"):
        Database("postgresql://localhost/db")


def test_what_goes_wrong_in_statements_that_go_together_is_the_fault_of_their_work(
    notes: Database,
) -> None:
    def work(connection: Connection) -> None:
        with pipeline(connection):
            for number in (1, 1, 2):
                connection.execute(text("INSERT INTO notes VALUES (:n)"), {"n": number})

    # Whether a later statement or the end of the block raises is a matter of time.
    with pytest.raises((psycopg.errors.UniqueViolation, IntegrityError)):
        notes.write(work)

    assert noted(notes) == []
    assert notes.write(lambda connection: note(connection, 1)) == 1


def test_a_connection_that_is_lost_under_statements_that_go_together_is_told(
    notes: Database, postgres_server: PostgresServer
) -> None:
    def work(connection: Connection) -> None:
        number = backend(connection)
        with pipeline(connection):
            connection.execute(text("INSERT INTO notes VALUES (1)"))
            end_backends(postgres_server, number)

    with pytest.raises(UnavailableError, match="nothing was changed"):
        notes.write(work)

    assert noted(notes) == []


def test_a_plan_that_was_made_while_a_table_was_empty_is_made_anew_when_it_has_grown(
    notes: Database,
) -> None:
    looked = text("SELECT count(*) FROM notes WHERE n = ANY(CAST(:some AS integer[]))")

    def look_up(connection: Connection) -> None:
        connection.execute(looked, {"some": [1, 2, 3, 4, 5]})

    def plan(connection: Connection) -> str:
        prepared = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%count(*)%ANY%'"
        (name,) = connection.execute(text(prepared)).scalars()
        explain = f"EXPLAIN EXECUTE {name}('{{1,2,3,4,5}}')"
        return "\n".join(connection.exec_driver_sql(explain).scalars())

    notes.reader.exec_driver_sql("VACUUM notes")
    for _ in range(20):
        notes.write(look_up)
    first = notes.write(plan)
    fill = text("INSERT INTO notes SELECT generate_series(1, 50000)")
    notes.write(lambda connection: connection.execute(fill))
    for _ in range(20):
        notes.write(look_up)

    assert "Index" not in first
    assert "Index" in notes.write(plan)
