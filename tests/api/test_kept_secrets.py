"""Secrets are in neither the database nor the logs nor an answer."""

from servers import StartedServer

SUBSCRIBED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def kept_by(server: StartedServer) -> bytes:
    """Return all that the database holds, with what is still in its log."""
    files = [path for path in server.folder.glob("scenarist.db*") if path.is_file()]
    assert files
    return b"".join(path.read_bytes() for path in files)


def test_a_password_of_a_data_node_stands_in_no_record(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    one = shelves.http.get(f"/api/v1/datanodes/{shelf['vault']}").text

    assert "keeper" in one
    assert "sesame" not in one
    assert b"keeper" in kept_by(shelves)
    assert b"sesame" not in kept_by(shelves)


def test_the_secret_of_a_webhook_is_shown_once_and_sealed(shelves: StartedServer) -> None:
    scenario = shelves.create("shelf")["id"]
    path = f"/api/v1/scenarios/{scenario}/subscribers"

    made = shelves.http.post(
        path, json={"url": "https://example.com/hooks/scenarist", "secret": SUBSCRIBED}
    )

    assert made.json()["secret"] == SUBSCRIBED
    assert SUBSCRIBED not in shelves.http.get(path).text
    assert b"example.com/hooks" in kept_by(shelves)
    assert SUBSCRIBED.encode() not in kept_by(shelves)


def test_what_the_server_makes_is_for_the_eyes_of_its_owner(shelves: StartedServer) -> None:
    modes = {
        path.name: oct(path.stat().st_mode & 0o777)
        for path in shelves.folder.iterdir()
        if path.is_file() and path.name.startswith(("scenarist.db", "secret"))
    }

    assert {mode for name, mode in modes.items() if not name.endswith(".lock")} == {"0o600"}
