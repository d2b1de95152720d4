"""The typed Python client of the REST paths, for programs and notebooks.

May import: schemas and the vocabulary of domain; the HTTP library when a client is created.
Never here: anything of the server; the client knows only the contract.
"""

from scenarist.client.client import Client
from scenarist.client.entities import Listing, Tagged
from scenarist.client.errors import (
    ChangedError,
    ClientError,
    ConflictError,
    DeniedError,
    InvalidError,
    MissingExtraError,
    NotFoundError,
    ProblemError,
    ThrottledError,
    TransportError,
    TruncatedError,
    UnauthenticatedError,
    UnavailableError,
    WaitTimeoutError,
)
from scenarist.client.events import EventStream
from scenarist.client.submissions import Submitted

__all__ = [
    "ChangedError",
    "Client",
    "ClientError",
    "ConflictError",
    "DeniedError",
    "EventStream",
    "InvalidError",
    "Listing",
    "MissingExtraError",
    "NotFoundError",
    "ProblemError",
    "Submitted",
    "Tagged",
    "ThrottledError",
    "TransportError",
    "TruncatedError",
    "UnauthenticatedError",
    "UnavailableError",
    "WaitTimeoutError",
]
