"""Tokens of a real OpenID provider, and forged ones of an issuer of the test's own."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as some

from builders import NOON, Clock
from oidc_provider import Issuer, Provider, SigningKey, a_key, encoded, signing_input
from scenarist.domain.errors import InvalidError, UnauthenticatedError, UnavailableError
from scenarist.domain.permissions import Identity, Role
from scenarist.identity.oidc import OidcIssuer, VerifiedOidcToken

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
ROLES = {"planners": [Role.EDITOR, Role.EXECUTOR], "readers": [Role.READER]}
PLANNER = frozenset({Role.EDITOR, Role.EXECUTOR})
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as started:
        yield started


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """Start an issuer with a key of each kind, which its tests leave as they are."""
    kinds = ("RS256", "ES256", "ES384", "ES512", "EdDSA", "EdDSA on Ed448")
    with Issuer(keys=[a_key(kind, kind).jwk() for kind in kinds]) as started:
        yield started


@pytest.fixture(scope="module")
def noon(issuer: Issuer) -> OidcIssuer:
    """Return what verifies the tokens of the issuer at noon."""
    return verifier_of(issuer.url, lambda: NOON)


def verifier_of(url: str, now: Callable[[], datetime], **changes: Any) -> OidcIssuer:
    details: dict[str, Any] = {"audience": "scenarist", "roles": ROLES, **changes}
    return OidcIssuer(issuer=url, now=now, **details, timeout_seconds=30)


def claims_of(issuer: Issuer, **changes: Any) -> dict[str, Any]:
    """Return good claims; a change to ... takes one away."""
    claims = {
        "iss": issuer.url,
        "aud": "scenarist",
        "sub": "7",
        "preferred_username": "ines",
        "groups": ["planners"],
        "iat": NOON.timestamp(),
        "exp": (NOON + HOUR).timestamp(),
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def a_token(issuer: Issuer, kind: str = "RS256", /, **changes: Any) -> str:
    return a_key(kind, kind).token(claims_of(issuer, **changes))


def refusal(verifier: OidcIssuer, token: str) -> str:
    """Return why a token is refused, by a message that does not repeat it."""
    with pytest.raises(UnauthenticatedError) as raised:
        verifier.verify(token)
    assert raised.value.reason == "token_invalid"
    assert not any(part in raised.value.message for part in token.split(".") if len(part) > 4)
    return raised.value.message


def with_signature(token: str, signature: bytes) -> str:
    return f"{token.rpartition('.')[0]}.{encoded(signature)}"


class TestOfARealProvider:
    def test_its_id_token_says_who_signed_in(self, provider: Provider) -> None:
        now = datetime.now(UTC)
        tokens = provider.sign_in(
            "7", "scenarist", preferred_username="ines", groups=["planners", "others"]
        )

        verified = verifier_of(provider.url, lambda: now).verify(tokens["id_token"])

        assert verified.identity == Identity(
            name="ines", roles=PLANNER, subject=f"{provider.url}#7"
        )
        life = verified.expires_at - now
        assert timedelta(seconds=629) <= life <= timedelta(seconds=660)

    def test_its_access_token_is_no_json_web_token(self, provider: Provider) -> None:
        tokens = provider.sign_in("7", "scenarist")

        message = refusal(verifier_of(provider.url, Clock()), tokens["access_token"])
        assert message == "the token does not have the three parts of a JSON Web Token"

    def test_its_token_ends_half_a_minute_late(self, provider: Provider) -> None:
        clock = Clock(datetime.now(UTC))
        verifier = verifier_of(provider.url, clock)
        token = provider.sign_in("7", "scenarist")["id_token"]
        end = verifier.verify(token).expires_at

        clock.at = end - SECOND
        assert verifier.verify(token).expires_at == end
        clock.at = end
        with pytest.raises(UnauthenticatedError) as raised:
            verifier.verify(token)
        assert raised.value.reason == "token_expired"
        written = (end - timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert raised.value.message == f"the token expired at {written}"

    def test_its_token_does_not_hold_before_it_is_made(self, provider: Provider) -> None:
        clock = Clock(datetime.now(UTC) - timedelta(minutes=1))
        token = provider.sign_in("7", "scenarist")["id_token"]

        message = refusal(verifier_of(provider.url, clock), token)
        assert message.startswith("the token is not valid before ")
        assert message.endswith("Z (iat)")

    def test_a_token_for_another_client_is_refused(self, provider: Provider) -> None:
        verifier = verifier_of(provider.url, Clock(datetime.now(UTC)))
        token = provider.sign_in("7", "another")["id_token"]

        assert refusal(verifier, token) == "the token was not issued for scenarist"

    def test_its_token_is_refused_where_another_issuer_is_trusted(
        self, provider: Provider, noon: OidcIssuer, issuer: Issuer
    ) -> None:
        token = provider.sign_in("7", "scenarist")["id_token"]

        assert refusal(noon, token) == f"the token was not issued by {issuer.url}"

    def test_its_token_is_refused_with_one_character_changed(self, provider: Provider) -> None:
        verifier = verifier_of(provider.url, Clock(datetime.now(UTC)))
        token = provider.sign_in("7", "scenarist")["id_token"]
        verifier.verify(token)

        for position in range(len(token)):
            other = "A" if token[position] != "A" else "B"
            refusal(verifier, token[:position] + other + token[position + 1 :])

    @pytest.mark.parametrize(
        ("claim", "claims"),
        [
            ("groups", {"groups": ["others", "planners"]}),
            ("groups", {"groups": "others planners"}),
            ("realm_access.roles", {"realm_access": {"roles": ["planners"]}}),
            ("https://example.com/roles", {"https://example.com/roles": ["planners"]}),
            ("realm_access.roles", {"realm_access.roles": "planners"}),
        ],
    )
    def test_its_groups_may_be_anywhere(
        self, provider: Provider, claim: str, claims: dict[str, Any]
    ) -> None:
        verifier = verifier_of(provider.url, Clock(datetime.now(UTC)), roles_claim=claim)
        token = provider.sign_in("7", "scenarist", **claims)["id_token"]

        identity = verifier.verify(token).identity
        assert (identity.name, identity.roles) == ("7", PLANNER)


def test_a_verified_token_has_a_name_roles_an_end_and_a_digest(
    issuer: Issuer, noon: OidcIssuer
) -> None:
    token = a_token(issuer)

    assert noon.verify(token) == VerifiedOidcToken(
        identity=Identity(name="ines", roles=PLANNER, subject=f"{issuer.url}#7"),
        expires_at=NOON + HOUR + timedelta(seconds=30),
        digest=hashlib.sha256(token[: token.rindex(".")].encode()).hexdigest(),
    )


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_key_signs_in_six_ways(issuer: Issuer, noon: OidcIssuer, algorithm: str) -> None:
    key = SigningKey("RS256", algorithm, a_key("RS256").private)

    assert noon.verify(key.token(claims_of(issuer))).identity.name == "ines"


@pytest.mark.parametrize("kind", ["ES256", "ES384", "ES512", "EdDSA", "EdDSA on Ed448"])
def test_a_key_on_a_curve_signs_in_its_own_way(issuer: Issuer, noon: OidcIssuer, kind: str) -> None:
    assert noon.verify(a_token(issuer, kind)).identity.name == "ines"


def test_another_spelling_of_a_signature_is_the_same_token(
    issuer: Issuer, noon: OidcIssuer
) -> None:
    token = a_token(issuer, "ES256")
    signature = a_key("ES256", "ES256").signature(token.rpartition(".")[0].encode())
    r, s = signature[:32], int.from_bytes(signature[32:])

    other = with_signature(token, r + (P256_ORDER - s).to_bytes(32))

    assert other != token
    assert noon.verify(other) == noon.verify(token)


class TestSignatures:
    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", None, "", "RS256"])
    def test_an_unsigned_token_is_refused(
        self, issuer: Issuer, noon: OidcIssuer, algorithm: str | None
    ) -> None:
        header = {"alg": algorithm, "typ": "JWT", "kid": "RS256"}

        token = f"{signing_input(header, claims_of(issuer))}."
        assert refusal(noon, token) == "the token is unsigned"

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
    def test_a_token_that_says_it_is_unsigned_is_refused_with_any_signature(
        self, issuer: Issuer, noon: OidcIssuer, algorithm: str
    ) -> None:
        token = a_key("RS256").token(claims_of(issuer), alg=algorithm)

        assert refusal(noon, token) == "the token is unsigned"

    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
    @pytest.mark.parametrize("form", ["pem", "pem without its last line break", "der", "jwk"])
    def test_the_public_key_is_no_shared_secret(
        self, issuer: Issuer, noon: OidcIssuer, algorithm: str, form: str
    ) -> None:
        key = a_key("RS256")
        public = key.private.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        secret = {
            "pem": pem,
            "pem without its last line break": pem.strip(),
            "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "jwk": json.dumps(key.jwk()).encode(),
        }[form]
        signed = signing_input({"alg": algorithm, "kid": key.id}, claims_of(issuer))
        code = hmac.digest(secret, signed.encode(), f"sha{algorithm[2:]}")

        assert refusal(noon, f"{signed}.{encoded(code)}") == (
            "the token is not signed with one of ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, "
            "RS256, RS384, RS512"
        )

    @pytest.mark.parametrize("algorithm", ["ES256K", "rs256", "RS1", "", 256, ["RS256"], {}])
    def test_any_other_algorithm_is_refused(
        self, issuer: Issuer, noon: OidcIssuer, algorithm: object
    ) -> None:
        token = a_key("RS256").token(claims_of(issuer), alg=algorithm)

        assert refusal(noon, token).startswith("the token is not signed with one of ")

    def test_another_key_with_the_right_name_is_refused(
        self, issuer: Issuer, noon: OidcIssuer
    ) -> None:
        forger = SigningKey("RS256", "RS256", a_key("forger").private)

        message = refusal(noon, forger.token(claims_of(issuer)))
        assert message == "the signature of the token is not valid"

    def test_a_token_cannot_bring_its_key_along(self, issuer: Issuer, noon: OidcIssuer) -> None:
        forger = SigningKey("RS256", "RS256", a_key("forger").private)

        token = forger.token(
            claims_of(issuer),
            jwk=forger.jwk(),
            jku=f"{issuer.url}/forged",
            x5u=f"{issuer.url}/forged",
        )

        assert refusal(noon, token) == "the signature of the token is not valid"
        assert "GET /forged" not in issuer.asked

    @pytest.mark.parametrize("algorithm", ["RS384", "PS256"])
    def test_the_signature_is_of_the_algorithm_that_is_named(
        self, issuer: Issuer, noon: OidcIssuer, algorithm: str
    ) -> None:
        token = a_key("RS256").token(claims_of(issuer), alg=algorithm)

        assert refusal(noon, token) == "the signature of the token is not valid"

    @pytest.mark.parametrize(("kind", "algorithm"), [("RS256", "ES256"), ("ES256", "RS256")])
    def test_the_algorithm_fits_the_key(
        self, issuer: Issuer, noon: OidcIssuer, kind: str, algorithm: str
    ) -> None:
        token = a_key(kind, kind).token(claims_of(issuer), alg=algorithm)

        message = f"the token is signed with a key that {issuer.url} does not publish"
        assert refusal(noon, token) == message

    @pytest.mark.parametrize("kind", ["RS256", "ES256", "ES512", "EdDSA", "EdDSA on Ed448"])
    @pytest.mark.parametrize("size", [1, 32, 64, 96, 114, 132, 256, 1000])
    def test_a_signature_of_nothing_does_not_fit(
        self, issuer: Issuer, noon: OidcIssuer, kind: str, size: int
    ) -> None:
        token = with_signature(a_token(issuer, kind), bytes(size))

        assert refusal(noon, token) == "the signature of the token is not valid"

    @pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "exp", None])
    def test_an_extension_that_must_be_understood_is_refused(
        self, issuer: Issuer, noon: OidcIssuer, crit: object
    ) -> None:
        key = a_key("RS256")
        header = {"alg": "RS256", "kid": "RS256", "crit": crit, "b64": True, "exp": 1}
        signed = signing_input(header, claims_of(issuer))
        token = with_signature(f"{signed}.", key.signature(signed.encode()))

        message = "the token requires an extension (crit), and this server supports none"
        assert refusal(noon, token) == message

    def test_claims_are_not_taken_as_they_are(self, issuer: Issuer, noon: OidcIssuer) -> None:
        token = a_key("RS256").token(claims_of(issuer), b64=False)

        assert refusal(noon, token) == "the signature of the token is not valid"

    @pytest.mark.parametrize("key_id", [1, ["RS256"], {}, True])
    def test_a_key_is_named_by_a_text(
        self, issuer: Issuer, noon: OidcIssuer, key_id: object
    ) -> None:
        token = a_key("RS256").token(claims_of(issuer), kid=key_id)

        message = "the key of the token (kid) is not a text"
        assert refusal(noon, token) == message

    @pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "", "JOSE", 1])
    def test_a_token_for_something_else_is_refused(
        self, issuer: Issuer, noon: OidcIssuer, kind: object
    ) -> None:
        token = a_key("RS256").token(claims_of(issuer), typ=kind)

        assert refusal(noon, token) == "the token was issued for something else (typ)"

    @pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "application/at+jwt"])
    def test_id_tokens_and_access_tokens_are_accepted(
        self, issuer: Issuer, noon: OidcIssuer, kind: object
    ) -> None:
        token = a_key("RS256").token(claims_of(issuer), typ=kind)

        assert noon.verify(token).identity.name == "ines"


class TestForm:
    @pytest.mark.parametrize("kind", ["RS256", "ES256"])
    def test_a_token_is_refused_wherever_it_is_cut(
        self, issuer: Issuer, noon: OidcIssuer, kind: str
    ) -> None:
        token = a_token(issuer, kind)
        noon.verify(token)

        for length in range(len(token)):
            refusal(noon, token[:length])
            refusal(noon, token[length + 1 :])

    @pytest.mark.parametrize("kind", ["RS256", "ES256", "EdDSA"])
    def test_no_other_last_character_makes_another_token(
        self, issuer: Issuer, noon: OidcIssuer, kind: str
    ) -> None:
        token = a_token(issuer, kind)
        digest = noon.verify(token).digest

        for code in range(128):
            try:
                assert noon.verify(token[:-1] + chr(code)).digest == digest
            except UnauthenticatedError:
                continue

    @settings(deadline=None)
    @given(data=some.data(), kind=some.sampled_from(["RS256", "ES256", "EdDSA"]))
    def test_a_token_with_another_character_is_refused(
        self, issuer: Issuer, noon: OidcIssuer, data: some.DataObject, kind: str
    ) -> None:
        token = a_token(issuer, kind)
        position = data.draw(some.integers(0, len(token) - 1), "position")
        others = some.characters().filter(lambda other: other != token[position])
        likely = some.sampled_from(sorted(set(token) - {token[position]}))
        changed = token[:position] + data.draw(likely | others) + token[position + 1 :]

        try:
            verified = noon.verify(changed)
        except UnauthenticatedError as refused:
            assert refused.reason == "token_invalid"
        else:
            # Only the signature can be spelled in another way.
            assert position > token.rindex(".")
            assert verified == noon.verify(token)

    @pytest.mark.parametrize(
        "change",
        [
            lambda token: "",
            lambda token: ".",
            lambda token: "..",
            lambda token: "...",
            lambda token: token.replace(".", ""),
            lambda token: token.rpartition(".")[0],
            lambda token: f".{token}",
            lambda token: f"{token}.",
            lambda token: f"{token}.{token}",
            lambda token: f"{token}=",
            lambda token: f"{token}\n",
            lambda token: f" {token}",
            lambda token: f"Bearer {token}",
            lambda token: token.replace(".", "\u3002"),
            lambda token: token + "\u0661",
            lambda token: token + "\x00",
            lambda token: token + "\ud800",
        ],
    )
    def test_a_token_has_three_parts_of_plain_characters(
        self, issuer: Issuer, noon: OidcIssuer, change: Callable[[str], str]
    ) -> None:
        with pytest.raises(UnauthenticatedError) as raised:
            noon.verify(change(a_token(issuer)))

        assert raised.value.reason == "token_invalid"
        message = "the token does not have the three parts of a JSON Web Token"
        assert raised.value.message == message

    @pytest.mark.parametrize(
        "part", [b"", b"a", b"[]", b"1", b'"a"', b"null", b"\xff\xfe", b"[" * 5000, b"1" * 5000]
    )
    def test_the_parts_of_a_token_are_objects(
        self, issuer: Issuer, noon: OidcIssuer, part: bytes
    ) -> None:
        header, claims, signature = a_token(issuer).split(".")
        wrong = encoded(part) or "A"  # which is no Base64 at all

        message = "the token is damaged: a part of it is not a JSON object"
        assert refusal(noon, f"{wrong}.{claims}.{signature}") == message
        assert refusal(noon, f"{header}.{wrong}.{signature}") == message

    def test_a_token_has_up_to_16_kib(self, issuer: Issuer, noon: OidcIssuer) -> None:
        empty = len(a_token(issuer, filler=""))
        filler = "a" * ((16 * 1024 - empty) * 3 // 4)
        longest = a_token(issuer, filler=filler)

        assert 16 * 1024 - 4 < len(longest) <= 16 * 1024
        assert noon.verify(longest).identity.name == "ines"
        message = "the token is longer than 16384 characters"
        assert refusal(noon, a_token(issuer, filler=f"{filler}aaa")) == message


class TestClaims:
    @pytest.mark.parametrize("wrong", ["https://id.example.com", "{}/", "", None, ..., ["{}"]])
    def test_the_issuer_is_exactly_that_which_is_trusted(
        self, issuer: Issuer, noon: OidcIssuer, wrong: object
    ) -> None:
        wrong = wrong.format(issuer.url) if isinstance(wrong, str) else wrong

        message = f"the token was not issued by {issuer.url}"
        assert refusal(noon, a_token(issuer, iss=wrong)) == message

    @pytest.mark.parametrize("audience", ["scenarist", ["scenarist"], ["other", "scenarist"]])
    def test_the_audience_may_be_one_of_several(
        self, issuer: Issuer, noon: OidcIssuer, audience: object
    ) -> None:
        assert noon.verify(a_token(issuer, aud=audience)).identity.name == "ines"

    @pytest.mark.parametrize(
        "audience",
        ["other", "my scenarist", "SCENARIST", "", None, ..., [], ["other"], {"scenarist": 1}],
    )
    def test_a_token_for_somebody_else_is_refused(
        self, issuer: Issuer, noon: OidcIssuer, audience: object
    ) -> None:
        message = refusal(noon, a_token(issuer, aud=audience))
        assert message == "the token was not issued for scenarist"

    @pytest.mark.parametrize("end", [..., None])
    def test_a_token_must_end(self, issuer: Issuer, noon: OidcIssuer, end: object) -> None:
        assert refusal(noon, a_token(issuer, exp=end)) == "the token has no expiry (exp)"

    def test_a_token_may_be_used_until_half_a_minute_after_its_end(
        self, issuer: Issuer, noon: OidcIssuer
    ) -> None:
        late = a_token(issuer, exp=NOON.timestamp() - 29.5)
        too_late = a_token(issuer, exp=NOON.timestamp() - 30)

        assert noon.verify(late).expires_at == NOON + timedelta(seconds=0.5)
        with pytest.raises(UnauthenticatedError) as raised:
            noon.verify(too_late)
        assert raised.value.reason == "token_expired"
        assert raised.value.message == "the token expired at 2026-03-01T11:59:30Z"

    @pytest.mark.parametrize("claim", ["nbf", "iat"])
    def test_a_token_may_be_used_half_a_minute_before_its_beginning(
        self, issuer: Issuer, noon: OidcIssuer, claim: str
    ) -> None:
        early = a_token(issuer, **{claim: NOON.timestamp() + 30})
        too_early = a_token(issuer, **{claim: NOON.timestamp() + 31})

        assert noon.verify(early).identity.name == "ines"
        message = f"the token is not valid before 2026-03-01T12:00:31Z ({claim})"
        assert refusal(noon, too_early) == message

    @pytest.mark.parametrize("claim", ["nbf", "iat"])
    @pytest.mark.parametrize("moment", [..., None, 0, -1, 0.5])
    def test_a_token_need_not_say_when_it_begins(
        self, issuer: Issuer, noon: OidcIssuer, claim: str, moment: object
    ) -> None:
        assert noon.verify(a_token(issuer, **{claim: moment})).identity.name == "ines"

    @pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
    @pytest.mark.parametrize("moment", [True, "1772368200", "soon", [], {}])
    def test_a_time_is_a_number(
        self, issuer: Issuer, noon: OidcIssuer, claim: str, moment: object
    ) -> None:
        message = refusal(noon, a_token(issuer, **{claim: moment}))
        assert message == f"the token has a time ({claim}) that is not a number"

    @pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
    @pytest.mark.parametrize(
        "moment",
        [float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 10**400, 253402300799],
        ids=["nan", "inf", "-inf", "1e300", "-1e300", "10**400", "year 9999"],
    )
    def test_a_time_is_in_the_calendar(
        self, issuer: Issuer, noon: OidcIssuer, claim: str, moment: float
    ) -> None:
        message = refusal(noon, a_token(issuer, **{claim: moment}))
        assert message == f"the token has a time ({claim}) that is out of range"

    def test_a_time_may_be_at_the_beginning_of_the_calendar(
        self, issuer: Issuer, noon: OidcIssuer
    ) -> None:
        year_1 = -62135596800

        assert noon.verify(a_token(issuer, nbf=year_1, iat=year_1)).identity.name == "ines"
        with pytest.raises(UnauthenticatedError, match="expired at 0001-01-01T00:00:00Z"):
            noon.verify(a_token(issuer, exp=year_1))

    def test_without_the_name_the_subject_is_it(self, issuer: Issuer, noon: OidcIssuer) -> None:
        for missing in (..., None):
            verified = noon.verify(a_token(issuer, preferred_username=missing))
            assert verified.identity.name == "7"

    def test_the_identity_is_issuer_and_subject_whatever_the_name_is(
        self, issuer: Issuer, noon: OidcIssuer
    ) -> None:
        before = noon.verify(a_token(issuer)).identity
        renamed = noon.verify(a_token(issuer, preferred_username="ina")).identity
        another = noon.verify(a_token(issuer, sub="8")).identity

        assert before.subject == renamed.subject == f"{issuer.url}#7"
        assert (before.name, another.name) == ("ines", "ines")
        assert another.subject == f"{issuer.url}#8"

    @pytest.mark.parametrize("subject", [..., None, "", 7, ["7"], "a" * 256, "a\nb", "a\u200b"])
    def test_a_token_without_a_subject_is_refused(
        self, issuer: Issuer, noon: OidcIssuer, subject: object
    ) -> None:
        message = refusal(noon, a_token(issuer, sub=subject))
        assert "sub" in message

    @pytest.mark.parametrize(
        "name", ["system", "Server", "ANYONE", "(command line)", "\uff53ystem"]
    )
    def test_a_name_of_the_server_itself_is_refused(
        self, issuer: Issuer, noon: OidcIssuer, name: str
    ) -> None:
        message = refusal(noon, a_token(issuer, preferred_username=name))
        assert "is reserved for the server; have the issuer put another one into" in message

    @pytest.mark.parametrize("name", ["o", "Omar Ö", "omar@example.com", "a" * 128])
    def test_a_name_is_taken_as_it_is(self, issuer: Issuer, noon: OidcIssuer, name: str) -> None:
        assert noon.verify(a_token(issuer, preferred_username=name)).identity.name == name

    @pytest.mark.parametrize("name", ["", "a" * 129, 7, True, ["ines"], {}])
    def test_a_name_is_a_text_of_up_to_128_characters(
        self, issuer: Issuer, noon: OidcIssuer, name: object
    ) -> None:
        message = refusal(noon, a_token(issuer, preferred_username=name))
        assert message == "the name in the token is not a text of 1 to 128 characters"

    @pytest.mark.parametrize(
        "name", ["a\nb", "a\x00", "a\u202eb", "a\u200b", " ines", "ines ", " "]
    )
    def test_all_of_a_name_can_be_seen(self, issuer: Issuer, noon: OidcIssuer, name: str) -> None:
        message = refusal(noon, a_token(issuer, preferred_username=name))
        assert message == "the name in the token has unprintable characters"

    @pytest.mark.parametrize("claim", ["email", "https://example.com/name", "person.name"])
    def test_the_name_may_be_in_another_claim(self, issuer: Issuer, claim: str) -> None:
        verifier = verifier_of(issuer.url, Clock(), name_claim=claim)
        person = {"name": "omar"}
        token = a_token(issuer, email="omar", person=person, **{"https://example.com/name": "omar"})

        assert verifier.verify(token).identity.name == "omar"


class TestRoles:
    @pytest.mark.parametrize(
        "groups",
        [..., None, [], "", ["Planners"], "planner", [["planners"]], {"planners": 1}, 1, True],
    )
    def test_without_a_group_that_is_mapped_there_are_no_roles(
        self, issuer: Issuer, noon: OidcIssuer, groups: object
    ) -> None:
        assert noon.verify(a_token(issuer, groups=groups)).identity.roles == frozenset()

    @pytest.mark.parametrize(
        "groups", [["planners", "readers"], "planners readers", [1, None, "readers", "planners"]]
    )
    def test_the_roles_of_all_groups_are_given(
        self, issuer: Issuer, noon: OidcIssuer, groups: object
    ) -> None:
        roles = noon.verify(a_token(issuer, groups=groups)).identity.roles
        assert roles == {Role.EDITOR, Role.EXECUTOR, Role.READER}

    def test_the_name_of_a_role_counts_only_where_it_is_mapped(
        self, issuer: Issuer, noon: OidcIssuer
    ) -> None:
        token = a_token(issuer, groups=["TAIPY_ADMIN"])
        mapped = verifier_of(issuer.url, Clock(), roles={"TAIPY_ADMIN": [Role.ADMIN]})

        assert noon.verify(token).identity.roles == frozenset()
        assert mapped.verify(token).identity.roles == {Role.ADMIN}

    @pytest.mark.parametrize(
        ("claim", "claims"),
        [
            ("a.b", {"a.b": "planners", "a": {"b": "readers"}}),
            ("a.b.c", {"a": {"b": {"c": "planners"}}}),
            ("a.b.c", {"a.b": {"c": "planners"}, "a": 1}),
            ("a.b.c", {"a": {"b.c": "planners"}}),
            ("a.b.c", {"a": {"b": {"d": "readers"}}, "a.b": {"c": "planners"}}),
            (
                "resource_access.https://plans.example.com.roles",
                {"resource_access": {"https://plans.example.com": {"roles": ["planners"]}}},
            ),
        ],
    )
    def test_a_name_with_dots_is_taken_as_it_is_and_then_as_a_path(
        self, issuer: Issuer, claim: str, claims: dict[str, Any]
    ) -> None:
        verifier = verifier_of(issuer.url, Clock(), roles_claim=claim)

        assert verifier.verify(a_token(issuer, **claims)).identity.roles == PLANNER

    @pytest.mark.parametrize("claim", ["a.b", ".", "", "groups.", ".groups", "groups.0", "sub.a"])
    def test_a_path_that_leads_nowhere_gives_no_roles(self, issuer: Issuer, claim: str) -> None:
        verifier = verifier_of(issuer.url, Clock(), roles_claim=claim)

        assert verifier.verify(a_token(issuer)).identity.roles == frozenset()


class TestKeys:
    @pytest.fixture
    def issuer(self) -> Iterator[Issuer]:
        with Issuer(keys=[a_key().jwk()]) as started:
            yield started

    @pytest.fixture
    def verifier(self, issuer: Issuer, clock: Clock) -> OidcIssuer:
        return verifier_of(issuer.url, clock)

    def test_a_key_that_comes_and_a_key_that_goes(
        self, issuer: Issuer, clock: Clock, verifier: OidcIssuer
    ) -> None:
        old, new = (a_key(name).token(claims_of(issuer)) for name in ("first", "second"))
        verifier.verify(old)

        issuer.keys.append(a_key("second").jwk())
        clock.advance(timedelta(seconds=10))
        verifier.verify(new)
        verifier.verify(old)

        del issuer.keys[0]
        clock.advance(timedelta(minutes=5))
        verifier.verify(new)
        message = f"the token is signed with a key that {issuer.url} does not publish"
        assert refusal(verifier, old) == message

    def test_a_flood_of_invented_keys_is_one_fetch(
        self, issuer: Issuer, clock: Clock, verifier: OidcIssuer
    ) -> None:
        claims = claims_of(issuer)
        verifier.verify(a_key().token(claims))
        clock.advance(timedelta(minutes=1))
        invented = [a_key().token(claims, kid=f"invented {number}") for number in range(200)]

        with ThreadPoolExecutor(8) as threads:
            messages = set(threads.map(lambda token: refusal(verifier, token), invented))

        assert messages == {f"the token is signed with a key that {issuer.url} does not publish"}
        assert issuer.fetches == 2

    def test_a_token_that_cannot_be_right_fetches_nothing(
        self, issuer: Issuer, verifier: OidcIssuer
    ) -> None:
        refusal(verifier, a_key().token(claims_of(issuer, iss="https://id.example.com")))
        refusal(verifier, a_key().token(claims_of(issuer), alg="HS256"))
        refusal(verifier, "a.b.c")

        assert issuer.asked == []

    def test_a_token_is_not_refused_while_the_issuer_is_away(
        self, issuer: Issuer, clock: Clock, verifier: OidcIssuer
    ) -> None:
        token = a_key().token(claims_of(issuer))
        issuer.stop()

        with pytest.raises(UnavailableError) as raised:
            verifier.verify(token)
        assert raised.value.message == (
            f"the keys of {issuer.url} are not available: no response: "
            "ConnectError: All connection attempts failed"
        )

        issuer.start()
        clock.advance(timedelta(seconds=10))
        assert verifier.verify(token).identity.name == "ines"

    def test_tokens_hold_for_an_hour_without_the_issuer(
        self, issuer: Issuer, clock: Clock, verifier: OidcIssuer
    ) -> None:
        token = a_key().token(claims_of(issuer, exp=(NOON + 2 * HOUR).timestamp()))
        verifier.verify(token)
        issuer.stop()

        clock.advance(HOUR - SECOND)
        assert verifier.verify(token).identity.name == "ines"
        clock.advance(SECOND)
        with pytest.raises(UnavailableError):
            verifier.verify(token)

    def test_many_threads_verify_at_once(self, issuer: Issuer, verifier: OidcIssuer) -> None:
        tokens = [
            a_key().token(claims_of(issuer, preferred_username=f"user {number}"))
            for number in range(200)
        ]

        with ThreadPoolExecutor(8) as threads:
            verified = list(threads.map(verifier.verify, tokens))

        names = [one.identity.name for one in verified]
        assert names == [f"user {number}" for number in range(200)]
        assert len({one.digest for one in verified}) == 200
        assert issuer.fetches == 1


def test_an_issuer_elsewhere_must_have_https(clock: Clock) -> None:
    with pytest.raises(InvalidError) as raised:
        verifier_of("http://id.example.com", clock)

    assert raised.value.message == (
        "the issuer must begin with https://, because anybody who changes its responses in transit "
        "could sign in as any user; http:// is allowed for localhost, 127.0.0.1 and ::1"
    )


def test_an_audience_must_be_given(clock: Clock) -> None:
    with pytest.raises(InvalidError, match="the audience must not be empty"):
        verifier_of("https://id.example.com", clock, audience="")
