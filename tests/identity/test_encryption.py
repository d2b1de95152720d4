"""What is sealed is opened with the key that sealed it, and read by nobody else."""

from pathlib import Path

import pytest

from scenarist.domain.errors import UnavailableError
from scenarist.identity.encryption import SecretCipher
from scenarist.identity.secret_keys import SecretKeys, keep_newest, rotate

OLD = "the-key-from-before"
NEW = "the-key-that-is-used-now"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("text", [SECRET, "", "sealed:really", "blank  and é and 🔑", "x" * 10_000])
def test_what_is_sealed_is_opened_as_it_was(text: str) -> None:
    seal = SecretCipher(SecretKeys.from_setting(NEW))

    assert seal.decrypt(seal.encrypt(text)) == text


def test_a_seal_does_not_show_the_secret_nor_the_key() -> None:
    sealed = SecretCipher(SecretKeys.from_setting(NEW)).encrypt(SECRET)

    assert SECRET not in sealed
    assert SECRET.removeprefix("whsec_") not in sealed
    assert NEW not in sealed


def test_the_same_text_is_never_sealed_alike() -> None:
    seal = SecretCipher(SecretKeys.from_setting(NEW))

    assert len({seal.encrypt(SECRET) for _ in range(10)}) == 10


def test_what_an_old_key_has_sealed_is_opened_and_sealed_anew_with_the_new_one(
    tmp_path: Path,
) -> None:
    file = tmp_path / "secret.key"
    seal = SecretCipher(SecretKeys.from_file(file))
    old = seal.encrypt(SECRET)

    rotate(file)
    new = seal.encrypt(seal.decrypt(old))
    keep_newest(file)

    assert SecretCipher(SecretKeys.from_file(file)).decrypt(new) == SECRET


def test_a_key_that_is_missing_is_named() -> None:
    sealed = SecretCipher(SecretKeys.from_setting(OLD)).encrypt(SECRET)
    (name,) = SecretKeys.from_setting(OLD).derive("secrets")

    with pytest.raises(UnavailableError, match=name) as refused:
        SecretCipher(SecretKeys.from_setting(NEW)).decrypt(sealed)

    assert SECRET not in refused.value.message


def test_a_key_that_is_gone_from_the_file_opens_nothing_in_a_running_server(
    tmp_path: Path,
) -> None:
    file = tmp_path / "secret.key"
    seal = SecretCipher(SecretKeys.from_file(file))
    sealed = seal.encrypt(SECRET)
    rotate(file)
    keep_newest(file)

    with pytest.raises(UnavailableError):
        seal.decrypt(sealed)


@pytest.mark.parametrize("fault", ["changed", "cut", "empty", "no base64", "not ascii"])
def test_a_sealed_text_that_was_tampered_with_is_refused(fault: str) -> None:
    seal = SecretCipher(SecretKeys.from_setting(NEW))
    sealed = seal.encrypt(SECRET)
    head = sealed.rpartition(":")[0]
    tampered = {
        "changed": sealed[:-10] + ("A" if sealed[-10] != "A" else "B") + sealed[-9:],
        "cut": sealed[:-10],
        "empty": f"{head}:",
        "no base64": f"{head}:!!!",
        "not ascii": f"{head}:é",
    }[fault]

    with pytest.raises(UnavailableError):
        seal.decrypt(tampered)


def test_a_text_from_before_there_were_seals_is_what_it_is() -> None:
    assert SecretCipher(SecretKeys.from_setting(NEW)).decrypt(SECRET) == SECRET
