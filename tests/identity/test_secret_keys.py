"""The file of secret keys: made once, for its owner alone, and changed under running servers."""

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from builders import Clock
from scenarist.domain.errors import InvalidError, UnauthenticatedError, UnavailableError
from scenarist.identity import secret_keys
from scenarist.identity.encryption import SecretCipher
from scenarist.identity.secret_keys import SecretKeys, keep_newest, rotate
from scenarist.identity.tokens import TokenSigner
from signed_in import SESSION

OPEN_IN_A_PROCESS = """
import sys
from pathlib import Path
from scenarist.identity.secret_keys import SecretKeys
sys.stdin.readline()
print(SecretKeys.from_file(Path(sys.argv[1])).derive("tokens"))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret.key"


def names(keys: SecretKeys) -> list[str]:
    return list(keys.derive("tokens"))


def test_the_file_is_made_for_its_owner_alone_whatever_the_mask(file: Path) -> None:
    before = os.umask(0)
    try:
        SecretKeys.from_file(file)
    finally:
        os.umask(before)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().strip()) == 43


def test_a_rotated_file_is_for_its_owner_alone(file: Path) -> None:
    SecretKeys.from_file(file)

    rotate(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root rotates the keys of others")
def test_a_file_that_root_rotates_stays_that_of_the_server(file: Path) -> None:
    SecretKeys.from_file(file)
    os.chown(file, 4711, 4712)

    rotate(file)

    assert (file.stat().st_uid, file.stat().st_gid) == (4711, 4712)


def test_the_next_start_finds_the_same_key(file: Path) -> None:
    first = SecretKeys.from_file(file).derive("tokens")

    assert SecretKeys.from_file(file).derive("tokens") == first


def test_processes_that_start_at_once_get_the_same_key(file: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_IN_A_PROCESS, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]

    found = {process.communicate("go\n")[0] for process in processes}

    assert len(found) == 1
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_threads_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def open_it(number: int) -> str:
        together.wait()
        return str(SecretKeys.from_file(tmp_path / f"{number // 8}.key").derive("tokens"))

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(open_it, range(160)))

    assert [len(set(found[start : start + 8])) for start in range(0, 160, 8)] == [1] * 20


@pytest.mark.parametrize("text", ["", "fifteen letters", "x" * 16 + " hidden"])
def test_a_key_that_is_too_short_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        SecretKeys.from_setting(text)

    assert all(part not in refused.value.message for part in ("fifteen", "hidden", "xxx"))


def test_a_key_of_sixteen_characters_is_taken() -> None:
    assert len(names(SecretKeys.from_setting("x" * 16))) == 1


def test_a_key_with_bytes_that_are_no_text_is_taken() -> None:
    assert len(names(SecretKeys.from_setting("x" * 16 + "\udcff"))) == 1


def test_a_file_without_a_key_is_refused(file: Path) -> None:
    file.write_text("\n")

    with pytest.raises(InvalidError):
        SecretKeys.from_file(file)


def test_a_file_that_holds_no_text_is_refused_without_showing_it(file: Path) -> None:
    file.write_bytes(b"\xff\xfe hidden and long enough")

    with pytest.raises(InvalidError, match="is not text") as refused:
        SecretKeys.from_file(file)

    assert "hidden" not in refused.value.message


def test_a_file_that_cannot_be_made_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"nowhere/secret\.key"):
        SecretKeys.from_file(tmp_path / "nowhere" / "secret.key")


def test_each_use_has_a_key_of_its_own() -> None:
    keys = SecretKeys.from_setting("x" * 16)

    derived = {key for use in ("tokens", "secrets", "name") for key in keys.derive(use).values()}

    assert len(derived) == 3
    assert all(len(key) == 32 for key in derived)


def test_the_name_of_a_key_does_not_give_it_away() -> None:
    keys = SecretKeys.from_setting("x" * 16)

    (name,) = keys.derive("tokens")

    assert len(name) == 8
    assert all(name.encode() not in key for key in keys.derive("tokens").values())


def test_a_rotation_puts_a_new_key_before_the_old_ones(file: Path) -> None:
    keys = SecretKeys.from_file(file)
    (old,) = names(keys)

    rotate(file)
    rotate(file)

    assert len(set(names(keys))) == 3
    assert names(keys)[2] == old


def test_keeping_the_newest_takes_all_others_out(file: Path) -> None:
    keys = SecretKeys.from_file(file)
    rotate(file)
    newest = names(keys)[0]

    keep_newest(file)

    assert names(keys) == [newest]


def test_a_file_that_is_written_by_halves_changes_nothing(file: Path) -> None:
    keys = SecretKeys.from_file(file)
    before = names(keys)

    for content in (b"", b"too short", b"\xff\xfe and long enough"):
        file.write_bytes(content)
        assert names(keys) == before
    file.unlink()
    assert names(keys) == before


def test_a_file_is_taken_up_once_it_is_whole_again(file: Path) -> None:
    keys = SecretKeys.from_file(file)
    file.write_text("too short")
    assert len(names(keys)) == 1

    file.write_text("first-key-whole-and-long\n")

    assert names(keys) == names(SecretKeys.from_file(file))


def test_a_change_while_the_file_is_read_is_seen_later(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SecretKeys.from_file(file)
    read = Path.read_text

    def read_and_be_overtaken(path: Path) -> str:
        text = read(path)
        monkeypatch.undo()
        rotate(file)
        return text

    monkeypatch.setattr(Path, "read_text", read_and_be_overtaken)

    keys = SecretKeys.from_file(file)

    assert len(names(keys)) == 2


def test_what_a_rotation_that_died_left_behind_does_not_come_back(file: Path) -> None:
    keys = SecretKeys.from_file(file)
    stale = f"{secret_keys.generate_key()}\n"
    for name in (f"secret.key.{os.getpid()}", f".secret.key.{os.getpid()}"):
        file.with_name(name).write_text(stale)

    rotate(file)

    assert len(names(keys)) == 2
    assert stale.strip() not in file.read_text()


def test_a_rotation_that_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be written"):
        rotate(tmp_path / "secret.key")

    assert list(tmp_path.iterdir()) == []


def test_old_tokens_verify_after_a_rotation_and_new_ones_have_the_new_key(
    file: Path, clock: Clock
) -> None:
    signer = TokenSigner(SecretKeys.from_file(file), now=clock)
    old = signer.issue("ann", clock.at + SESSION)

    rotate(file)
    new = signer.issue("ann", clock.at + SESSION)

    assert signer.read(old.text) == old.id_hash
    keep_newest(file)
    assert TokenSigner(SecretKeys.from_file(file), now=clock).read(new.text) == new.id_hash


def test_keeping_the_newest_ends_old_tokens_in_a_running_server(file: Path, clock: Clock) -> None:
    signer = TokenSigner(SecretKeys.from_file(file), now=clock)
    old = signer.issue("ann", clock.at + SESSION)
    assert signer.read(old.text) == old.id_hash
    rotate(file)

    keep_newest(file)

    with pytest.raises(UnauthenticatedError, match="does not have the key it names"):
        signer.read(old.text)


def test_a_token_made_by_another_server_after_a_rotation_is_read(file: Path, clock: Clock) -> None:
    here = TokenSigner(SecretKeys.from_file(file), now=clock)
    there = TokenSigner(SecretKeys.from_file(file), now=clock)
    rotate(file)

    token = there.issue("ann", clock.at + SESSION)

    assert here.read(token.text) == token.id_hash


def test_tokens_and_seals_take_up_the_same_change_whoever_comes_first(
    file: Path, clock: Clock
) -> None:
    keys = SecretKeys.from_file(file)
    signer, seal = TokenSigner(keys, now=clock), SecretCipher(keys)
    signer.issue("ann", clock.at + SESSION)
    rotate(file)
    elsewhere = SecretKeys.from_file(file)

    sealed, token = (
        SecretCipher(elsewhere).encrypt("hidden"),
        TokenSigner(elsewhere, now=clock).issue("ann", clock.at + SESSION),
    )

    assert signer.read(token.text) == token.id_hash
    assert seal.decrypt(sealed) == "hidden"
    rotate(file)
    newest = names(SecretKeys.from_file(file))[0]
    assert seal.encrypt("hidden").startswith(f"sealed:{newest}:")
    assert names(keys)[0] == newest
