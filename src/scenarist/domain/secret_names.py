"""Recognition of secrets by name, where nothing declares what is secret.

This is a fallback: storages declare which of their parameters are safe, and authors list theirs.
"""

import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PARTS = re.compile(
    r"passw(or)?d|passwort|kennwort|passphrase|passcode|pwd|secret|token|credential|signature"
    r"|(access|account|api|auth|private|encryption|secret|master|shared|customer|license|ssh)_?key"
    r"|connection_?string|conn_?str",
    re.IGNORECASE,
)
_WORDS = frozenset(
    {
        *("pass", "pw", "psw", "pin", "pat", "otp", "totp", "jwt", "bearer", "auth", "oauth"),
        *("authorization", "authentication", "cookie", "cookies", "sas", "sig", "hmac", "dsn"),
        *("cred", "creds", "salt", "psk"),
    }
)
_HARMLESS_PREFIXES = frozenset(
    {
        *("primary", "foreign", "object", "sort", "group", "partition", "row", "column", "index"),
        *("join", "merge", "unique", "natural", "composite", "cache", "lookup", "dictionary"),
        *("mon", "tur", "don", "jo", "hoc", "whis"),
    }
)
"""Words before ``key`` with which it is not a secret, as in ``primary_key`` and ``monkey``."""

_IN_QUERIES = frozenset({"code", "state"})


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a name suggests that its value is secret."""
    if _PARTS.search(name):
        return True
    words = [word.lower() for word in _WORD.findall(name[:200])]
    if not _WORDS.isdisjoint(words):
        return True
    for before, word in zip(["", *words], words, strict=False):
        if word == "key" and before not in _HARMLESS_PREFIXES:
            return True
        if word.endswith("key") and word != "key" and word[:-3] not in _HARMLESS_PREFIXES:
            return True
    return False


def is_secret_in_query(name: str) -> bool:
    """Whether the name of a URL parameter suggests that its value is secret."""
    return name.lower() in _IN_QUERIES or is_secret_name(name)


def is_surely_secret(name: str) -> bool:
    """Whether a name means a secret in an arbitrary text, with few false positives."""
    return _PARTS.search(name) is not None and not name.lower().endswith("tokens")
