"""Cursors are of this server and of the sort that they were made for, and refused else."""

import json
from base64 import urlsafe_b64encode

import pytest

from scenarist.api.paging import ListParams, NamedListParams
from scenarist.domain.errors import InvalidError


def cursor_with(*parts: object) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        (None, cursor_with("", None, 5)),
        ("creation_date", cursor_with("creation_date", 7, 5)),
        ("-creation_date", cursor_with("-creation_date", 7, 5)),
        ("name", cursor_with("name", "a", 5)),
        ("-name", cursor_with("-name", "", 5)),
    ],
)
def test_a_cursor_has_the_type_of_its_sort(sort: str | None, cursor: str) -> None:
    paging = NamedListParams(limit=2, cursor=cursor, sort=sort).make_paging()

    assert paging.make_request(2).after is not None


@pytest.mark.parametrize("key", [None, 7, "a", "2026-01-01", 7.5, True, [1], {"a": 1}, 2**63])
@pytest.mark.parametrize("sort", [None, "creation_date", "-creation_date", "name"])
def test_a_cursor_with_another_type_is_refused(sort: str | None, key: object) -> None:
    kind = {None: type(None), "name": str}.get(sort, int)
    if type(key) is kind and key != 2**63:
        pytest.skip("this is what it has")
    cursor = cursor_with(sort or "", key, 5)
    paging = NamedListParams(limit=2, cursor=cursor, sort=sort).make_paging()

    with pytest.raises(InvalidError, match="cursor"):
        paging.make_request(2)


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "bnVsbA", "e30", "\x00", "=" * 100])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidError, match="cursor"):
        ListParams(limit=2, cursor=cursor).make_paging().make_request(2)
