"""Whose a lock is: the actor's that made it, whatever a request says of who edits."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from builders import NOON
from scenarist.domain.entities import DataNode
from scenarist.domain.errors import ConflictError
from scenarist.domain.identifiers import DataNodeId
from scenarist.domain.permissions import ANYONE, Actor, Role
from scenarist.domain.vocabulary import Scope
from scenarist.services.locks import check_may_unlock, check_unlocked, describe_lock

EDITOR = frozenset({Role.EDITOR})
ADMIN = frozenset({Role.ADMIN})
ED = Actor("ed", EDITOR, user_number=1)
ACTORS = {
    "ed": ED,
    "a key of his": Actor("ed", EDITOR, user_number=1, key_id="KEY_1"),
    "another": Actor("ada", EDITOR, user_number=2),
    "a namesake elsewhere": Actor("ed", EDITOR, subject="https://issuer.example#7"),
    "a key of that name": Actor("ed", EDITOR, key_id="KEY_2"),
    "renamed": Actor("edward", EDITOR, user_number=1),
    "an administrator": Actor("chief", ADMIN, user_number=9),
}
HOLDERS = {"ed", "renamed"}
"""Those of them who are the one that takes the locks."""

NAMES = [None, "ed", "ada", "desk", "USER_1", "edward", "anyone"]


def locked(holder: Actor, editor_id: str | None) -> DataNode:
    return DataNode(
        id=DataNodeId("DATANODE_1"),
        config_id="notes",
        scope=Scope.SCENARIO,
        storage_type="json",
        owner_id=None,
        parent_ids=(),
        properties={},
        validity=None,
        last_edit_id=None,
        last_edited_at=None,
        being_written_by=None,
        created_at=NOON,
        version="",
        locked_by=editor_id or holder.name,
        locked_until=NOON,
        lock_holder=holder.ref,
    )


def passes(
    check: Callable[[DataNode, Actor, str | None], None],
    node: DataNode,
    actor: Actor,
    editor_id: str | None,
) -> bool:
    try:
        check(node, actor, editor_id)
    except ConflictError as refused:
        assert refused.reason == "data_node_locked"
        return False
    return True


@pytest.mark.parametrize("who", ACTORS)
def test_no_name_that_a_request_gives_opens_the_lock_of_another(who: str) -> None:
    actor = ACTORS[who]
    for locked_as, editor_id in product(NAMES, NAMES):
        node = locked(ED, locked_as)
        may_write = who in HOLDERS and editor_id in {None, node.locked_by}

        assert passes(check_unlocked, node, actor, editor_id) is may_write
        assert passes(check_may_unlock, node, actor, editor_id) is (
            may_write or who == "an administrator"
        )


def test_while_authorization_is_off_the_given_name_is_all_there_is() -> None:
    for locked_as, editor_id in product(NAMES, NAMES):
        node = locked(ANYONE, locked_as)
        is_same = (editor_id or "anyone") == (locked_as or "anyone")

        assert passes(check_unlocked, node, ANYONE, editor_id) is is_same
        assert passes(check_may_unlock, node, ANYONE, editor_id) is is_same


def test_a_lock_from_before_holders_were_recorded_is_lifted_by_administrators_alone() -> None:
    node = replace(locked(ED, None), lock_holder=None)

    assert not passes(check_may_unlock, node, ED, "ed")
    assert passes(check_may_unlock, node, ACTORS["an administrator"], None)


def test_a_refusal_names_the_actor_beside_the_name_that_was_given() -> None:
    with pytest.raises(ConflictError, match=r"is locked by ada \(by ed\) until 2026"):
        check_unlocked(locked(ED, "ada"), ACTORS["another"], "ada")

    assert describe_lock("ed", ED.ref) == "ed"
    assert describe_lock("desk", ANYONE.ref) == "desk"
