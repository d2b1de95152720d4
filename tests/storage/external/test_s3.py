"""Texts and bytes as objects of a store that is asked over HTTP."""

import json
import re
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from external_servers import BUCKET, ObjectStore
from scenarist.domain.errors import InvalidError, NotFoundError, UnavailableError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.external.s3 import S3Storage

STORAGE = S3Storage()
NOBODY_LISTENS = {"endpoint_url": "http://127.0.0.1:9"}


def write(value: object, properties: dict[str, Any]) -> WrittenValue:
    return STORAGE.write(value, a_target(properties))


def a_target(properties: dict[str, Any]) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_letter_1",
        edit_id="EDIT_1",
        storage_type="s3_object",
        folder="unused",
        properties=properties,
    )


def read(properties: dict[str, Any]) -> Any:
    return STORAGE.read(ValueLocation(storage_type="s3_object", properties=properties))


def put(store: ObjectStore, key: str, data: bytes, **parameters: Any) -> None:
    with store.client("s3") as s3:
        s3.put_object(Bucket=BUCKET, Key=key, Body=data, **parameters)


def get(store: ObjectStore, key: str) -> dict[str, Any]:
    with store.client("s3") as s3:
        answer = s3.get_object(Bucket=BUCKET, Key=key)
        with answer["Body"] as body:
            return {**answer, "Body": body.read()}


@settings(deadline=None, max_examples=40)
@given(st.text(alphabet=st.characters(codec="utf-8")) | st.binary())
def test_every_text_and_bytes_come_back_as_they_were(
    object_store: ObjectStore, value: str | bytes
) -> None:
    properties = object_store.properties("law")

    write(value, properties)

    assert read(properties) == value


def test_object_holds_the_bytes_themselves(object_store: ObjectStore) -> None:
    write("Zürich", object_store.properties("text"))
    write(b"\xff\x00", object_store.properties("bytes"))

    assert get(object_store, "text")["Body"] == "Zürich".encode()
    assert get(object_store, "bytes")["Body"] == b"\xff\x00"


def test_large_object_comes_back_whole(object_store: ObjectStore) -> None:
    value = bytes(range(256)) * 50_000
    properties = object_store.properties("large")

    written = write(value, properties)

    assert read(properties) == value
    assert written.size == 12_800_000
    assert not written.is_complete


@pytest.mark.parametrize(("data", "value"), [("é".encode(), "é"), (b"\xff", b"\xff"), (b"", "")])
def test_object_of_others_is_text_where_it_can_be(
    object_store: ObjectStore, data: bytes, value: object
) -> None:
    put(object_store, "theirs", data)

    assert read(object_store.properties("theirs")) == value


def test_edit_says_that_the_value_lies_elsewhere(object_store: ObjectStore) -> None:
    written = write("Zürich", object_store.properties("letter"))

    assert (written.uri, written.content, written.staged) == (None, None, None)
    assert written.size == 7
    assert written.python_type == "str"
    assert json.loads(written.rendition) == "Zürich"


@pytest.mark.parametrize(
    ("value", "held"),
    [(None, "null"), (3, "a int"), ({"a": 1}, "a dict"), (["a"], "a list")],
)
def test_other_values_are_refused_with_what_can_be_kept(value: object, held: str) -> None:
    with pytest.raises(InvalidError, match=f"stores text or bytes; it was given {held}"):
        write(value, {})


def test_json_that_is_no_text_is_refused() -> None:
    assert STORAGE.from_json("a") == "a"
    with pytest.raises(InvalidError, match="stores text or bytes"):
        STORAGE.from_json({"a": 1})


def test_text_that_has_no_utf_8_is_refused(object_store: ObjectStore) -> None:
    with pytest.raises(InvalidError, match="surrogates not allowed"):
        write("\ud800", object_store.properties("letter"))


def test_parameters_of_the_put_reach_the_store(object_store: ObjectStore) -> None:
    properties = object_store.properties(
        "typed",
        aws_s3_put_object_parameters={"ContentType": "text/csv", "Metadata": {"team": "north"}},
    )

    write(b"a,b", properties)

    answer = get(object_store, "typed")
    assert answer["ContentType"] == "text/csv"
    assert answer["Metadata"]["team"] == "north"
    assert read(properties) == b"a,b"


def test_parameters_of_the_get_reach_the_store(object_store: ObjectStore) -> None:
    put(object_store, "long", b"abcdef")

    properties = object_store.properties(
        "long", aws_s3_get_object_parameters={"Range": "bytes=0-2"}
    )

    assert read(properties) == "abc"


def test_each_call_gets_those_of_the_shared_parameters_that_it_has(
    object_store: ObjectStore,
) -> None:
    properties = object_store.properties(
        "shared", aws_s3_object_parameters={"ContentType": "text/csv", "Range": "bytes=0-2"}
    )

    write("abcdef", properties)

    assert get(object_store, "shared")["ContentType"] == "text/csv"
    assert read(properties) == "abc"


def test_unknown_parameter_is_named(object_store: ObjectStore) -> None:
    properties = object_store.properties("a", aws_s3_put_object_parameters={"Content-Type": "a/b"})

    with pytest.raises(InvalidError, match="put_object of S3 has no parameter Content-Type"):
        write("a", properties)


def test_unknown_parameter_of_the_client_is_named(object_store: ObjectStore) -> None:
    properties = object_store.properties("a", aws_s3_client_parameters={"colour": "red"})

    with pytest.raises(InvalidError, match="unexpected keyword argument 'colour'"):
        read(properties)


def test_missing_object_is_not_found_and_named(object_store: ObjectStore) -> None:
    with pytest.raises(NotFoundError, match=r"object 'gone' of bucket 'plans' cannot be read"):
        read(object_store.properties("gone"))


@pytest.mark.parametrize("act", [read, lambda properties: write("a", properties)])
def test_missing_bucket_is_not_found_and_named(object_store: ObjectStore, act: Any) -> None:
    properties = object_store.properties("a", aws_s3_bucket_name="nowhere")

    with pytest.raises(NotFoundError, match=r"'nowhere' .*: The specified bucket does not exist"):
        act(properties)


@pytest.mark.parametrize("act", [read, lambda properties: write("a", properties)])
def test_store_that_nobody_answers_for_is_unavailable(act: Any) -> None:
    properties = {
        "aws_access_key": "AKIAEXAMPLE",
        "aws_secret_access_key": "very secret",
        "aws_s3_bucket_name": BUCKET,
        "aws_s3_object_key": "a",
        "aws_region": "eu-west-1",
        "aws_s3_client_parameters": NOBODY_LISTENS,
    }

    with pytest.raises(UnavailableError, match="cannot be reached") as caught:
        act(properties)

    assert "secret" not in caught.value.message.replace("aws_secret_access_key", "")


def test_unknown_key_is_refused_without_telling_it(object_store: ObjectStore) -> None:
    properties = object_store.properties(
        "a", aws_access_key="AKIAEXAMPLE", aws_secret_access_key="very secret"
    )
    put(object_store, "a", b"a")

    with (
        object_store.checking_credentials(),
        pytest.raises(InvalidError, match="the store refused it") as caught,
    ):
        read(properties)

    assert "check aws_access_key" in caught.value.message
    assert "AKIAEXAMPLE" not in caught.value.message
    assert "very secret" not in caught.value.message
    assert caught.value.__cause__ is None


def test_user_who_may_not_is_refused(object_store: ObjectStore) -> None:
    with object_store.client("iam") as iam:
        iam.create_user(UserName="guest")
        key = iam.create_access_key(UserName="guest")["AccessKey"]
    properties = object_store.properties(
        "a", aws_access_key=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )

    with (
        object_store.checking_credentials(),
        pytest.raises(InvalidError, match="the store refused it: PermissionError"),
    ):
        write("a", properties)


def test_secret_that_the_client_repeats_is_hidden(object_store: ObjectStore) -> None:
    properties = object_store.properties(
        "a",
        aws_secret_access_key="very secret",
        aws_s3_get_object_parameters={"PartNumber": "very secret"},
    )

    with pytest.raises(InvalidError, match="Invalid type for parameter PartNumber, value: …"):
        read(properties)


def test_append_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidError, match="read the value, extend it and write it"):
        STORAGE.append("a", a_target({}), None)


def test_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)

    with pytest.raises(InvalidError, match=re.escape("pip install 'scenarist[s3]'")):
        read({})
