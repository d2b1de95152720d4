"""Users and keys for programs, for administrators."""

from collections.abc import Sequence

from msgspec import UNSET

from scenarist import schemas
from scenarist.client.entities import Entities, Listing, Timestamp, build_if_match, format_timestamp
from scenarist.client.transport import Call, path_of


class Users(Entities[schemas.User]):
    _name = "users"
    _results = schemas.Results[schemas.User]

    def _read_one(self, body: bytes) -> schemas.User:
        return self._transport.read(body, schemas.OneUser).user

    def create(self, username: str, password: str, roles: Sequence[str]) -> schemas.User:
        body = schemas.CreateUser(username=username, password=password, roles=list(roles))
        call = Call(method="POST", path=path_of(self._name), body=body)
        return self._transport.fetch(call, schemas.UserCreated).user

    def change(
        self,
        username: str,
        *,
        roles: Sequence[str] | None = None,
        password: str | None = None,
        if_match: str | None = None,
    ) -> schemas.User:
        """Change the given fields; a new password ends all sessions of the user."""
        body = schemas.ChangeUser(
            roles=UNSET if roles is None else list(roles),
            password=UNSET if password is None else password,
        )
        path = path_of(self._name, username)
        call = Call(method="PATCH", path=path, body=body, headers=build_if_match(if_match))
        return self._transport.fetch(call, schemas.OneUser).user

    def delete(self, username: str, *, if_match: str | None = None) -> None:
        """Delete a user, with the user's sessions and the keys that the user has created."""
        self._delete(username, if_match)

    def list(self, *, sort: str | None = None) -> Listing[schemas.User]:
        return self._list(locals())


class Keys(Entities[schemas.Key]):
    _name = "keys"
    _results = schemas.Results[schemas.Key]

    def _read_one(self, body: bytes) -> schemas.Key:
        return self._transport.read(body, schemas.OneKey).key

    def create(
        self, name: str, roles: Sequence[str], *, expires_at: Timestamp | None = None
    ) -> schemas.KeyCreated:
        """Create a key; only this response has its token.

        Args:
            expires_at: A timestamp, or a date for the start of its day; the default is in 90 days.
        """
        moment = format_timestamp(expires_at)
        body = schemas.CreateKey(
            name=name, roles=list(roles), expires_at=UNSET if moment is None else moment
        )
        call = Call(method="POST", path=path_of(self._name), body=body)
        return self._transport.fetch(call, schemas.KeyCreated)

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Revoke a key: the next request that uses it is refused."""
        self._delete(id, if_match)

    def list(self, *, sort: str | None = None) -> Listing[schemas.Key]:
        return self._list(locals())
