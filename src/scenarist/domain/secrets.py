"""What must not be shown of the properties of data nodes."""

import re
from collections.abc import Mapping
from typing import Any

from scenarist.domain.environment import TYPED_ENV

MASK = "***"

_SECRET_NAME = re.compile(
    r"passw(or)?d|passphrase|pwd|secret|token|credential|signature"
    r"|(access|account|api|auth|private|encryption|secret)_?key"
    r"|connection_?string|conn_?str",
    re.IGNORECASE,
)
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/?#:@]*):[^\s/?#]*@")


def masked(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties with ``***`` in place of secrets, known by the names that they have.

    Passwords in URLs are masked, too. A bare reference to an environment variable is no secret.
    """
    return {name: _shown(name, value) for name, value in properties.items()}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, str) and TYPED_ENV.fullmatch(value):
        return value
    if _SECRET_NAME.search(name) and value is not None:
        return MASK
    if isinstance(value, Mapping):
        return masked(value)
    if isinstance(value, list | tuple):
        return [_shown("", item) for item in value]
    if isinstance(value, str):
        return _PASSWORD_IN_URL.sub(rf"\1:{MASK}@", value)
    return value
