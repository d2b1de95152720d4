"""Signing in, users, keys of machines and the audit."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from scenarist.domain.permissions import Role
from scenarist.domain.users import LONGEST_PASSWORD, SHORTEST_PASSWORD
from scenarist.schemas.base import Request

Roles = Annotated[
    list[str],
    Meta(
        description="What they allow adds up.",
        examples=[["TAIPY_EDITOR", "TAIPY_EXECUTOR"]],
        extra_json_schema={"items": {"type": "string", "enum": list(Role)}},
    ),
]
Username = Annotated[str, Meta(description="In any case of its letters.", examples=["ines"])]
Password = Annotated[
    str,
    Meta(
        min_length=SHORTEST_PASSWORD,
        max_length=LONGEST_PASSWORD,
        examples=["correct horse battery staple"],
    ),
]


class Login(Request, kw_only=True, frozen=True):
    username: Username
    password: Annotated[str, Meta(examples=["correct horse battery staple"])]


class SignedIn(Struct, kw_only=True, frozen=True):
    """The token goes into the header ``Authorization: Bearer TOKEN`` of each request."""

    message: str
    token: str
    username: str
    roles: list[str]
    expires_at: Annotated[
        datetime | None, Meta(description="null while authorization is off: nothing expires.")
    ]


class Me(Struct, kw_only=True, frozen=True):
    """Who asks, as the server sees it."""

    username: str
    id: Annotated[
        str,
        Meta(
            description="The identity: what records and locks are compared by.",
            examples=["USER_3"],
        ),
    ]
    roles: list[str]
    key_id: Annotated[str | None, Meta(description="The key that was shown, when it was one.")]


class ChangePassword(Request, kw_only=True, frozen=True):
    old_password: str
    new_password: Password


class User(Struct, kw_only=True, frozen=True):
    username: str
    roles: list[str]
    realm: Annotated[
        str, Meta(description="Who knows the password: `local`, or `ldap` for a directory.")
    ]
    is_declared: Annotated[
        bool, Meta(description="Whether the configuration file declares the user.")
    ]
    has_password: Annotated[bool, Meta(description="Whether a password is kept here.")]
    creation_date: datetime


class OneUser(Struct, kw_only=True, frozen=True):
    user: User


class CreateUser(Request, kw_only=True, frozen=True):
    username: Annotated[
        Username, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._@+-]*$", min_length=1, max_length=128)
    ]
    password: Password
    roles: Roles


class ChangeUser(Request, kw_only=True, frozen=True):
    """What is not given stays. A new password ends all sessions of the user."""

    roles: Roles | UnsetType = UNSET
    password: Password | UnsetType = UNSET


class UserCreated(Struct, kw_only=True, frozen=True):
    message: str
    user: User


class Key(Struct, kw_only=True, frozen=True):
    """A credential of a machine; its text is shown once, in the answer to its creation."""

    id: str
    name: str
    roles: list[str]
    made_by: str
    made_by_id: Annotated[
        str | None, Meta(description="The identity of that actor; null for an older key.")
    ]
    creation_date: datetime
    expires_at: datetime


class OneKey(Struct, kw_only=True, frozen=True):
    key: Key


class CreateKey(Request, kw_only=True, frozen=True):
    name: Annotated[
        str,
        Meta(
            description="Printable characters; each key has its own.",
            examples=["ci"],
            min_length=1,
            max_length=128,
        ),
    ]
    roles: Roles
    expires_at: Annotated[
        str | UnsetType,
        Meta(
            description="In 90 days when left out; at most in 400. RFC 3339, or a date; without a "
            "time zone it is in the server's.",
            examples=["2026-01-31T12:00:00Z"],
        ),
    ] = UNSET


class KeyCreated(Struct, kw_only=True, frozen=True):
    message: str
    key: Key
    token: Annotated[str, Meta(description="Goes into the header `Authorization: Bearer TOKEN`.")]


class AuditEntry(Struct, kw_only=True, frozen=True):
    """One change that somebody made, or one request that was refused."""

    number: int
    creation_date: datetime
    actor: Annotated[str | None, Meta(description="null for somebody who is not known.")]
    actor_id: Annotated[
        str | None,
        Meta(description="The identity of that actor, which stays when the name changes."),
    ]
    key_id: str | None
    address: str
    operation: Annotated[
        str, Meta(description="As in the API description.", examples=["createSequence"])
    ]
    entity_id: Annotated[
        str | None, Meta(description="What it was done to, where there is one such thing.")
    ]
    is_allowed: bool
    reason: Annotated[str | None, Meta(description="Why it was refused.")]
