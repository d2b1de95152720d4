"""Webhooks stop with the key or the user that made them, and say why."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from scenarist.db import subscribers as subscriber_rows
from scenarist.db import users as user_rows
from scenarist.domain.entities import Subscriber
from scenarist.domain.permissions import Actor, Role
from scenarist.domain.users import Realm
from scenarist.domain.vocabulary import EntityType
from scenarist.identity.passwords import Passwords
from scenarist.services.keys import KeyService
from scenarist.services.users import UserService
from signed_in import ADMIN, CHEAP, PASSWORDS
from webhooks.post import Post
from webhooks.receiver import Receiver

EDITOR = frozenset({Role.EDITOR})


def subscribed(post: Post, receiver: Receiver, actor: Actor) -> Subscriber:
    made = post.subscribers.create(actor, EntityType.SEQUENCE, post.first, url=receiver.url)
    assert made.made_by == actor.ref
    return made


def users_of(post: Post) -> UserService:
    return UserService(post.world.database, Passwords(CHEAP), now=post.clock)


def user_of(post: Post, name: str) -> Actor:
    users_of(post).create(ADMIN, name, PASSWORDS[name], ["editor"])
    return recorded(post, name)


def recorded(post: Post, name: str) -> Actor:
    found = user_rows.find(post.world.database.reader, name, Realm.LOCAL)
    assert found is not None
    return Actor(name, EDITOR, user_number=found.number)


def test_a_subscriber_made_with_a_key_is_told_nothing_once_the_key_is_revoked(
    post: Post, receiver: Receiver
) -> None:
    keys = KeyService(post.world.database, now=post.clock)
    key = keys.create(ADMIN, "ci", ["editor"]).key
    gone = subscribed(post, receiver, Actor("ci", EDITOR, key_id=key.id))
    other = subscribed(post, receiver, Actor("ci", EDITOR, key_id="KEY_another"))
    post.run()

    keys.delete(ADMIN, key.id)
    post.send()
    post.run()
    post.send()

    assert len(receiver.so_far()) == 6
    shown = post.shown(gone)
    assert (shown.is_active, shown.waiting) == (False, 0)
    assert shown.fault == "the key 'ci', which created it, was revoked"
    assert post.shown(other).is_active


@pytest.mark.parametrize("how", ["deleted", "no longer declared"])
def test_what_a_user_and_the_keys_of_the_user_made_stops_with_the_user(
    post: Post, receiver: Receiver, how: str
) -> None:
    users = users_of(post)
    if how == "deleted":
        edda = user_of(post, "edda")
    else:
        users.sync_declared(ADMIN, {"edda": ["editor"]}, {})
        edda = recorded(post, "edda")
    keys = KeyService(post.world.database, now=post.clock)
    chief = Actor("edda", frozenset({Role.ADMIN}), user_number=edda.user_number)
    key = keys.create(chief, "ci", ["editor"]).key
    of_user = subscribed(post, receiver, edda)
    of_key = subscribed(post, receiver, Actor("ci", EDITOR, key_id=key.id))

    if how == "deleted":
        users.delete(ADMIN, "edda")
    else:
        users.sync_declared(ADMIN, {}, {})

    for subscriber in (of_user, of_key):
        shown = post.shown(subscriber)
        assert (shown.is_active, shown.fault) == (
            False,
            "the user edda, who created it, was removed",
        )


def test_a_message_under_way_when_its_subscriber_was_stopped_does_no_harm(
    post: Post, receiver: Receiver
) -> None:
    edda = user_of(post, "edda")
    subscriber = subscribed(post, receiver, edda)
    held: list[Callable[[], None]] = []
    post.new_dispatcher(launch=held.append)
    post.run()
    post.send()

    post.world.database.write(
        lambda connection: subscriber_rows.deactivate_made_by(
            connection, [edda.id], "gone", post.clock()
        )
    )
    for work in held:
        work()
    post.send()
    post.clock.advance(timedelta(days=1))
    post.send()

    assert len(receiver.so_far()) == 1
    assert post.shown(subscriber).fault == "gone"
