"""What was done and refused is kept: in the transaction that does it, and bounded in a flood."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders import NOON, Clock
from scenarist.db.engine import Database
from scenarist.domain.errors import DeniedError, ScenaristError, UnavailableError
from scenarist.domain.listings import AuditFilter, PageRequest
from scenarist.domain.permissions import ANYONE, Actor, Origin, Role
from scenarist.domain.users import AuditEntry
from scenarist.services.audit import AuditService
from scenarist.services.users import UserChange
from signed_in import ADMIN, HERE, PASSWORDS, Entrance

REFUSAL = AuditEntry(
    created_at=NOON,
    actor=None,
    key_id=None,
    address="192.0.2.66",
    operation="getScenario",
    entity_id="SCENARIO_x",
    is_allowed=False,
    reason="the token is refused",
)
EVERYBODY_ELSE = Actor("mallory", frozenset(Role) - {Role.ADMIN}, origin=HERE)
SILENT = replace(ADMIN, origin=None)


@pytest.fixture
def entrance(database: Database, clock: Clock) -> Entrance:
    entrance = Entrance(database, clock)
    entrance.add("rita")
    entrance.keys.create(ADMIN, "old", [])
    return entrance


def test_nobody_but_an_administrator_reads_the_audit(entrance: Entrance) -> None:
    with pytest.raises(DeniedError, match="TAIPY_ADMIN"):
        entrance.audit.list_page(EVERYBODY_ELSE, AuditFilter(), PageRequest(limit=1))


@pytest.mark.parametrize(
    ("change", "entity"),
    [
        (lambda at: at.users.create(ADMIN, "nina", "long enough", []), "nina"),
        (lambda at: at.users.change(ADMIN, "rita", UserChange(roles=["admin"])), "rita"),
        (lambda at: at.users.change(ADMIN, "RITA", UserChange(password="another one")), "rita"),
        (lambda at: at.users.delete(ADMIN, "rita"), "rita"),
        (lambda at: at.users.sync_declared(ADMIN, {"paula": ["reader"]}, {}), "paula"),
        (lambda at: at.keys.delete_named(ADMIN, "old"), "KEY_"),
        (lambda at: at.keys.create(ADMIN, "new", []), "KEY_"),
    ],
    ids=["create", "roles", "password", "delete", "declare", "revoke", "make a key"],
)
def test_a_change_is_in_the_audit_once(entrance: Entrance, change: Any, entity: str) -> None:
    before = entrance.entries()

    change(entrance)

    new, *others = entrance.entries()
    assert others == before
    assert (new.actor, new.address, new.operation) == ("chief", "192.0.2.9", "administer")
    assert (new.created_at, new.is_allowed, new.reason) == (NOON, True, None)
    assert (new.entity_id or "").startswith(entity)


def test_what_a_session_does_with_itself_is_in_the_audit(entrance: Entrance) -> None:
    token = entrance.sign_in("rita")
    rita = replace(entrance.actor(token), origin=Origin("192.0.2.1", "changePassword"))
    entrance.signing_in.change_password(rita, PASSWORDS["rita"], "another password")
    token = entrance.signing_in.sign_in("rita", "another password", HERE).token
    rita = replace(entrance.actor(token), origin=Origin("192.0.2.1", "logout"))
    entrance.signing_in.sign_out(rita, token)

    done = [(entry.actor, entry.operation) for entry in entrance.entries(actor="rita")]

    assert done == [(("rita"), name) for name in ("logout", "login", "changePassword", "login")]


@pytest.mark.parametrize(
    "change",
    [
        lambda at: at.users.create(ADMIN, "rita", "long enough", []),
        lambda at: at.users.change(ADMIN, "nobody", UserChange(roles=[])),
        lambda at: at.users.delete(ADMIN, "nobody"),
        lambda at: at.keys.create(ADMIN, "old", []),
        lambda at: at.keys.delete(ADMIN, "KEY_nothing"),
    ],
)
def test_a_change_that_fails_leaves_no_row(entrance: Entrance, change: Any) -> None:
    before = entrance.entries()

    with pytest.raises(ScenaristError):
        change(entrance)

    assert entrance.entries() == before


FULL = {
    "sqlite": [
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END",
    ],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'full'; END $$",
        'CREATE TRIGGER "full" BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION refuse()',
    ],
}


def test_a_change_whose_row_cannot_be_written_is_not_made(entrance: Entrance) -> None:
    with entrance.database.connect() as connection:
        for statement in FULL[connection.dialect.name]:
            connection.exec_driver_sql(statement)

    for change in (
        lambda: entrance.users.create(ADMIN, "nina", "long enough", []),
        lambda: entrance.users.delete(ADMIN, "rita"),
        lambda: entrance.keys.delete_named(ADMIN, "old"),
    ):
        with pytest.raises(Exception, match="full"):
            change()

    page = PageRequest(limit=10)
    assert [user.name for user in entrance.users.list_page(ADMIN, page).items] == ["rita"]
    assert [key.name for key in entrance.keys.list_page(ADMIN, page).items] == ["old"]


@pytest.mark.parametrize("actor", [ANYONE, SILENT], ids=["off", "without an origin"])
def test_nothing_is_written_for_somebody_without_an_origin(
    entrance: Entrance, actor: Actor
) -> None:
    before = entrance.entries()

    entrance.users.create(actor, "nina", "long enough", [])
    entrance.keys.create(actor, "new", [])
    entrance.users.delete(actor, "nina")

    assert entrance.entries() == before


def test_a_password_or_a_key_is_in_no_row(entrance: Entrance) -> None:
    made = entrance.keys.create(ADMIN, "new", [])
    entrance.users.change(ADMIN, "rita", UserChange(password="another password"))
    token = entrance.signing_in.sign_in("rita", "another password", HERE).token
    with pytest.raises(ScenaristError):
        entrance.signing_in.sign_in("rita", "a guess of it", HERE)

    text = str(entrance.entries())

    for secret in (made.text, made.key.secret_hash, "another password", token, "a guess"):
        assert secret not in text


def test_the_hundred_and_first_refusal_at_once_is_only_counted(entrance: Entrance) -> None:
    for _ in range(150):
        entrance.audit.add_refusal(REFUSAL)

    assert len(entrance.entries(is_allowed=False)) == 100


def test_the_next_refusal_that_is_kept_tells_how_many_were_not(
    entrance: Entrance, clock: Clock
) -> None:
    for _ in range(150):
        entrance.audit.add_refusal(REFUSAL)
    clock.advance(timedelta(seconds=0.1))

    for _ in range(2):
        entrance.audit.add_refusal(REFUSAL)

    newest, before, *_ = entrance.entries(is_allowed=False)
    assert newest.reason == (
        "the token is refused; before it, 50 refusals exceeded the limit and were not recorded"
    )
    assert before.reason == "the token is refused"


def test_there_is_room_for_ten_refusals_in_each_second(entrance: Entrance, clock: Clock) -> None:
    for _ in range(100):
        entrance.audit.add_refusal(REFUSAL)
    for _ in range(10):
        clock.advance(timedelta(seconds=1))
        for _ in range(20):
            entrance.audit.add_refusal(REFUSAL)

    assert len(entrance.entries(is_allowed=False)) == 200


def test_a_quiet_day_makes_room_for_no_more_than_a_hundred(
    entrance: Entrance, clock: Clock
) -> None:
    clock.advance(timedelta(days=1))

    for _ in range(150):
        entrance.audit.add_refusal(REFUSAL)

    assert len(entrance.entries(is_allowed=False)) == 100


def test_a_clock_that_goes_back_makes_no_room_and_takes_none(
    entrance: Entrance, clock: Clock
) -> None:
    for _ in range(60):
        entrance.audit.add_refusal(REFUSAL)
    clock.advance(-timedelta(hours=1))

    for _ in range(60):
        entrance.audit.add_refusal(REFUSAL)

    assert len(entrance.entries(is_allowed=False)) == 100


def test_refusals_at_once_are_no_more_than_there_is_room_for(entrance: Entrance) -> None:
    together = threading.Barrier(8)

    def flood(_: int) -> None:
        together.wait()
        for _ in range(20):
            entrance.audit.add_refusal(REFUSAL)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(flood, range(8)))

    assert len(entrance.entries(is_allowed=False)) == 100


def test_a_refusal_that_could_not_be_kept_does_not_take_the_count_with_it(
    entrance: Entrance, clock: Clock
) -> None:
    if entrance.database.file is None:
        pytest.skip("of PostgreSQL, another test shows who does not wait")
    with Database(f"sqlite:///{entrance.database.file}", busy_seconds=0.05) as impatient:
        audit = AuditService(impatient, now=clock)
        for _ in range(107):
            audit.add_refusal(REFUSAL)
        clock.advance(timedelta(seconds=1))
        with entrance.database.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(UnavailableError):
                audit.add_refusal(REFUSAL)
            connection.exec_driver_sql("ROLLBACK")

        audit.add_refusal(REFUSAL)

    newest, *_ = entrance.entries(is_allowed=False)
    assert newest.reason is not None
    assert "before it, 8 refusals" in newest.reason
