"""One attempt to send a message, to real receivers that behave and to some that do not."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from builders import NOON, SEAL
from scenarist.db.deliveries import PendingDelivery
from scenarist.domain.identifiers import SubscriberId
from scenarist.webhooks.sending import Attempt, DeliveryResult, Sender
from webhooks.receiver import Receiver

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
FOR_EVER = 3600.0


def a_sender(*, may_be_private: bool = True, **seconds: float) -> Sender:
    return Sender(
        now=lambda: datetime.now(UTC),
        may_be_private=may_be_private,
        decrypt=SEAL.decrypt,
        **seconds,
    )


def a_delivery(url: str) -> PendingDelivery:
    return PendingDelivery(
        id="DELIVERY_1",
        subscriber_id=SubscriberId("SUBSCRIBER_1"),
        url=url,
        owner_id="USER_1",
        secret=SECRET,
        body='{"type":"job.completed"}',
        attempts=0,
        due_at=NOON,
    )


@contextmanager
def a_server(talk: Any) -> Iterator[str]:
    """Serve one connection with a function that gets its socket; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                asked = b""
                while not asked.endswith(b"}"):
                    asked += line.recv(65536)
                talk(line)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def test_a_message_is_posted_as_the_specification_says(receiver: Receiver) -> None:
    attempt = a_sender().send(a_delivery(f"{receiver.url}/a%20b?key=1#part"))

    got = receiver.next()
    assert attempt.result is DeliveryResult.DELIVERED
    assert (got.path, got.json) == ("/hooks/a%20b?key=1", {"type": "job.completed"})
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("Scenarist/")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.id == "DELIVERY_1"
    got.verify(SECRET)


@pytest.mark.parametrize(
    ("status", "answer", "fault"),
    [
        (200, DeliveryResult.DELIVERED, ""),
        (204, DeliveryResult.DELIVERED, ""),
        (410, DeliveryResult.GONE, "it answered 410 Gone"),
        (302, DeliveryResult.RETRY, "it answered 302; redirects are not followed"),
        (404, DeliveryResult.RETRY, "it answered 404"),
        (500, DeliveryResult.RETRY, "it answered 500"),
    ],
)
def test_the_status_says_whether_it_arrived(
    receiver: Receiver, status: int, answer: DeliveryResult, fault: str
) -> None:
    receiver.answers.append(status)
    delivery = a_delivery(receiver.url)

    assert a_sender().send(delivery) == Attempt(delivery, answer, fault)
    assert [got.path for got in receiver.so_far()] == ["/hooks"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"])
def test_nothing_is_sent_to_this_machine_unless_it_is_allowed(
    receiver: Receiver, host: str
) -> None:
    attempt = a_sender(may_be_private=False).send(a_delivery(f"http://{host}:{receiver.port}/"))

    assert attempt.result is DeliveryResult.RETRY
    assert "resolves to the private address" in attempt.fault
    assert receiver.so_far() == []


def test_a_name_is_looked_up_once_and_what_was_found_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def look_up(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    attempt = a_sender().send(a_delivery(f"http://hooks.example:{receiver.port}/"))

    assert attempt.result is DeliveryResult.DELIVERED
    assert receiver.next().headers["host"] == f"hooks.example:{receiver.port}"
    assert asked == ["hooks.example", "127.0.0.1"]  # what is looked up twice could lead elsewhere


def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert a_sender().send(a_delivery(receiver.url)).result is DeliveryResult.DELIVERED


@pytest.mark.parametrize(
    ("name", "answer"),
    [("localhost", DeliveryResult.DELIVERED), ("other.example", DeliveryResult.RETRY)],
)
def test_a_certificate_must_be_of_the_host_by_its_name(
    name: str, answer: DeliveryResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    with Receiver(context) as receiver:
        attempt = a_sender().send(a_delivery(f"https://localhost:{receiver.port}/"))

    assert attempt.result is answer
    assert ("CERTIFICATE_VERIFY_FAILED" in attempt.fault) == (answer is DeliveryResult.RETRY)


def test_a_receiver_that_does_not_answer_is_given_its_time_and_no_more(
    receiver: Receiver,
) -> None:
    receiver.is_open.clear()

    attempt = a_sender(total_seconds=0.05).send(a_delivery(receiver.url))

    assert attempt.fault == "it did not answer within 0.05 s"


def test_a_receiver_that_answers_in_drops_is_cut_off() -> None:
    def drip(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nEndless: ")
        while not select.select([line], [], [], 0.01)[0]:  # until the sender hangs up
            line.sendall(b"x")

    with a_server(drip) as url:
        attempt = a_sender(total_seconds=0.2).send(a_delivery(url))

    assert attempt.fault == "it did not answer within 0.2 s"


def test_a_receiver_that_used_up_its_time_before_is_given_less(receiver: Receiver) -> None:
    receiver.is_open.clear()
    sender = a_sender(total_seconds=FOR_EVER, short_seconds=0.3)

    attempt = sender.send(a_delivery(receiver.url), is_short=True)

    assert attempt.has_timed_out
    assert attempt.fault == "it did not answer within 0.3 s"


def test_closing_the_sender_ends_what_is_under_way(receiver: Receiver) -> None:
    receiver.is_open.clear()
    sender = a_sender(total_seconds=FOR_EVER)
    thread = threading.Thread(target=sender.send, args=[a_delivery(receiver.url)])
    thread.start()
    receiver.next()

    sender.close()

    thread.join()


def test_an_endless_answer_counts_by_its_status() -> None:
    def pour(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                line.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        except OSError:
            return

    with a_server(pour) as url:
        assert (
            a_sender(total_seconds=FOR_EVER).send(a_delivery(url)).result
            is DeliveryResult.DELIVERED
        )


@pytest.mark.parametrize(
    ("talk", "said"),
    [
        (lambda line: None, "the exchange failed"),
        (lambda line: line.sendall(b"not HTTP at all\r\n\r\n"), "the exchange failed"),
    ],
)
def test_a_receiver_that_does_not_speak_http_is_a_fault(talk: Any, said: str) -> None:
    with a_server(talk) as url:
        attempt = a_sender().send(a_delivery(url))

    assert attempt.result is DeliveryResult.RETRY
    assert said in attempt.fault


def test_a_port_where_nobody_listens_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    attempt = a_sender().send(a_delivery(f"http://127.0.0.1:{port}/"))

    assert attempt.result is DeliveryResult.RETRY
    assert "no connection" in attempt.fault


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example", "xn--"])
def test_a_name_that_leads_nowhere_is_a_fault(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*arguments: Any, **options: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    attempt = a_sender().send(a_delivery(f"http://{host}/"))

    assert attempt.result is DeliveryResult.RETRY
    assert attempt.fault
