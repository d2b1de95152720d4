"""Sessions, users, API keys and the audit log."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from scenarist.domain.permissions import Role
from scenarist.domain.users import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from scenarist.schemas.base import Request

Roles = Annotated[
    list[str],
    Meta(
        description="Role names; the permissions of all roles add up.",
        examples=[["TAIPY_EDITOR", "TAIPY_EXECUTOR"]],
        extra_json_schema={"items": {"type": "string", "enum": list(Role)}},
    ),
]
Username = Annotated[str, Meta(description="Case-insensitive.", examples=["ines"])]
Password = Annotated[
    str,
    Meta(
        min_length=MIN_PASSWORD_LENGTH,
        max_length=MAX_PASSWORD_LENGTH,
        examples=["correct horse battery staple"],
    ),
]


class Login(Request, kw_only=True, frozen=True):
    username: Username
    password: Annotated[str, Meta(examples=["correct horse battery staple"])]


class SignedIn(Struct, kw_only=True, frozen=True):
    """A new session. Send the token with each request: ``Authorization: Bearer TOKEN``."""

    message: str
    token: str
    username: str
    roles: list[str]
    expires_at: Annotated[
        datetime | None,
        Meta(description="null when authorization is off: the token never expires."),
    ]


class Me(Struct, kw_only=True, frozen=True):
    """The actor that the server derives from the credentials of the request."""

    username: str
    id: Annotated[
        str,
        Meta(
            description="Identity of the actor, which records and locks are compared by.",
            examples=["USER_3"],
        ),
    ]
    roles: list[str]
    key_id: Annotated[str | None, Meta(description="Id of the key, if the credential is a key.")]


class ChangePassword(Request, kw_only=True, frozen=True):
    old_password: str
    new_password: Password


class User(Struct, kw_only=True, frozen=True):
    username: str
    roles: list[str]
    realm: Annotated[
        str, Meta(description="Where the password is verified: `local`, or `ldap` for a directory.")
    ]
    is_declared: Annotated[
        bool, Meta(description="Whether the configuration file declares the user.")
    ]
    has_password: Annotated[bool, Meta(description="Whether this server stores a password.")]
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
    """Changes only the given fields. A new password ends all sessions of the user."""

    roles: Roles | UnsetType = UNSET
    password: Password | UnsetType = UNSET


class UserCreated(Struct, kw_only=True, frozen=True):
    message: str
    user: User


class Key(Struct, kw_only=True, frozen=True):
    """An API key. Its text is returned only once, in the response to its creation."""

    id: str
    name: str
    roles: list[str]
    made_by: str
    made_by_id: Annotated[
        str | None, Meta(description="Identity of that actor; null for older keys.")
    ]
    creation_date: datetime
    expires_at: datetime


class OneKey(Struct, kw_only=True, frozen=True):
    key: Key


class CreateKey(Request, kw_only=True, frozen=True):
    name: Annotated[
        str,
        Meta(
            description="Printable characters; unique among keys.",
            examples=["ci"],
            min_length=1,
            max_length=128,
        ),
    ]
    roles: Roles
    expires_at: Annotated[
        str | UnsetType,
        Meta(
            description="RFC 3339 or a date; without a time zone, in that of the server. Defaults "
            "to 90 days from now; at most 400 days from now.",
            examples=["2026-01-31T12:00:00Z"],
        ),
    ] = UNSET


class KeyCreated(Struct, kw_only=True, frozen=True):
    message: str
    key: Key
    token: Annotated[str, Meta(description="Send it as `Authorization: Bearer TOKEN`.")]


class AuditEntry(Struct, kw_only=True, frozen=True):
    """One entry of the audit log: a change that was made, or a request that was refused."""

    number: int
    creation_date: datetime
    actor: Annotated[str | None, Meta(description="null if the actor is unknown.")]
    actor_id: Annotated[
        str | None,
        Meta(description="Identity of that actor; it does not change when the name does."),
    ]
    key_id: str | None
    address: str
    operation: Annotated[
        str, Meta(description="Operation id of this OpenAPI document.", examples=["createSequence"])
    ]
    entity_id: Annotated[
        str | None, Meta(description="The entity concerned, if there is exactly one.")
    ]
    is_allowed: bool
    reason: Annotated[str | None, Meta(description="Why the request was refused.")]
