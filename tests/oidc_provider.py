"""Issuers of tokens: a real OpenID provider, and one that also does what a real one should not."""

import base64
import json
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CONFIGURATION = "/.well-known/openid-configuration"
KEY_SET = "/keys"

PATIENCE_SECONDS = 30

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)

_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: dict[str, tuple[str, ec.EllipticCurve]] = {
    "ES256": ("P-256", ec.SECP256R1()),
    "ES384": ("P-384", ec.SECP384R1()),
    "ES512": ("P-521", ec.SECP521R1()),
}


class Provider:
    """oidc-provider-mock in a process of its own, on a free port."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "oidc_provider_mock", "--port=0", "--token-max-age=600"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        said = ""
        while (found := re.search(r"running on (http://\S+)", said)) is None:
            line = self._process.stderr.readline()
            assert line, said
            said += line
        self.url = found[1]
        # Nobody else reads what it logs, and a full pipe would stop it.
        self._drain = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._drain.start()
        self._client = httpx.Client(base_url=self.url, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()
        self._process.kill()
        self._process.wait()
        self._drain.join()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def sign_in(self, subject: str, audience: str, **claims: Any) -> dict[str, Any]:
        """Sign somebody in by the authorization code flow; return the tokens."""
        answer = self._client.put(f"/users/{quote(subject)}", json=claims)
        assert answer.is_success, answer.text
        client = {"client_id": audience, "redirect_uri": "http://127.0.0.1/signed-in"}
        answer = self._client.post(
            "/oauth2/authorize",
            params={**client, "response_type": "code", "scope": "openid profile"},
            data={"sub": subject},
        )
        (code,) = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
        answer = self._client.post(
            "/oauth2/token",
            data={
                **client,
                "client_secret": "anything",
                "grant_type": "authorization_code",
                "code": code,
            },
        )
        assert answer.is_success, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens


@dataclass(frozen=True)
class SigningKey:
    """A key of an issuer, and what it signs; made without the library that is tested.

    Args:
        algorithm: The one that it signs with.
    """

    id: str
    algorithm: str
    private: PrivateKey

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """Return how the key is published; a change to None takes a member away."""
        described = {"kid": self.id, "use": "sig", **_public_members(self.private), **changes}
        return {name: value for name, value in described.items() if value is not None}

    def token(self, claims: Mapping[str, Any] | bytes, **header: Any) -> str:
        """Sign claims; a member of the header that is None is left out."""
        described = {"alg": self.algorithm, "typ": "JWT", "kid": self.id, **header}
        described = {name: value for name, value in described.items() if value is not None}
        signed = signing_input(described, claims)
        return f"{signed}.{encoded(self.signature(signed.encode()))}"

    def signature(self, signed: bytes) -> bytes:
        digest = _HASHES.get(self.algorithm[2:])
        match self.private:
            case rsa.RSAPrivateKey():
                assert digest is not None
                if self.algorithm.startswith("RS"):
                    return self.private.sign(signed, padding.PKCS1v15(), digest)
                scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
                return self.private.sign(signed, scheme, digest)
            case ec.EllipticCurvePrivateKey():
                assert digest is not None
                pair = decode_dss_signature(self.private.sign(signed, ec.ECDSA(digest)))
                size = (self.private.key_size + 7) // 8
                return b"".join(number.to_bytes(size) for number in pair)
            case _:
                return self.private.sign(signed)


def a_key(id: str = "first", algorithm: str = "RS256", size: int = 2048) -> SigningKey:
    """Return a key; it is made once, for that takes its time."""
    return _made(id, algorithm, size)


@cache
def _made(id: str, algorithm: str, size: int) -> SigningKey:
    private: PrivateKey
    if algorithm in _CURVES:
        private = ec.generate_private_key(_CURVES[algorithm][1])
    elif algorithm == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
    elif algorithm == "EdDSA on Ed448":
        algorithm, private = "EdDSA", ed448.Ed448PrivateKey.generate()
    else:
        private = rsa.generate_private_key(65537, size)
    return SigningKey(id, algorithm, private)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def signing_input(header: Mapping[str, Any], claims: Mapping[str, Any] | bytes) -> str:
    """Return the first two parts of a token."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return f"{encoded(json.dumps(header).encode())}.{encoded(payload)}"


def _public_members(private: PrivateKey) -> dict[str, str]:
    match private:
        case rsa.RSAPrivateKey():
            numbers = private.public_key().public_numbers()
            return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        case ec.EllipticCurvePrivateKey():
            point = private.public_key().public_numbers()
            size = (private.key_size + 7) // 8
            name = next(name for name, curve in _CURVES.values() if curve.name == point.curve.name)
            return {
                "kty": "EC",
                "crv": name,
                "x": encoded(point.x.to_bytes(size)),
                "y": encoded(point.y.to_bytes(size)),
            }
        case _:
            raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            curve = "Ed25519" if isinstance(private, ed25519.Ed25519PrivateKey) else "Ed448"
            return {"kty": "OKP", "crv": curve, "x": encoded(raw)}


def _number(number: int) -> str:
    return encoded(number.to_bytes((number.bit_length() + 7) // 8))


@dataclass
class Issuer:
    """Publishes keys over HTTP on a port of its own, and does what it is told.

    Attributes:
        keys: The key set that it publishes.
        changes: To what else its configuration says.
        instead: Writes an answer of its own to those who ask for a path.
        asked: What was asked for, in order.
        headers: Those of the last question.
        is_open: While it is not set, nothing is answered.
    """

    keys: list[Any] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    instead: dict[str, Callable[[BufferedIOBase], None]] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    is_open: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def __enter__(self) -> Self:
        self.is_open.set()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_open.set()
        self.stop()

    @property
    def url(self) -> str:
        return f"{'http' if self.context is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def fetches(self) -> int:
        """How often the keys were asked for."""
        return self.asked.count(f"GET {KEY_SET}")

    def start(self) -> None:
        """Listen, at the same address as before."""
        self._server = _server(self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Go away: nobody listens any more. Doing so again does nothing."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str) -> object:
        if path == KEY_SET:
            return {"keys": self.keys}
        return {"issuer": self.url, "jwks_uri": self.url + KEY_SET, **self.changes}


def _server(issuer: Issuer) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(f"{self.command} {self.path}")
            issuer.headers = {name.lower(): value for name, value in self.headers.items()}
            issuer.is_open.wait(PATIENCE_SECONDS)
            if self.path in issuer.instead:
                issuer.instead[self.path](self.wfile)
                return
            content = json.dumps(issuer.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_CONNECT(self) -> None:
            issuer.asked.append(f"{self.command} {self.path}")
            self.send_error(502)

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Somebody who hangs up is no fault of the issuer."""

    server = Server(("127.0.0.1", issuer.port), Handler)
    if issuer.context is not None:
        server.socket = issuer.context.wrap_socket(server.socket, server_side=True)
    return server
