"""Signatures, as the Standard Webhooks specification has them."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from scenarist.domain.webhooks import find_secret_fault
from scenarist.webhooks.signing import sign

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def test_the_published_example_has_its_published_signature() -> None:
    body = b'{"email":"test@example.com","username":"test_user"}'

    signature = sign(SECRET, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553, body)

    assert signature == "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="


@given(
    key=st.binary(min_size=24, max_size=64),
    seconds=st.integers(min_value=0, max_value=4_000_000_000),
    text=st.text(),
)
def test_the_reference_package_signs_alike(key: bytes, seconds: int, text: str) -> None:
    secret = f"whsec_{b64encode(key).decode()}"
    at = datetime.fromtimestamp(seconds, UTC)

    assert find_secret_fault(secret) is None
    assert sign(secret, "DELIVERY_1", seconds, text.encode("utf-8", "surrogatepass")) == Webhook(
        secret
    ).sign("DELIVERY_1", at, text)


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "must start with whsec_"),
        ("C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "must start with whsec_"),
        ("whsec_", "24 to 64 bytes; this one encodes 0"),
        ("whsec_" + b64encode(bytes(23)).decode(), "24 to 64 bytes; this one encodes 23"),
        ("whsec_" + b64encode(bytes(65)).decode(), "24 to 64 bytes; this one encodes 65"),
        ("whsec_not base64 at all, is it?", "base64"),
        ("whsec_ü", "base64"),
    ],
)
def test_a_secret_that_cannot_be_is_said_to_be_so(secret: str, said: str) -> None:
    assert said in (find_secret_fault(secret) or "")
