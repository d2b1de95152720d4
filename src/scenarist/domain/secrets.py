"""What must be neither shown nor stored of the properties of data nodes."""

import re
from collections.abc import Mapping
from typing import Any

from scenarist.domain.environment import TYPED_ENV

MASK = "***"

Values = dict[str, str]
"""What environment variables hold, by name."""

_SECRET_NAME = re.compile(
    r"passw(or)?d|passphrase|pwd|secret|token|credential|signature"
    r"|(access|account|api|auth|private|encryption|secret)_?key"
    r"|connection_?string|conn_?str",
    re.IGNORECASE,
)
_NOT_A_NAME = re.compile(r"\W", re.ASCII)
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/?#:@]*):[^\s/?#]*@")


def referenced(config_id: str, properties: Mapping[str, Any]) -> tuple[dict[str, Any], Values]:
    """Put a reference to an environment variable in place of each secret of a data node config.

    The database then holds the references, and whoever starts with the variables has the secrets,
    as with those that the author took from the environment.

    Returns:
        The properties, and what the variables hold; references within it are not resolved yet.
    """
    values: Values = {}
    place = f"SCENARIST_DATANODE_{config_id}"
    return {
        name: _reference(f"{place}_{name}", name, value, values)
        for name, value in properties.items()
    }, values


def _reference(
    place: str, name: str, value: Any, values: Values, *, is_secret: bool = False
) -> Any:
    is_secret = is_secret or _SECRET_NAME.search(name) is not None
    if isinstance(value, Mapping):
        return {
            key: _reference(f"{place}_{key}", str(key), item, values, is_secret=is_secret)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _reference(f"{place}_{position}", "", item, values, is_secret=is_secret)
            for position, item in enumerate(value)
        ]
    if not _is_clear(value, is_secret=is_secret):
        return value
    variable = _NOT_A_NAME.sub("_", place)
    values[variable] = str(value)
    suffix = "" if isinstance(value, str) else f":{type(value).__name__}"
    return f"ENV[{variable}]{suffix}"


def _is_clear(value: Any, *, is_secret: bool) -> bool:
    if isinstance(value, str):
        if TYPED_ENV.fullmatch(value):
            return False
        return is_secret or _PASSWORD_IN_URL.search(value) is not None
    # A switch is no secret, whatever it is called.
    return is_secret and isinstance(value, int | float) and not isinstance(value, bool)


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
