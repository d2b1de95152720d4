"""The keys of an issuer, asked for over HTTP from issuers that behave and from some that do not."""

import asyncio
import gzip
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as some

from builders import Clock
from oidc_provider import CONFIGURATION, KEY_SET, Issuer, SigningKey, a_key, encoded
from scenarist.domain.errors import InvalidError, UnauthenticatedError, UnavailableError
from scenarist.identity.jwks import JwksClient, _read_keys

MOMENT = timedelta(seconds=1)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer(keys=[a_key().jwk()]) as started:
        yield started


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> JwksClient:
    return keys_of(issuer, clock)


def keys_of(issuer: Issuer, clock: Clock, timeout_seconds: float = 30.0) -> JwksClient:
    return JwksClient(issuer.url, now=clock, timeout_seconds=timeout_seconds)


def has(keys: JwksClient, key: SigningKey, *, named: bool = True) -> bool:
    """Say whether a token of a key would find it."""
    try:
        found = keys.get_key(key.id if named else None, key.algorithm)
    except UnauthenticatedError as refused:
        assert refused.reason == "token_invalid"
        return False
    assert found == key.private.public_key()
    return True


def fault(keys: JwksClient) -> str:
    with pytest.raises(UnavailableError) as raised:
        keys.get_key("first", "RS256")
    return raised.value.message.partition(" are not available: ")[2]


def plain(head: str, content: bytes = b"") -> Callable[[BufferedIOBase], None]:
    """Return what writes an answer of a status line, headers and a content."""

    def write(out: BufferedIOBase) -> None:
        length = f"Content-Length: {len(content)}"
        out.write(f"{head}\r\n{length}\r\nConnection: close\r\n\r\n".encode() + content)

    return write


def keep_sending(start: bytes, part: bytes, pace: float | None = None) -> Any:
    def write(out: BufferedIOBase) -> None:
        never = threading.Event()
        out.write(start)
        while not (pace and never.wait(pace)):  # until the other side hangs up
            out.write(part)

    return write


def test_keys_are_fetched_at_the_first_use_and_not_at_the_second(
    issuer: Issuer, keys: JwksClient
) -> None:
    assert issuer.asked == []

    assert has(keys, a_key())
    assert has(keys, a_key())
    assert issuer.asked == [f"GET {CONFIGURATION}", f"GET {KEY_SET}"]


@pytest.mark.parametrize("end", ["", "/"])
def test_an_issuer_may_end_with_a_slash(issuer: Issuer, clock: Clock, end: str) -> None:
    address = issuer.changes["issuer"] = f"{issuer.url}/realms/plans{end}"
    keys = JwksClient(address, now=clock, timeout_seconds=30)

    assert has(keys, a_key())
    assert issuer.asked[0] == f"GET /realms/plans{CONFIGURATION}"


def test_an_issuer_is_asked_for_json_that_is_not_packed(issuer: Issuer, keys: JwksClient) -> None:
    assert has(keys, a_key())

    assert issuer.headers["accept"] == "application/json"
    assert issuer.headers["accept-encoding"] == "identity"
    assert issuer.headers["user-agent"].startswith("Scenarist/")


def test_a_key_that_is_new_is_fetched_when_a_token_names_it(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    issuer.keys.append(a_key("second").jwk())
    clock.advance(timedelta(seconds=10))

    assert has(keys, a_key("second"))
    assert has(keys, a_key())
    assert issuer.fetches == 2


def test_a_withdrawn_key_is_gone_after_five_minutes(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    issuer.keys[:] = [a_key("second").jwk()]

    clock.advance(timedelta(minutes=5) - MOMENT)
    assert has(keys, a_key())
    clock.advance(MOMENT)
    assert not has(keys, a_key())


def test_when_the_last_key_is_withdrawn_there_is_none(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    issuer.keys.clear()
    clock.advance(timedelta(minutes=5))

    assert not has(keys, a_key())


def test_invented_names_fetch_the_keys_once_in_ten_seconds(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    clock.advance(timedelta(seconds=10) - MOMENT)
    for number in range(1000):
        assert not has(keys, SigningKey(f"invented {number}", "RS256", a_key().private))
    assert issuer.fetches == 1

    clock.advance(MOMENT)
    for number in range(1000):
        assert not has(keys, SigningKey(f"invented {number}", "RS256", a_key().private))
    assert issuer.fetches == 2


def test_threads_share_a_fetch(issuer: Issuer, keys: JwksClient) -> None:
    issuer.is_open.clear()
    start = threading.Barrier(17)

    def find() -> bool:
        start.wait()
        return has(keys, a_key())

    with ThreadPoolExecutor(16) as threads:
        found = [threads.submit(find) for _ in range(16)]
        start.wait()
        issuer.is_open.set()

    assert [future.result() for future in found] == [True] * 16
    assert issuer.fetches == 1


def test_threads_with_a_new_key_share_a_fetch(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    issuer.keys.append(a_key("second").jwk())
    clock.advance(timedelta(seconds=10))
    start = threading.Barrier(16)

    def find() -> bool:
        start.wait()
        return has(keys, a_key("second"))

    with ThreadPoolExecutor(16) as threads:
        found = [threads.submit(find) for _ in range(16)]

    assert [future.result() for future in found] == [True] * 16
    assert issuer.fetches == 2


def test_a_key_that_is_known_waits_for_nobody(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    clock.advance(timedelta(seconds=10))
    issuer.is_open.clear()
    with ThreadPoolExecutor(1) as threads:
        unknown = threads.submit(has, keys, a_key("second"))

        assert has(keys, a_key())
        assert not unknown.done()
        issuer.is_open.set()
        assert not unknown.result()


def test_without_an_issuer_at_first_nobody_can_say(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    issuer.stop()

    assert fault(keys) == "no response: ConnectError: All connection attempts failed"

    issuer.start()
    clock.advance(timedelta(seconds=10))
    assert has(keys, a_key())


def test_an_issuer_that_is_away_is_asked_once_in_ten_seconds(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    issuer.instead[CONFIGURATION] = plain("HTTP/1.1 503 Busy")

    for _ in range(100):
        assert fault(keys) == "its configuration was answered with 503"
    assert issuer.asked == [f"GET {CONFIGURATION}"]

    clock.advance(timedelta(seconds=10))
    fault(keys)
    assert issuer.asked == [f"GET {CONFIGURATION}"] * 2


def test_while_the_issuer_is_away_the_keys_last_for_an_hour(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    issuer.stop()

    for _ in range(11):
        clock.advance(timedelta(minutes=5))
        assert has(keys, a_key())
    clock.advance(timedelta(minutes=5) - MOMENT)
    assert has(keys, a_key())
    clock.advance(MOMENT)
    assert fault(keys) == "no response: ConnectError: All connection attempts failed"

    issuer.start()
    clock.advance(timedelta(seconds=10))
    assert has(keys, a_key())


def test_an_unknown_key_may_be_a_new_one_while_the_issuer_is_away(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    issuer.stop()
    clock.advance(timedelta(minutes=1))

    with pytest.raises(UnavailableError):
        keys.get_key("second", "RS256")
    assert has(keys, a_key())


def test_while_the_issuer_is_away_only_one_thread_waits_for_it(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    issuer.instead[CONFIGURATION] = plain("HTTP/1.1 503 Busy")
    clock.advance(timedelta(minutes=5))
    assert has(keys, a_key())
    clock.advance(timedelta(minutes=5))
    issuer.is_open.clear()
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(has, keys, a_key()) for _ in range(2)]

        first = next(as_completed(both))
        assert first.result()
        assert sum(future.done() for future in both) == 1
        issuer.is_open.set()
        assert all(future.result() for future in both)


def test_a_failed_fetch_is_logged(issuer: Issuer, keys: JwksClient) -> None:
    issuer.instead[CONFIGURATION] = plain("HTTP/1.1 404 Gone")

    with structlog.testing.capture_logs() as logged:
        fault(keys)

    assert logged == [
        {
            "event": "keys not fetched",
            "log_level": "warning",
            "issuer": issuer.url,
            "fault": "its configuration was answered with 404",
        }
    ]


def test_a_clock_that_is_set_back_does_not_keep_a_withdrawn_key(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    assert has(keys, a_key())
    issuer.keys.clear()
    clock.advance(timedelta(hours=-1))

    assert not has(keys, a_key())
    assert not has(keys, a_key())
    assert issuer.fetches == 2


def test_keys_can_be_had_on_a_thread_that_runs_an_event_loop(
    issuer: Issuer, keys: JwksClient
) -> None:
    async def find() -> bool:
        return has(keys, a_key())

    assert asyncio.run(find())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"issuer": "https://id.example.com"},
            "its configuration belongs to 'https://id.example.com', not to '{issuer}'",
        ),
        ({"issuer": None}, "its configuration belongs to 'None', not to '{issuer}'"),
        ({"jwks_uri": None}, "its configuration has no jwks_uri"),
        ({"jwks_uri": ["/keys"]}, "its configuration has no jwks_uri"),
        (
            {"jwks_uri": "/keys"},
            "the jwks_uri of its configuration must be a URL such as "
            "https://id.example.com/realms/plans, without a user or a password in it",
        ),
        (
            {"jwks_uri": "http://id.example.com/keys"},
            "the jwks_uri of its configuration must begin with https://, because anybody who "
            "changes its responses in transit could sign in as any user; http:// is allowed for "
            "localhost, 127.0.0.1 and ::1",
        ),
        (
            {"jwks_uri": "https://id.example.com\n"},
            "the jwks_uri of its configuration is not a URL: Invalid non-printable ASCII character "
            "in URL, '\\n' at position 22.",
        ),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(
    issuer: Issuer, keys: JwksClient, changes: dict[str, Any], expected: str
) -> None:
    issuer.changes = changes

    assert fault(keys) == expected.format(issuer=issuer.url)
    assert issuer.fetches == 0


def test_a_host_that_cannot_be_is_an_issuer_that_is_away(issuer: Issuer, keys: JwksClient) -> None:
    issuer.changes["jwks_uri"] = f"https://{'a' * 70}.example/"

    assert fault(keys).startswith("no response: ")


@pytest.mark.parametrize("path", [CONFIGURATION, KEY_SET])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is not a JSON object"),
        (b"<html>", "is not a JSON object"),
        (b"[]", "is not a JSON object"),
        (b"\xff", "is not a JSON object"),
        (b"[" * 100_000, "is not a JSON object"),
        (b'{"keys":[' + b" " * 1024 * 1024 + b"]}", "is longer than 1 MiB"),
    ],
    ids=["empty", "html", "list", "not UTF-8", "deep", "long"],
)
def test_an_answer_that_cannot_be_is_refused(
    issuer: Issuer, keys: JwksClient, path: str, content: bytes, expected: str
) -> None:
    issuer.instead[path] = plain("HTTP/1.1 200 OK", content)

    name = {CONFIGURATION: "its configuration", KEY_SET: "its key set"}[path]
    assert fault(keys) == f"{name} {expected}"


def test_a_key_set_without_a_list_is_refused(issuer: Issuer, keys: JwksClient) -> None:
    issuer.instead[KEY_SET] = plain("HTTP/1.1 200 OK", b'{"keys":{}}')

    assert fault(keys) == "its key set has no list of keys"


@pytest.mark.parametrize("path", [CONFIGURATION, KEY_SET])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    issuer: Issuer, keys: JwksClient, path: str, status: int
) -> None:
    to = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {issuer.url}/elsewhere"
    issuer.instead[path] = plain(to)

    assert fault(keys).endswith(f" was answered with {status}; redirects are not followed")
    assert "GET /elsewhere" not in issuer.asked


@pytest.mark.parametrize(
    "answer",
    [
        keep_sending(b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        keep_sending(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a", pace=0.01),
        keep_sending(b"HTTP/1.1 200 OK\r\n\r\n{", b" ", pace=0.01),
    ],
    ids=["never begins", "slow head", "slow body"],
)
@pytest.mark.parametrize("path", [CONFIGURATION, KEY_SET])
def test_an_answer_without_an_end_is_broken_off(
    issuer: Issuer, clock: Clock, path: str, answer: Callable[[BufferedIOBase], None]
) -> None:
    issuer.instead[path] = answer

    assert fault(keys_of(issuer, clock, 0.2)) == "it did not respond within 0.2 s"


@pytest.mark.parametrize(
    "answer",
    [
        keep_sending(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
        keep_sending(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"400\r\n%b\r\n" % (b" " * 1024),
        ),
    ],
    ids=["plain", "in chunks"],
)
def test_an_endless_answer_is_not_read_to_its_end(
    issuer: Issuer, keys: JwksClient, answer: Callable[[BufferedIOBase], None]
) -> None:
    issuer.instead[KEY_SET] = answer

    assert fault(keys) == "its key set is longer than 1 MiB"


def test_an_issuer_that_says_nothing_is_not_waited_for(issuer: Issuer, clock: Clock) -> None:
    issuer.is_open.clear()

    assert fault(keys_of(issuer, clock, 0.2)) == "it did not respond within 0.2 s"


def test_an_answer_is_not_unpacked(issuer: Issuer, keys: JwksClient) -> None:
    issuer.instead[KEY_SET] = plain(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip", gzip.compress(b" " * 2**24)
    )

    assert fault(keys) == "its key set is not a JSON object"


@pytest.mark.parametrize(
    "address",
    [
        "http://id.example.com",
        "http://10.0.0.1/realms/plans",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://[::2]",
    ],
)
def test_plain_http_is_for_this_machine(address: str, clock: Clock) -> None:
    with pytest.raises(InvalidError, match="the issuer must begin with https://") as raised:
        JwksClient(address, now=clock, timeout_seconds=5)

    assert "http:// is allowed for localhost, 127.0.0.1 and ::1" in raised.value.message


@pytest.mark.parametrize(
    "address",
    [
        "",
        "id.example.com",
        "/realms/plans",
        "ftp://127.0.0.1/",
        "https://",
        "https://a:b@id.test",
        "https://id.example.com:65536",
    ],
)
def test_an_issuer_is_a_url(address: str, clock: Clock) -> None:
    with pytest.raises(InvalidError, match="the issuer must be a URL such as https://"):
        JwksClient(address, now=clock, timeout_seconds=5)


def test_what_is_no_url_at_all_is_no_issuer(clock: Clock) -> None:
    with pytest.raises(InvalidError, match="the issuer is not a URL: "):
        JwksClient("https://id.example.com\n", now=clock, timeout_seconds=5)


@pytest.mark.parametrize("address", ["http://localhost:1", "http://127.8.8.8", "http://[::1]:1/a"])
def test_this_machine_needs_no_https(address: str, clock: Clock) -> None:
    JwksClient(address, now=clock, timeout_seconds=5)


def test_plain_http_goes_past_proxies(
    issuer: Issuer, keys: JwksClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert has(keys, a_key())


def test_https_takes_the_proxy_of_the_environment(
    issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", issuer.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    keys = JwksClient("https://id.example.com", now=clock, timeout_seconds=30)

    assert fault(keys) == "no response: ProxyError: 502 Bad Gateway"
    assert issuer.asked == ["CONNECT id.example.com:443"]


def test_https_needs_a_certificate_that_the_environment_trusts(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(os.fspath(tmp_path / "authority.pem"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Issuer(keys=[a_key().jwk()], context=context) as issuer:
        assert "CERTIFICATE_VERIFY_FAILED" in fault(keys_of(issuer, clock))

        monkeypatch.setenv("SSL_CERT_FILE", os.fspath(tmp_path / "authority.pem"))
        assert has(keys_of(issuer, clock), a_key())

        monkeypatch.setenv("SSL_CERT_FILE", os.fspath(tmp_path / "missing.pem"))
        assert fault(keys_of(issuer, clock)).startswith("no response: FileNotFoundError")


@pytest.mark.parametrize(
    ("algorithm", "fits"),
    [
        ("RS256", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ("ES256", {"ES256"}),
        ("ES384", {"ES384"}),
        ("ES512", {"ES512"}),
        ("EdDSA", {"EdDSA"}),
        ("EdDSA on Ed448", {"EdDSA"}),
    ],
)
def test_a_key_fits_the_algorithms_of_its_kind(
    issuer: Issuer, keys: JwksClient, algorithm: str, fits: set[str]
) -> None:
    key = a_key("one", algorithm)
    issuer.keys[:] = [key.jwk()]

    tried = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
    tried += ["ES256", "ES384", "ES512", "ES256K", "EdDSA", "HS256", "none"]
    found = {one for one in tried if has(keys, SigningKey("one", one, key.private))}
    assert found == fits


def test_a_key_for_one_algorithm_fits_no_other(issuer: Issuer, keys: JwksClient) -> None:
    issuer.keys[:] = [a_key().jwk(alg="PS256")]

    assert has(keys, SigningKey("first", "PS256", a_key().private))
    assert not has(keys, a_key())


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"use": ["sig"]},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"kid": 1},
        {"kty": None},
        {"kty": "oct"},
        {"kty": ["RSA"]},
        {"alg": "RSA-OAEP"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": 256},
        {"n": None},
        {"n": 5},
        {"n": "!"},
        {"n": ""},
        {"e": "AA"},
    ],
    ids=str,
)
def test_what_signs_no_tokens_does_not_count_and_harms_no_other_key(
    issuer: Issuer, keys: JwksClient, changes: dict[str, Any]
) -> None:
    second = a_key("second")
    issuer.keys[:] = [None, 1, "key", [], {}, a_key().jwk(**changes), second.jwk()]

    assert not has(keys, a_key())
    assert has(keys, second)
    assert has(keys, second, named=False)


@pytest.mark.parametrize("kind", ["RS256", "ES256", "EdDSA"])
def test_a_key_whose_private_part_is_published_does_not_count(
    issuer: Issuer, keys: JwksClient, kind: str
) -> None:
    key = a_key("one", kind)
    private = key.private
    match private:
        case rsa.RSAPrivateKey() | ec.EllipticCurvePrivateKey():
            numbers = private.private_numbers()
            d = numbers.d if isinstance(numbers, rsa.RSAPrivateNumbers) else numbers.private_value
            secret = d.to_bytes(256 if kind == "RS256" else 32)
        case _:
            secret = private.private_bytes_raw()
    issuer.keys[:] = [key.jwk(d=encoded(secret))]

    with pytest.raises(UnauthenticatedError, match=r"a key that .* does not publish"):
        keys.get_key("one", kind)


@pytest.mark.parametrize("changes", [{"use": None}, {"key_ops": ["verify"]}, {"alg": "RS256"}])
def test_a_key_need_not_say_what_it_is_for(
    issuer: Issuer, keys: JwksClient, changes: dict[str, Any]
) -> None:
    issuer.keys[:] = [a_key().jwk(**changes)]

    assert has(keys, a_key())


def test_a_short_rsa_key_does_not_count(issuer: Issuer, keys: JwksClient) -> None:
    short = a_key("short", size=1024)
    issuer.keys.append(short.jwk())

    assert not has(keys, short)


def test_a_point_that_is_not_on_its_curve_is_no_key(issuer: Issuer, keys: JwksClient) -> None:
    key = a_key("one", "ES256")
    issuer.keys[:] = [key.jwk(y=key.jwk()["x"])]

    assert not has(keys, key)


def test_without_a_name_there_must_be_one_fitting_key(
    issuer: Issuer, keys: JwksClient, clock: Clock
) -> None:
    curve = a_key("curve", "ES256")
    issuer.keys.append(curve.jwk())

    assert has(keys, a_key(), named=False)
    assert has(keys, curve, named=False)

    issuer.keys.append(a_key("second").jwk())
    clock.advance(timedelta(minutes=5))
    assert not has(keys, a_key(), named=False)
    assert has(keys, curve, named=False)


def test_a_name_of_two_fitting_keys_names_none(issuer: Issuer, keys: JwksClient) -> None:
    issuer.keys.append(a_key("second").jwk(kid="first"))

    with pytest.raises(UnauthenticatedError, match="the issuer publishes several"):
        keys.get_key("first", "RS256")


def test_a_key_without_a_name_is_not_found_by_one(issuer: Issuer, keys: JwksClient) -> None:
    issuer.keys[:] = [a_key().jwk(kid=None)]

    assert not has(keys, a_key())
    assert has(keys, a_key(), named=False)


a_scalar = some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8)
anything = a_scalar | some.lists(a_scalar, max_size=2)
members = some.sampled_from(["kty", "crv", "kid", "use", "key_ops", "alg", "n", "e", "x", "y"])


@settings(deadline=None)
@given(some.sampled_from(["RS256", "ES256", "EdDSA"]), some.dictionaries(members, anything))
def test_no_key_set_breaks_the_reading(algorithm: str, changes: dict[str, Any]) -> None:
    described = {**a_key("one", algorithm).jwk(), **changes}

    kept = _read_keys({"keys": [described, a_key().jwk()]})

    assert kept[-1].id == "first"
