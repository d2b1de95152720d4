"""Passwords count whole, and an unknown user is as much work as a known one."""

from typing import Literal

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from scenarist.identity.passwords import Passwords
from signed_in import CHEAP

DEAR = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)


class CountingHasher(PasswordHasher):
    """Counts how often it works."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.verified.append(str(hash))
        return super().verify(hash, password)


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP)


@pytest.mark.parametrize(
    "password",
    [
        "plain and long",
        "  blanks around  ",
        "naïve Straße 🔑",
        "a\0b\0c\0d\0",
        "\t\n\r tabs",
        "x" * 1024,
    ],
    ids=["plain", "blanks", "not ascii", "nul", "controls", "longest"],
)
def test_any_characters_count(passwords: Passwords, password: str) -> None:
    kept = passwords.hash(password)

    assert passwords.verify(kept, password).is_right
    assert not passwords.verify(kept, password + " ").is_right
    assert not passwords.verify(kept, password[:-1]).is_right
    assert not passwords.verify(kept, password.swapcase() + "!").is_right


def test_all_of_a_long_password_counts(passwords: Passwords) -> None:
    kept = passwords.hash("x" * 1023 + "y")

    assert not passwords.verify(kept, "x" * 1024).is_right


def test_what_follows_a_nul_counts(passwords: Passwords) -> None:
    kept = passwords.hash("secret\0one")

    assert not passwords.verify(kept, "secret\0two").is_right


def test_the_same_password_is_never_hashed_alike(passwords: Passwords) -> None:
    assert passwords.hash("same for both") != passwords.hash("same for both")


def test_hashes_take_64_mib_without_being_told() -> None:
    parameters = extract_parameters(Passwords().hash("whatever it is"))

    assert (parameters.type, parameters.memory_cost, parameters.time_cost) == (Type.ID, 65_536, 3)


def test_an_unknown_user_is_as_much_work_as_a_wrong_password() -> None:
    hasher = CountingHasher()
    passwords = Passwords(hasher)
    kept = passwords.hash("the right one")

    assert not passwords.verify(kept, "the wrong one").is_right
    assert not passwords.verify(None, "the wrong one").is_right

    known, nobodys = (extract_parameters(text) for text in hasher.verified)
    assert known == nobodys


def test_nobody_has_the_password_of_nobody(passwords: Passwords) -> None:
    assert not passwords.verify(None, "nobody has this password").is_right


def test_a_hash_of_less_effort_is_made_anew_once_the_password_is_right() -> None:
    kept = CHEAP.hash("the right one")

    verdict = Passwords(DEAR).verify(kept, "the right one")

    assert verdict.better_hash is not None
    assert DEAR.check_needs_rehash(verdict.better_hash) is False
    assert Passwords(DEAR).verify(verdict.better_hash, "the right one").is_right


def test_a_wrong_password_makes_no_hash() -> None:
    assert Passwords(DEAR).verify(CHEAP.hash("the right one"), "the wrong one").better_hash is None


@pytest.mark.parametrize("kept", ["", "$argon2id$", "plain text", "$2b$12$" + "x" * 53, "é"])
def test_what_is_no_hash_is_nobodys_password(passwords: Passwords, kept: str) -> None:
    assert not passwords.verify(kept, kept).is_right
