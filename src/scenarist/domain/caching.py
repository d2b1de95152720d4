"""Cache keys: digests of everything that the outputs of a job are computed from.

See docs/decisions/0114.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from scenarist.domain.locations import TEMPLATE_KEYS, is_replaced_in_place
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES


@dataclass(frozen=True, slots=True)
class CachedEnd:
    """A data node at one end of a task, as far as cache keys depend on it.

    Args:
        declared_type: The type in which a function gets its value, as text.
        figures: Places of the numbers that outcomes take from its value as it is written.
        expires: Whether its values are valid for a limited time only.
    """

    config_id: str
    storage_type: str
    properties: Mapping[str, Any]
    declared_type: str | None = None
    figures: tuple[str, ...] = ()
    expires: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a value.

    Args:
        digest: Of its bytes; None if it is not known.
        kept_as: See `Edit.kept_as`.
    """

    digest: str | None
    python_type: str | None
    kept_as: Mapping[str, Any] | None = None


def find_cache_fault(
    inputs: Iterable[CachedEnd], outputs: Sequence[CachedEnd], code_digest: str | None
) -> str | None:
    """Return why the outputs of a task are never taken from the cache; None if they can be."""
    if not outputs:
        return "it writes no data node"
    for end in outputs:
        if is_replaced_in_place(end.storage_type, end.properties):
            return f"it writes data node {end.config_id!r} to a place that the user named"
        if end.expires:
            return f"it writes data node {end.config_id!r}, which has a validity period"
    for end in inputs:
        if end.storage_type in EXTERNAL_STORAGE_TYPES:
            return (
                f"it reads data node {end.config_id!r}, whose value is kept outside and has no "
                "digest"
            )
    return None if code_digest is not None else "its code cannot be read"


def digest_cached_task(
    function: str,
    code_digest: str,
    cache_version: str | None,
    inputs: Iterable[CachedEnd],
    outputs: Iterable[CachedEnd],
) -> str:
    """Return a digest of what is the same in all cache keys of a task."""
    ends = [
        [
            [
                end.storage_type,
                _without_places(end.properties),
                end.declared_type,
                sorted(end.figures),
            ]
            for end in some
        ]
        for some in (inputs, outputs)
    ]
    return _digest(function, code_digest, cache_version, *ends)


def make_cache_key(of_task: str, inputs: Iterable[Content]) -> str | None:
    """Return the cache key of a job; None if the content of one of its inputs is not known.

    Args:
        of_task: What `digest_cached_task` returned.
        inputs: What it would read, in order.
    """
    parts: list[Any] = []
    for content in inputs:
        if content.digest is None:
            return None
        kept = content.kept_as
        kept_as = kept and [kept["storage_type"], _without_places(kept["properties"])]
        parts.append([content.digest, content.python_type, kept_as])
    return _digest(of_task, parts)


def explain_cached(job_id: str) -> str:
    """Return the reason of a job whose outputs were taken from the cache."""
    return (
        f"its outputs were taken from the cache: job {job_id} has computed them from the same "
        "contents with the same code"
    )


def _without_places(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key not in TEMPLATE_KEYS}


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
