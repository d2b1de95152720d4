"""Values as files over REST: download and upload."""

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from servers import StartedServer

PATH = "/api/v1/datanodes"
RECORDS = [{"a": 1, "b": "x"}, {"a": 2, "b": "ü"}]


def write(server: StartedServer, node: str, value: Any) -> str:
    response = server.http.put(f"{PATH}/{node}/write", content=json.dumps(value))
    assert response.status_code == 200, response.text
    edit_id: str = response.json()["edit_id"]
    return edit_id


def download(server: StartedServer, node: str, query: str = "", **headers: str) -> Any:
    return server.http.get(f"{PATH}/{node}/download{query}", headers=headers)


def upload(server: StartedServer, node: str, content: bytes, query: str = "") -> Any:
    return server.http.post(f"{PATH}/{node}/upload{query}", content=content)


def read(server: StartedServer, node: str) -> Any:
    return server.http.get(f"{PATH}/{node}/read").json()["data"]


@pytest.mark.parametrize(
    ("kind", "name", "media_type"),
    [
        ("notes", "notes.json", "application/json"),
        ("items", "items.csv", "text/csv"),
        ("posted", "posted.csv", "text/csv"),
        ("pillars", "pillars.parquet", "application/vnd.apache.parquet"),
        (
            "sheet",
            "sheet.xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        ("loose", "loose.p", "application/octet-stream"),
        ("jar", "jar.p", "application/octet-stream"),
    ],
)
def test_a_value_is_downloaded_as_a_file(
    shelves: StartedServer, shelf: dict[str, str], kind: str, name: str, media_type: str
) -> None:
    write(shelves, shelf[kind], RECORDS)

    response = download(shelves, shelf[kind])
    again = download(shelves, shelf[kind], **{"If-None-Match": response.headers["etag"]})

    assert response.status_code == 200
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["x-content-type-options"] == "nosniff"
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize("kind", ["notes", "items", "posted", "pillars", "sheet"])
def test_what_was_downloaded_is_uploaded_byte_for_byte(
    shelves: StartedServer, shelf: dict[str, str], kind: str
) -> None:
    write(shelves, shelf[kind], RECORDS)
    content = download(shelves, shelf[kind]).content
    write(shelves, shelf[kind], [])

    response = upload(shelves, shelf[kind], content, "?editor_id=anna&comment=back")

    assert response.status_code == 200, response.text
    assert response.json()["message"] == f"Data node {shelf[kind]} was successfully uploaded."
    assert read(shelves, shelf[kind]) == RECORDS
    assert download(shelves, shelf[kind]).content == content
    edit = shelves.http.get(f"{PATH}/{shelf[kind]}/edits").json()["results"][0]
    assert edit["id"] == response.json()["edit_id"]
    assert (edit["editor_id"], edit["comment"], edit["size"]) == ("anna", "back", len(content))


def test_large_values_go_both_ways(shelves: StartedServer, shelf: dict[str, str]) -> None:
    text = "number,text\n" + "".join(f"{number},{'x' * 90}\n" for number in range(30_000))

    response = upload(shelves, shelf["items"], text.encode())

    assert response.status_code == 200, response.text
    assert download(shelves, shelf["items"]).text == text
    last = shelves.http.get(f"{PATH}/{shelf['items']}/read?where=number:EQUAL:29999").json()
    assert last == {"data": [{"number": 29999, "text": "x" * 90}]}


def test_a_past_value_is_downloaded_by_its_edit(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    past = write(shelves, shelf["items"], [{"a": 1}])
    write(shelves, shelf["items"], [{"a": 2}])
    replaced = write(shelves, shelf["posted"], [{"a": 1}])
    write(shelves, shelf["posted"], [{"a": 2}])

    assert download(shelves, shelf["items"], f"?edit_id={past}").text == "a\n1\n"
    assert download(shelves, shelf["items"]).text == "a\n2\n"
    refused = download(shelves, shelf["posted"], f"?edit_id={replaced}")
    assert refused.status_code == 409
    assert refused.json()["code"] == "edit_replaced"


def test_a_file_that_somebody_else_replaced_is_downloaded_as_it_is_now(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    write(shelves, shelf["posted"], [{"a": 1}])
    before = download(shelves, shelf["posted"])
    (shelves.folder / "posted.csv").write_text("a\n2222\n")

    after = download(shelves, shelf["posted"], **{"If-None-Match": before.headers["etag"]})

    assert after.status_code == 200
    assert after.text == "a\n2222\n"


def test_a_download_of_what_is_not_there_is_404(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    never = download(shelves, shelf["notes"])
    write(shelves, shelf["posted"], [{"a": 1}])
    (shelves.folder / "posted.csv").unlink()
    gone = download(shelves, shelf["posted"])

    assert never.status_code == gone.status_code == 404
    assert never.json()["code"] == "data_node_not_written"
    assert gone.json()["code"] == "data_node_file_missing"


@pytest.mark.parametrize("kind", ["recalled", "drawer", "ledger"])
def test_values_that_are_no_files_are_not_downloaded(
    shelves: StartedServer, shelf: dict[str, str], kind: str
) -> None:
    if kind == "recalled":
        write(shelves, shelf[kind], 1)

    response = download(shelves, shelf[kind])

    assert response.status_code == 409
    assert response.json()["code"] == "download_not_supported"


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))


@pytest.mark.parametrize("kind", ["loose", "jar", "recalled", "drawer", "ledger"])
def test_a_pickle_is_never_taken(
    shelves: StartedServer, shelf: dict[str, str], tmp_path: Path, kind: str
) -> None:
    response = upload(shelves, shelf[kind], pickle.dumps(Trap(tmp_path / "sprung")))

    assert response.status_code == 409
    assert response.json()["code"] == "upload_not_supported"
    assert not (tmp_path / "sprung").exists()


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("notes", b"{"),
        ("notes", b"\xff\xfe\x00"),
        ("notes", b"[" * 100_000),
        ("notes", b"1" * 5000),
        ("items", b'"\xff\xfe'),
        ("items", b'a,b\n"unclosed'),
        ("items", b"a\n1\n1,2,3\n"),
        ("pillars", b"a,b\n1,2\n"),
        ("pillars", b"PAR1" + b"\x00" * 100 + b"PAR1"),
        ("sheet", b"no workbook"),
        ("sheet", zipped(hello=b"world")),
        ("posted", b'"\xff\xfe'),
    ],
)
def test_a_file_that_cannot_be_read_is_400_and_changes_nothing(
    shelves: StartedServer, shelf: dict[str, str], kind: str, content: bytes
) -> None:
    write(shelves, shelf[kind], RECORDS)

    response = upload(shelves, shelf[kind], content)

    assert response.status_code == 400, response.text
    assert response.json()["code"] == "upload_invalid"
    assert "the upload cannot be read as" in response.json()["message"]
    assert read(shelves, shelf[kind]) == RECORDS
    assert [item for item in shelves.folder.iterdir() if item.suffix == ".staged"] == []


def test_a_form_with_one_file_is_an_upload(shelves: StartedServer, shelf: dict[str, str]) -> None:
    path = f"{PATH}/{shelf['items']}/upload"

    response = shelves.http.post(
        path, data={"why": "because"}, files={"file": ("../../x.csv", b"a\n5\n", "text/csv")}
    )

    assert response.status_code == 200, response.text
    assert read(shelves, shelf["items"]) == [{"a": 5}]


@pytest.mark.parametrize(
    ("content", "boundary"),
    [
        (b"--x\r\n\r\n", "x"),
        (b"no form at all", "x"),
        (b"a\n5\n", ""),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', "x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\na\n1\r\n'
            b'--x\r\nContent-Disposition: form-data; name="b"; filename="b"\r\n\r\na\n2\r\n'
            b"--x--\r\n",
            "x",
        ),
        (b"--x\r\nContent-Disposition: attachment\r\n\r\n1\r\n--x--\r\n", "x"),
    ],
)
def test_a_form_without_the_one_file_is_400(
    shelves: StartedServer, shelf: dict[str, str], content: bytes, boundary: str
) -> None:
    response = shelves.http.post(
        f"{PATH}/{shelf['items']}/upload",
        content=content,
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )

    assert response.status_code == 400, response.text
    assert response.json()["code"] in {"body_invalid", "body_malformed"}


def test_an_empty_upload_is_400(shelves: StartedServer, shelf: dict[str, str]) -> None:
    assert upload(shelves, shelf["items"], b"").json()["code"] == "body_missing"


def test_an_upload_above_the_limit_is_413(shelves: StartedServer, shelf: dict[str, str]) -> None:
    response = upload(shelves, shelf["notes"], b" " * (64 * 1024 * 1024 + 1))

    assert response.status_code == 413


def test_a_user_named_file_is_replaced_by_an_upload(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    upload(shelves, shelf["posted"], b"a\n1.10\n")

    assert (shelves.folder / "posted.csv").read_bytes() == b"a\n1.10\n"


def test_an_upload_in_another_encoding_is_told_how_to_name_it(
    shelves: StartedServer, shelf: dict[str, str]
) -> None:
    response = upload(shelves, shelf["items"], b"name\nM\xfcller\n")

    assert response.status_code == 400
    assert response.json()["message"] == (
        "the upload cannot be read as csv: byte 6 is not valid utf-8; name its encoding in the"
        " config of the data node, such as encoding='cp1252', or save it as UTF-8"
    )
