"""Which names, passwords and roles there can be."""

import pytest

from scenarist.domain.errors import InvalidError
from scenarist.domain.permissions import Role
from scenarist.domain.users import (
    normalize_user_name,
    parse_roles,
    validate_new_user_name,
    validate_password,
)


@pytest.mark.parametrize("name", ["a", "7", "ann", "ann.lee", "a_b-c+d@example.org", "x" * 128])
def test_a_name_of_plain_characters_is_taken(name: str) -> None:
    assert normalize_user_name(name) == name


def test_a_name_is_kept_in_lower_case() -> None:
    assert normalize_user_name("Ann.LEE") == "ann.lee"


@pytest.mark.parametrize(
    "name",
    ["", " ", ".ann", "-ann", "@ann", "_ann", "an n", "ann ", " ann", "ann\n", "ann\0", "ánn",
     "\u0430nn", "İnn", "ann/lee", "ann%2f", "(ann)", "ann:", "ann,lee", "x" * 129],
    ids=ascii,
)  # fmt: skip
def test_a_name_with_anything_else_is_refused(name: str) -> None:
    with pytest.raises(InvalidError) as refused:
        normalize_user_name(name)

    assert [error["field"] for error in refused.value.errors] == ["username"]


@pytest.mark.parametrize("name", ["anyone", "Server", "SYSTEM", "anonymous", "cli", "system_"])
def test_a_new_user_has_no_name_that_stands_for_the_server(name: str) -> None:
    with pytest.raises(InvalidError, match="is reserved for the server itself") as refused:
        validate_new_user_name(name)

    assert [error["field"] for error in refused.value.errors] == ["username"]


def test_a_refused_name_is_repeated_only_as_far_as_a_name_goes() -> None:
    with pytest.raises(InvalidError) as refused:
        normalize_user_name("x" * 10_000)

    assert len(refused.value.message) < 400


@pytest.mark.parametrize("password", ["x" * 8, "x" * 1024, " " * 8, "\0" * 8, "ééééääää", "🔑" * 8])
def test_a_password_of_any_eight_characters_is_taken(password: str) -> None:
    assert validate_password(password) == password


@pytest.mark.parametrize("password", ["", "hunter2", "hunter2" * 147, "🔑" * 7])
def test_a_password_that_is_too_short_or_too_long_is_not_repeated(password: str) -> None:
    with pytest.raises(InvalidError, match="8 to 1024") as refused:
        validate_password(password)

    assert not password or password not in refused.value.message


@pytest.mark.parametrize("text", ["reader", "READER", "Reader", "taipy_reader", "TAIPY_READER"])
def test_a_role_is_read_in_both_spellings_and_any_case(text: str) -> None:
    assert parse_roles([text]) == {Role.READER}


def test_a_role_that_is_given_twice_is_one() -> None:
    assert parse_roles(["editor", "TAIPY_EDITOR"]) == {Role.EDITOR}


def test_no_roles_are_no_roles() -> None:
    assert parse_roles([]) == frozenset()


@pytest.mark.parametrize("text", ["", "root", "reader ", "TAIPY_", "TAIPY_TAIPY_READER", "a" * 999])
def test_an_unknown_role_is_refused_with_its_place_and_those_there_are(text: str) -> None:
    with pytest.raises(InvalidError, match="TAIPY_EXECUTOR") as refused:
        parse_roles(["reader", text])

    assert [error["field"] for error in refused.value.errors] == ["roles[1]"]
    assert len(refused.value.message) < 300
