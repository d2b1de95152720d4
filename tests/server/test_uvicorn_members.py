"""Members of uvicorn that the HTTP protocol and server use, few of them documented.

pyproject.toml admits the versions with which these tests and those of the limits pass.
"""

import ast
import inspect
from pathlib import Path
from types import ModuleType

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from scenarist.server import http_protocol, http_server

PROTOCOL = {
    *("client", "cycle", "flow", "headers", "loop", "parser", "pipeline", "server"),
    *("server_state", "transport", "url", "_unset_keepalive_if_required"),
}
OVERRIDDEN = {
    *("connection_made", "connection_lost", "data_received", "shutdown"),
    *("on_message_begin", "on_headers_complete", "on_body", "on_message_complete"),
    *("on_response_complete", "pause_writing", "resume_writing"),
}
CYCLE = {
    *("disconnected", "keep_alive", "message_event", "response_complete", "response_started"),
    *("transport", "waiting_for_100_continue"),
}
SERVER = {"force_exit", "should_exit"}


def class_of(module: ModuleType, name: str) -> ast.ClassDef:
    tree = ast.parse(Path(inspect.getfile(module)).read_text())
    (found,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name
    ]
    return found


def attributes_of(part: ast.AST, owner: str) -> set[str]:
    """Return the attributes that code reads or sets of something called *owner*."""
    return {
        node.attr
        for node in ast.walk(part)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == owner
    }


def own_names(part: ast.ClassDef) -> set[str]:
    methods = {node.name for node in part.body if isinstance(node, ast.FunctionDef)}
    assigned = {
        target.attr
        for node in ast.walk(part)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"
    }
    return methods | assigned


BASE = inspect.getsource(HttpToolsProtocol)


def is_inherited(name: str) -> bool:
    return hasattr(HttpToolsProtocol, name) or f"self.{name}" in BASE


def test_the_protocol_uses_these_members_of_its_base_and_no_others() -> None:
    part = class_of(http_protocol, "HttpProtocol")
    used = attributes_of(part, "self")

    assert {name for name in used if is_inherited(name)} - OVERRIDDEN == PROTOCOL
    assert used - own_names(part) <= PROTOCOL


def test_uvicorn_has_the_members_that_are_used() -> None:
    assert {name for name in PROTOCOL | OVERRIDDEN if not is_inherited(name)} == set()


def test_the_cycle_of_a_request_has_the_members_that_are_used() -> None:
    part = class_of(http_protocol, "HttpProtocol")
    used = attributes_of(part, "self.cycle") | attributes_of(part, "cycle")
    source = inspect.getsource(RequestResponseCycle)

    assert used == CYCLE
    assert {name for name in CYCLE if f"self.{name}" not in source} == set()


def test_the_flow_control_can_be_read_and_resumed() -> None:
    part = class_of(http_protocol, "HttpProtocol")

    assert attributes_of(part, "self.flow") == {"read_paused", "resume_reading"}
    assert "self.read_paused" in inspect.getsource(FlowControl)
    assert callable(FlowControl.resume_reading)


def test_the_server_stops_by_the_members_that_are_used() -> None:
    part = class_of(http_server, "HttpServer")
    server = uvicorn.Server(uvicorn.Config(lambda: None))

    assert attributes_of(part, "self") >= SERVER
    assert {name for name in SERVER if not hasattr(server, name)} == set()
    assert callable(server.capture_signals)
    assert callable(server.handle_exit)
