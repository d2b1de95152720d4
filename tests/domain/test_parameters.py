"""Every parameter of every storage: what may be a secret is neither stored nor shown nor told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from scenarist.config import ConfigRegistry
from scenarist.config.keys import DATA_NODE_KEYS
from scenarist.domain.environment import resolve
from scenarist.domain.parameters import HIDDEN_PARAMETERS, SHOWN_OPTIONS, SHOWN_PARAMETERS
from scenarist.domain.redaction import Redactor
from scenarist.domain.secrets import (
    UNSTORED_PROPERTIES,
    extract_secrets,
    find_replacements,
    mask_properties,
)

MARK = "MARK-5esame/tower"
ENVIRONMENT = {"PLACE": MARK, "UNUSED": "unused"}
OWN = ("api_key", "color")

URLS = (
    f"https://me:{quote(MARK, safe='')}@host/x",
    f"see postgresql://me:{quote(MARK, safe='')}@host/db, and the rest",
    f"https://host/x?page=2&api_key={quote(MARK, safe='')}",
    f"https://host/x#access_token={MARK}",
    f"host=db password='{MARK}' dbname=d",
)
REFERENCES: tuple[Any, ...] = (
    "ENV[PLACE]",
    "before ENV[PLACE] after",
    ["ENV[PLACE]"],
    {"a": {"b": ["ENV[PLACE]"]}},
)
PLAIN: tuple[Any, ...] = (MARK, [MARK], {"a": MARK}, {"a": [{"b": [1, {"c": MARK}]}]})


def used() -> Iterator[Any]:
    for kind, parameters in DATA_NODE_KEYS.items():
        for name in (*parameters, *OWN):
            if name in {"secrets", *UNSTORED_PROPERTIES}:
                continue
            for value in (*URLS, *REFERENCES):
                yield kind, {name: value}
            for value in PLAIN:
                is_known = name in HIDDEN_PARAMETERS[kind] or name == "api_key"
                yield kind, {name: value} if is_known else {name: value, "secrets": [name]}
                if name in SHOWN_OPTIONS:
                    options = sorted(SHOWN_OPTIONS[name])[:2]
                    yield kind, {name: {options[0]: URLS[0], options[1]: 1, "other": value}}
                    yield kind, {name: {options[0]: value}, "secrets": [options[0]]}


USED = list(used())


def has_mark(value: object) -> bool:
    text = str(value)
    return any(form in text for form in (MARK, quote(MARK), quote(MARK, safe="")))


def test_every_parameter_is_either_safe_to_show_or_hidden() -> None:
    assert SHOWN_PARAMETERS.keys() == HIDDEN_PARAMETERS.keys()
    assert all(
        set(SHOWN_PARAMETERS[kind]).isdisjoint(HIDDEN_PARAMETERS[kind]) for kind in SHOWN_PARAMETERS
    )
    assert SHOWN_OPTIONS.keys() <= {name for names in HIDDEN_PARAMETERS.values() for name in names}


def test_no_record_has_a_secret() -> None:
    assert [case for case in USED if has_mark(extract_secrets("DATANODE_a", case[1])[0])] == []


def test_no_secret_is_shown_neither_as_declared_nor_as_recorded() -> None:
    for _, properties in USED:
        stored, _ = extract_secrets("DATANODE_a", properties)
        assert not has_mark(mask_properties(properties)), properties
        assert not has_mark(mask_properties(stored)), properties


def test_a_record_that_is_resolved_has_what_was_declared() -> None:
    for _, properties in USED:
        stored, values = extract_secrets("DATANODE_a", properties)
        environment = ENVIRONMENT | resolve(values, ENVIRONMENT)
        declared = {name: value for name, value in properties.items() if name != "secrets"}
        assert resolve(stored, environment) == resolve(declared, ENVIRONMENT)


def test_no_message_has_a_secret() -> None:
    for _, properties in USED:
        redact = Redactor(find_replacements("DATANODE_a", properties, ENVIRONMENT))
        given = resolve(properties, ENVIRONMENT)
        quoted = quote(MARK, safe="")
        messages = [
            f"cannot use {given}",
            f"no {MARK} at https://host/{quote(MARK)}",
            f"'{quoted}'",
        ]
        assert [text for text in messages if has_mark(redact(text))] == [], properties


def test_no_exported_file_has_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", MARK)
    registry = ConfigRegistry()
    for number, (kind, properties) in enumerate(USED):
        known = {key: item for key, item in properties.items() if key not in OWN}
        own = {key: item for key, item in properties.items() if key in OWN}
        registry.configure_data_node(f"n{number}", kind, properties=own, **known)

    registry.export(str(tmp_path / "config.toml"))

    assert not has_mark((tmp_path / "config.toml").read_text())
