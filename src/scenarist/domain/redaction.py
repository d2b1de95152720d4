"""Texts without secrets: those that this process knows, and those that URLs and settings show.

What is known is of the whole process, as its environment is: one application is served by one.
"""

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from scenarist.domain.secret_names import is_secret_in_query, is_surely_secret

MASK = "***"

_SHORTEST = 4
"""Characters that a secret has at least to be looked for in texts."""

_SHORT = 8
"""Characters below which it is only found as a word of its own, as plain words are at any rate."""

_LINE = 16
"""Characters from which a line of a secret of several lines is one by itself."""

# A second "@" belongs to the user; a port that is no number is a password that has a slash.
_USER = re.compile(
    r"://(?:[^\s/?#\"'<>@]*@)+|://[^\s/?#:\"'<>@]{0,256}:(?!\d{0,5}(?:[/?#\s\"'<>]|$))[^\s\"'<>]{0,256}@"
)
_PARAMETER = re.compile(r"([?&;#])([\w.\-%]{1,64}+)=([^\s&;#\"'<>\\]+)")
_ASSIGNED = re.compile(r"(?<![\w.\-])([\w.\-]{1,64}+)=([\"']?)([^\s&;,\"'(){}\[\]<>]+)")
_HEADER = re.compile(r"(authorization[\"']?\s?[:=]\s?[\"']?\w{1,16}\s)([^\s\"',;]+)", re.IGNORECASE)
_GAP = re.compile(r"\n… \d+ bytes left out …\n")


def without_secrets(text: str) -> str:
    """Return a text with a mask for what it shows to be secret.

    Those are users and passwords in URLs, parameters of URLs with the name of a secret, values
    that are assigned to such a name (``password=…``), and the header ``Authorization``. Any other
    secret stays: see `redacted`.
    """
    if "://" in text:
        text = _USER.sub(f"://{MASK}@", text)
    if "=" in text:
        text = _PARAMETER.sub(_parameter, text)
        text = _ASSIGNED.sub(_assigned, text)
    if "uthorization" in text or "UTHORIZATION" in text:
        text = _HEADER.sub(rf"\1{MASK}", text)
    return text


class Redactor:
    """Puts something else in place of known secrets.

    Args:
        known: What is put in their place, by secret. Those that are too short, or are words such
            as ``true``, are passed over.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        forms: dict[str, str] = {}
        for secret, mark in known.items():
            for part in _parts(secret):
                mark = mark if part == secret or mark.startswith("ENV[") else MASK
                for form in _forms(part):
                    # What is the author's own reference says more than a mask.
                    if forms.get(form, MASK) == MASK:
                        forms[form] = mark
        self._forms = sorted(forms.items(), key=lambda item: -len(item[0]))

    def __call__(self, text: str) -> str:
        """Return a text without the secrets, and without what `without_secrets` finds."""
        for form, mark in self._forms:
            if form in text:
                text = _replaced(text, form, mark)
        return without_secrets(text)

    def in_log(self, text: str) -> str:
        """Return the log of a job likewise; where it is cut, a part of a secret goes as well."""
        if not text or not self._forms:
            return without_secrets(text)
        pieces, gaps = _GAP.split(text), [*_GAP.findall(text), ""]
        last = len(pieces) - 1
        whole = []
        for place, (piece, gap) in enumerate(zip(pieces, gaps, strict=True)):
            if place:
                piece = self._without_beginning(piece)
            whole += [self(self._without_end(piece, is_last=place == last)), gap]
        return "".join(whole)

    def _without_end(self, text: str, *, is_last: bool) -> str:
        """Take away the beginning of a secret at the end of a text."""
        for form, _ in self._forms:
            if is_last and text.endswith(form):
                continue
            for size in range(min(len(form) - 1, len(text)), _SHORTEST - 1, -1):
                if text.endswith(form[:size]):
                    return text[:-size] + MASK
        return text

    def _without_beginning(self, text: str) -> str:
        """Take away the end of a secret at the beginning of a text."""
        for form, _ in self._forms:
            for size in range(min(len(form) - 1, len(text)), _SHORTEST - 1, -1):
                if text.startswith(form[-size:]):
                    return MASK + text[size:]
        return text


_redactor = Redactor({})


def know(known: Mapping[str, str]) -> None:
    """Have `redacted` put something else in place of secrets, of these and no others."""
    global _redactor
    _redactor = Redactor(known)


def redacted(text: str) -> str:
    """Return a text without the secrets that this process knows."""
    return _redactor(text)


def redacted_log(text: str) -> str:
    """Return the log of a job without the secrets that this process knows."""
    return _redactor.in_log(text)


def _parts(secret: str) -> Iterable[str]:
    """Return what of a secret is one by itself: its lines, and what `without_secrets` masks."""
    yield secret
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _LINE)
    found = []
    for match in _USER.finditer(secret):
        user, _, password = match[0].removeprefix("://").removesuffix("@").partition(":")
        found.append(password or user)
    found += [item for _, name, item in _PARAMETER.findall(secret) if is_secret_in_query(name)]
    found += [item for name, _, item in _ASSIGNED.findall(secret) if is_surely_secret(name)]
    for item in found:
        yield from {item, unquote(item), unquote_plus(item)}


def _forms(secret: str) -> set[str]:
    """Return how a secret may stand in a text: as it is, in a URL, in a literal."""
    if len(secret) < _SHORTEST or secret.lower() in {"true", "false", "none", "null"}:
        return set()
    quoted = {
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
    }
    literal = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, repr(secret)[1:-1], *quoted, *literal}


def _replaced(text: str, form: str, mark: str) -> str:
    is_word = form.isalpha() and form.islower() and len(form) < _LINE
    if len(form) >= _SHORT and not is_word:
        return text.replace(form, mark)
    return re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", lambda _: mark, text)


def _parameter(found: re.Match[str]) -> str:
    before, name, _ = found.groups()
    return f"{before}{name}={MASK}" if is_secret_in_query(name) else found[0]


def _assigned(found: re.Match[str]) -> str:
    name, quotation, _ = found.groups()
    return f"{name}={quotation}{MASK}" if is_surely_secret(name) else found[0]
