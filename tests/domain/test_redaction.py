"""Messages, logs and stack traces lose the secrets of an application, and nothing else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.redaction import Redactor, mask_secrets

SECRETS = st.text(st.characters(codec="utf-8"), min_size=8, max_size=40).filter(
    lambda text: not (text.isalpha() and text.islower()) and text.strip() == text
)


@given(SECRETS, st.text(max_size=20), st.text(max_size=20))
def test_a_known_secret_is_in_no_message(secret: str, before: str, after: str) -> None:
    redact = Redactor({secret: "***"})

    for form in (secret, repr(secret)[1:-1]):
        assert form not in redact(f"{before}{form}{after}").replace("***", "\0")


@pytest.mark.parametrize("secret", ["abc", "true", "None", "", "data", "value", "node"])
def test_what_is_too_short_or_a_word_of_each_message_is_not_looked_for(secret: str) -> None:
    text = "abc is true or None: data node DATANODE_a_1 has no value yet"

    assert Redactor({secret: "***"})(text) == text


def test_a_plain_word_is_only_replaced_where_it_stands_alone() -> None:
    redact = Redactor({"customers": "***", "s3cr": "***"})

    assert redact("no customers: s3cr") == "no ***: ***"
    assert redact("data node DATANODE_customers_1, s3cret") == (
        "data node DATANODE_customers_1, s3cret"
    )


def test_the_name_of_a_variable_says_more_than_a_mask() -> None:
    redact = Redactor({"sesame-open": "ENV[PASSWORD]", "sesame-opened": "***"})

    assert redact("sesame-open, sesame-opened") == "ENV[PASSWORD], ***"


def test_the_password_of_a_known_url_is_replaced_wherever_it_stands() -> None:
    redact = Redactor({"postgresql://me:open%2Fse5ame@host/db": "postgresql://***@host/db"})

    assert redact("postgresql://me:open%2Fse5ame@host/db") == "postgresql://***@host/db"
    assert redact("no such password: open/se5ame") == "no such password: ***"
    assert redact("host says me") == "host says me"


def test_a_line_of_a_secret_of_several_lines_is_one_by_itself() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END KEY-----"

    assert Redactor({key: "***"})("bad line MIIEvQIBADANBgkqhkiG") == "bad line ***"


@pytest.mark.parametrize(
    "log",
    [
        "it is sesa\n… 10 bytes left out …\nrest",
        "it is\n… 10 bytes left out …\name-open rest",
        "it is sesame-op",
    ],
)
def test_where_a_log_is_cut_a_part_of_a_secret_goes_too(log: str) -> None:
    said = Redactor({"sesame-open": "***"}).redact_log(log)

    assert "sesa" not in said
    assert "ame-open" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at https://me:pw@host/x: refused", "at https://***@host/x: refused"),
        ("GET /x?token=abc&page=2 401", "GET /x?token=***&page=2 401"),
        ("connect(password='abc', port=1)", "connect(password='***', port=1)"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("max_tokens=512 key=3 user=me", "max_tokens=512 key=3 user=me"),
        ("https://host:80/a@b?c=d", "https://host:80/a@b?c=d"),
        ("mail me@example.com about a=b", "mail me@example.com about a=b"),
    ],
)
def test_what_shows_itself_to_be_a_secret_is_masked(text: str, said: str) -> None:
    assert mask_secrets(text) == said


def work_of(text: str) -> float:
    """Return the processor time that a text takes, the least of three times."""
    redact = Redactor({"s3same-open": "***", "a" * 40 + "1": "***"})
    times = []
    for _ in range(3):
        begun = time.thread_time()
        redact.redact_log(text)
        times.append(time.thread_time() - begun)
    return min(times)


@pytest.mark.parametrize(
    "pattern",
    [
        *("://", "://a:", "://a@", "://a:b", "@", "a", "a=", "?a", "?password=", "&%", "password="),
        *("authorization: ", "authorization: a ", "s3same-ope", "password='", "a.-", "\\", "\n"),
    ],
)
def test_work_grows_no_faster_than_the_text(pattern: str) -> None:
    small, large = (pattern * (size // len(pattern)) for size in (50_000, 200_000))

    # Four times the text may take ten times the work; what grows with its square takes sixteen.
    assert work_of(large) < 10 * max(work_of(small), 0.001)
