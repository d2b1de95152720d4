"""Redaction of secrets in texts: known secrets, and those in URLs and assignments.

The known secrets are global to the process, like its environment: a process serves one
application.
"""

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from scenarist.domain.secret_names import is_secret_in_query, is_surely_secret

MASK = "***"

_MIN_LENGTH = 4
"""The minimum length, in characters, of secrets that are searched for in texts."""

_MIN_LENGTH_WITHIN_WORDS = 8
"""Shorter secrets are found only as whole words, as are plain words of lower case."""

_MIN_LINE_LENGTH = 16
"""The minimum length of a line of a multi-line secret that is a secret by itself."""

_OWN_WORDS = frozenset(
    {
        *("data", "node", "nodes", "task", "tasks", "value"),
        *("values", "file", "files", "folder", "path", "table", "tables", "column", "columns"),
        *("rows", "read", "write", "written", "name", "type", "json", "parquet", "excel", "pickle"),
        *("query", "scenario", "scenarios", "sequence", "cycle", "jobs", "submission", "input"),
        *("inputs", "output", "outputs", "function", "error", "line", "module", "server", "worker"),
        *("database", "default", "config", "text", "list", "object", "number", "there", "that"),
        *("this", "with", "from", "could", "cannot", "does", "have", "been", "after", "before"),
    }
)
"""Words of the messages of this package: a mask in their place would tell them."""

_PYTHON_WORDS = frozenset({"true", "false", "none", "null"})

# Further "@" belong to the user info; a port that is not a number is a password with a slash.
_USER = re.compile(
    r"://(?:[^\s/?#\"'<>@]*@)+|://[^\s/?#:\"'<>@]{0,256}:(?!\d{0,5}(?:[/?#\s\"'<>]|$))[^\s\"'<>]{0,256}@"
)
_PARAMETER = re.compile(r"([?&;#])([\w.\-%]{1,64}+)=([^\s&;#\"'<>\\]+)")
_ASSIGNED = re.compile(r"(?<![\w.\-])([\w.\-]{1,64}+)=([\"']?)([^\s&;,\"'(){}\[\]<>]+)")
_HEADER = re.compile(r"(authorization[\"']?\s?[:=]\s?[\"']?\w{1,16}\s)([^\s\"',;]+)", re.IGNORECASE)
_GAP = re.compile(r"\n… \d+ bytes left out …\n")


def mask_secrets(text: str) -> str:
    """Mask the parts of a text that are recognizable as secrets.

    These are users and passwords in URLs, URL parameters with the name of a secret, values
    assigned to such a name (``password=…``), and the header ``Authorization``. `redact` finds
    other secrets.
    """
    if "://" in text:
        text = _USER.sub(f"://{MASK}@", text)
    if "=" in text:
        text = _PARAMETER.sub(_mask_parameter, text)
        text = _ASSIGNED.sub(_mask_assigned, text)
    if "uthorization" in text or "UTHORIZATION" in text:
        text = _HEADER.sub(rf"\1{MASK}", text)
    return text


class Redactor:
    """Replaces known secrets in texts.

    Args:
        known: Replacements by secret. Secrets that are too short, or words such as ``true`` and
            ``data``, are ignored.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        forms: dict[str, str] = {}
        for secret, mark in known.items():
            for part in _iter_parts(secret):
                mark = mark if part == secret or mark.startswith("ENV[") else MASK
                for form in _find_forms(part):
                    # A reference of the author's is more informative than a mask.
                    if forms.get(form, MASK) == MASK:
                        forms[form] = mark
        self._forms = sorted(forms.items(), key=lambda item: -len(item[0]))

    def __call__(self, text: str) -> str:
        """Replace known secrets in a text, and mask those that `mask_secrets` finds."""
        for form, replacement in self._forms:
            if form in text:
                text = _replace_form(text, form, replacement)
        return mask_secrets(text)

    def redact_log(self, text: str) -> str:
        """Redact the log of a job, including parts of secrets where the log was cut."""
        if not text or not self._forms:
            return mask_secrets(text)
        pieces, gaps = _GAP.split(text), [*_GAP.findall(text), ""]
        last = len(pieces) - 1
        whole = []
        for number, (piece, gap) in enumerate(zip(pieces, gaps, strict=True)):
            if number:
                piece = self._mask_cut_beginning(piece)
            whole += [self(self._mask_cut_end(piece, is_last=number == last)), gap]
        return "".join(whole)

    def _mask_cut_end(self, text: str, *, is_last: bool) -> str:
        """Mask the beginning of a secret at the end of a text."""
        for form, _ in self._forms:
            if is_last and text.endswith(form):
                continue
            for size in range(min(len(form) - 1, len(text)), _MIN_LENGTH - 1, -1):
                if text.endswith(form[:size]):
                    return text[:-size] + MASK
        return text

    def _mask_cut_beginning(self, text: str) -> str:
        """Mask the end of a secret at the beginning of a text."""
        for form, _ in self._forms:
            for size in range(min(len(form) - 1, len(text)), _MIN_LENGTH - 1, -1):
                if text.startswith(form[-size:]):
                    return MASK + text[size:]
        return text


_redactor = Redactor({})


def set_known_secrets(known: Mapping[str, str]) -> None:
    """Set the secrets that `redact` replaces, by their replacements; forget earlier ones."""
    global _redactor
    _redactor = Redactor(known)


def redact(text: str) -> str:
    """Replace the secrets known to this process in a text."""
    return _redactor(text)


def redact_log(text: str) -> str:
    """Replace the secrets known to this process in the log of a job."""
    return _redactor.redact_log(text)


def _iter_parts(secret: str) -> Iterable[str]:
    """Yield the parts of a secret that are secret: itself, long lines, passwords in URLs."""
    yield secret
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _MIN_LINE_LENGTH)
    found = []
    for match in _USER.finditer(secret):
        user, _, password = match[0].removeprefix("://").removesuffix("@").partition(":")
        found.append(password or user)
    found += [item for _, name, item in _PARAMETER.findall(secret) if is_secret_in_query(name)]
    found += [item for name, _, item in _ASSIGNED.findall(secret) if is_surely_secret(name)]
    for item in found:
        yield from {item, unquote(item), unquote_plus(item)}


def _find_forms(secret: str) -> set[str]:
    """Return the forms in which a secret may occur in a text: as is, in a URL, in a literal."""
    if len(secret) < _MIN_LENGTH or secret in _OWN_WORDS or secret.lower() in _PYTHON_WORDS:
        return set()
    quoted = {
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
    }
    literal = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, repr(secret)[1:-1], *quoted, *literal}


def _replace_form(text: str, form: str, replacement: str) -> str:
    is_word = form.isalpha() and form.islower() and len(form) < _MIN_LINE_LENGTH
    if len(form) >= _MIN_LENGTH_WITHIN_WORDS and not is_word:
        return text.replace(form, replacement)
    return re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", lambda _: replacement, text)


def _mask_parameter(found: re.Match[str]) -> str:
    before, name, _ = found.groups()
    return f"{before}{name}={MASK}" if is_secret_in_query(name) else found[0]


def _mask_assigned(found: re.Match[str]) -> str:
    name, quotation, _ = found.groups()
    return f"{name}={quotation}{MASK}" if is_surely_secret(name) else found[0]
