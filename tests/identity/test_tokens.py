"""A token is read only as this server made it."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from builders import NOON, Clock
from scenarist.domain.errors import UnauthenticatedError
from scenarist.identity.secret_keys import SecretKeys
from scenarist.identity.tokens import TokenSigner
from signed_in import SECRET_KEY, SESSION

ONE_SECOND = timedelta(seconds=1)


@pytest.fixture
def signer(clock: Clock) -> TokenSigner:
    return TokenSigner(SecretKeys.from_setting(SECRET_KEY), now=clock)


def signed(claims: dict[str, object]) -> str:
    """Sign any claims with the right key."""
    ((kid, key),) = SecretKeys.from_setting(SECRET_KEY).derive("tokens").items()
    return jwt.encode(claims, key, algorithm="HS256", headers={"kid": kid})


def test_a_token_leads_to_the_hash_that_is_kept(signer: TokenSigner) -> None:
    token = signer.issue("ann", NOON + SESSION)

    assert signer.read(token.text) == token.id_hash


def test_a_token_does_not_hold_what_is_kept(signer: TokenSigner) -> None:
    token = signer.issue("ann", NOON + SESSION)

    claims = jwt.decode(token.text, options={"verify_signature": False})

    assert token.id_hash not in str(claims)
    assert set(claims) == {"iss", "sub", "jti", "iat", "exp"}


def test_no_two_tokens_are_of_the_same_session(signer: TokenSigner) -> None:
    tokens = [signer.issue("ann", NOON + SESSION) for _ in range(100)]

    assert len({token.id_hash for token in tokens}) == 100


def test_a_token_is_good_until_the_second_before_its_end(signer: TokenSigner, clock: Clock) -> None:
    token = signer.issue("ann", NOON + SESSION)
    clock.advance(SESSION - ONE_SECOND)

    assert signer.read(token.text) == token.id_hash


def test_a_token_is_over_at_its_end_and_says_when_that_was(
    signer: TokenSigner, clock: Clock
) -> None:
    token = signer.issue("ann", NOON + SESSION)
    clock.advance(SESSION)

    with pytest.raises(UnauthenticatedError, match="2026-03-01T20:00:00Z") as refused:
        signer.read(token.text)

    assert refused.value.reason == "token_expired"


def test_a_token_of_a_clock_that_goes_before_is_read(signer: TokenSigner, clock: Clock) -> None:
    token = signer.issue("ann", NOON + SESSION)
    clock.advance(-timedelta(minutes=5))

    assert signer.read(token.text) == token.id_hash


@pytest.mark.parametrize("missing", ["iss", "jti", "exp"])
def test_a_token_that_does_not_say_all_is_refused(signer: TokenSigner, missing: str) -> None:
    claims: dict[str, object] = {"iss": "scenarist", "jti": "x", "exp": 2**32}
    del claims[missing]

    with pytest.raises(UnauthenticatedError, match=f"it has no {missing}"):
        signer.read(signed(claims))


@pytest.mark.parametrize(
    "strange",
    [
        {"exp": -1},
        {"exp": 2**63},
        {"exp": 1e300},
        {"exp": "2026"},
        {"exp": "4294967296"},
        {"exp": None},
        {"exp": [2**32]},
        {"jti": None},
        {"jti": 5},
        {"jti": ["x"]},
        {"iss": "Scenarist"},
        {"sub": 5},
        {"nbf": 2**40},
        {"aud": "somebody else"},
    ],
    ids=str,
)
def test_a_token_that_says_strange_things_is_refused_though_it_is_signed(
    signer: TokenSigner, strange: dict[str, object]
) -> None:
    claims: dict[str, object] = {"iss": "scenarist", "sub": "ann", "jti": "x", "exp": 2**32}

    assert signer.read(signed(claims))
    with pytest.raises(UnauthenticatedError):
        signer.read(signed({**claims, **strange}))


def test_a_refusal_does_not_repeat_the_token(signer: TokenSigner) -> None:
    token = signer.issue("ann", NOON + SESSION).text

    with pytest.raises(UnauthenticatedError) as refused:
        signer.read(token[:-4])

    assert all(part not in refused.value.message for part in token.split("."))


def test_the_time_in_a_token_is_that_of_the_clock(signer: TokenSigner) -> None:
    claims = jwt.decode(
        signer.issue("ann", NOON + SESSION).text, options={"verify_signature": False}
    )

    assert datetime.fromtimestamp(claims["iat"], UTC) == NOON
    assert claims["exp"] - claims["iat"] == 8 * 60 * 60
