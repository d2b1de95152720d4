"""What a text may hold to be stored."""

import pytest

from scenarist.domain.text import has_nul, sanitize_text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain", "plain"),
        ("größer 😀", "größer 😀"),
        ("a\0b", "a\ufffdb"),
        ("half\ud800", "half\ufffd"),
        ("ü\0\udc80😀", "ü\ufffd\ufffd😀"),
    ],
)
def test_what_cannot_be_stored_is_replaced(text: str, stored: str) -> None:
    assert sanitize_text(text) == stored


@pytest.mark.parametrize(
    ("value", "has_one"),
    [
        ({"a": [1, None, True, {"b": "c"}]}, False),
        ({"a": "b\0"}, True),
        ({"a\0": 1}, True),
        ({"a": [{"b": ["", "\0"]}]}, True),
        (b"\0", False),
    ],
)
def test_a_nul_is_found_at_any_depth(value: object, has_one: bool) -> None:
    assert has_nul(value) is has_one
