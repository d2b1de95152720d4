"""From a job's change of status to a message that has arrived, by hand and with a moved clock."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from builders import SEAL
from scenarist.db import deliveries as delivery_rows
from scenarist.db import event_log as event_rows
from scenarist.db.notify.notifications import EVERYTHING
from scenarist.domain.vocabulary import EntityKind
from scenarist.webhooks.dispatcher import RETRY_DELAYS, Dispatcher
from scenarist.webhooks.sending import Sender
from scenarist.webhooks.slots import SLOT_LIMITS, ReceiverSpeed
from statements import noted
from webhooks.post import Post
from webhooks.receiver import Received, Receiver

LONGEST = 1.1  # a delay is longer by up to a tenth
LIFE = ["job.pending", "job.running", "job.completed"]


def types(received: list[Received]) -> list[str]:
    return [message.json["type"] for message in received]


def test_each_change_of_status_is_told_in_order(post: Post, receiver: Receiver) -> None:
    subscriber = post.subscribe(receiver)
    submission = post.run()
    (job_id,) = submission.job_ids

    post.send()

    pending, running, completed = receiver.so_far()
    assert types([pending, running, completed]) == LIFE
    assert completed.json == {
        "type": "job.completed",
        "timestamp": "2026-03-01T12:00:01Z",
        "data": {
            "job_id": job_id,
            "task_id": post.world.job(job_id).task_id,
            "status": "COMPLETED",
            "submission_id": submission.id,
            "entity_id": post.first,
            "entity_type": "SEQUENCE",
        },
    }
    assert completed.headers["webhook-signature"] == Webhook(subscriber.secret).sign(
        completed.id, post.clock(), completed.body.decode()
    )
    assert post.shown(subscriber) == subscriber


def test_a_scenario_is_told_of_its_sequences_and_a_sequence_only_of_itself(post: Post) -> None:
    with Receiver() as of_scenario, Receiver() as of_first, Receiver() as of_second:
        post.subscribe(of_scenario, post.scenario_id)
        post.subscribe(of_first, post.first)
        post.subscribe(of_second, post.second)
        post.run(post.first)
        post.run(post.second)

        post.send()

        assert types(of_scenario.so_far()) == LIFE * 2
        assert {got.json["data"]["entity_id"] for got in of_first.so_far()} == {post.first}
        assert {got.json["data"]["entity_id"] for got in of_second.so_far()} == {post.second}


def test_a_scenario_is_told_of_a_task_of_its_own_that_was_submitted_alone(
    post: Post, receiver: Receiver
) -> None:
    (job,) = post.world.jobs(post.run())
    post.subscribe(receiver, post.scenario_id)
    submission = post.world.submit_task(job.task_id, priority=0)
    post.world.run_all()

    post.send()

    told = receiver.so_far()
    assert types(told) == LIFE
    assert {got.json["data"]["submission_id"] for got in told} == {submission.id}


def test_what_happened_before_the_subscription_is_not_told(post: Post, receiver: Receiver) -> None:
    post.world.submit_sequence(post.first)
    post.subscribe(receiver)
    post.world.run_all()

    post.send()

    assert types(receiver.so_far()) == ["job.running", "job.completed"]


def test_what_happened_before_a_second_subscription_is_told_to_the_first_only(post: Post) -> None:
    with Receiver() as early, Receiver() as late:
        post.subscribe(early)
        post.run()
        post.subscribe(late)

        post.send()

        assert types(early.so_far()) == LIFE
        assert late.so_far() == []


def test_a_message_that_did_not_arrive_goes_again_under_its_identifier(
    post: Post, receiver: Receiver
) -> None:
    subscriber = post.subscribe(receiver)
    receiver.answers.append(503)
    post.run()
    post.send()
    (first,) = receiver.so_far()
    assert post.shown(subscriber).fault == "it answered 503"
    assert post.shown(subscriber).waiting == 3

    post.clock.advance(RETRY_DELAYS[0] - timedelta(microseconds=1))
    post.send()
    too_early = receiver.so_far()
    post.clock.advance(RETRY_DELAYS[0] * (LONGEST - 1) + timedelta(microseconds=1))
    post.send()

    again, *others = receiver.so_far()
    assert too_early == []
    assert (again.id, again.body) == (first.id, first.body)
    assert int(again.headers["webhook-timestamp"]) == int(post.clock().timestamp())
    assert types([again, *others]) == LIFE
    assert post.shown(subscriber) == subscriber


def test_a_receiver_that_fails_for_days_is_told_nothing_any_more(
    post: Post, receiver: Receiver
) -> None:
    subscriber = post.subscribe(receiver)
    receiver.answers.extend([500] * 20)
    post.run()
    post.send()
    for delay in RETRY_DELAYS:
        assert post.shown(subscriber).is_active
        post.clock.advance(delay * LONGEST)
        post.send()

    shown = post.shown(subscriber)
    post.run()
    post.clock.advance(timedelta(days=30))
    post.send()

    received = receiver.so_far()
    assert len(received) == 10
    assert len({got.id for got in received}) == 1
    assert (shown.is_active, shown.waiting, shown.fault) == (False, 0, "it answered 500")
    assert post.shown(subscriber) == shown


def test_the_delays_are_those_of_the_specification() -> None:
    hours = [delay / timedelta(hours=1) for delay in RETRY_DELAYS[3:]]

    assert RETRY_DELAYS[:3] == (timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30))
    assert hours == [2, 5, 10, 14, 20, 24]


def test_a_receiver_that_is_gone_is_told_nothing_any_more(post: Post, receiver: Receiver) -> None:
    subscriber = post.subscribe(receiver)
    receiver.answers.append(410)
    post.run()

    post.send()

    assert types(receiver.so_far()) == ["job.pending"]
    shown = post.shown(subscriber)
    assert (shown.is_active, shown.waiting, shown.fault) == (False, 0, "it answered 410 Gone")
    _, newest = event_rows.find_bounds(post.world.database.reader)
    ((_, _, (change,)),) = event_rows.read(post.world.database.reader, first=newest, limit=1)
    assert (change.kind, change.id) == (EntityKind.SUBSCRIBER, subscriber.id)


def test_one_that_fails_does_not_keep_others_waiting(post: Post, receiver: Receiver) -> None:
    with Receiver() as failing:
        failing.answers.extend([500] * 20)
        post.subscribe(failing)
        post.subscribe(receiver)
        post.run()

        post.send()

        assert types(receiver.so_far()) == LIFE
        assert types(failing.so_far()) == ["job.pending"]


def test_one_that_answers_slowly_does_not_keep_others_waiting(
    post: Post, receiver: Receiver
) -> None:
    with Receiver() as slow:
        slow.is_open.clear()
        post.subscribe(slow)
        post.subscribe(receiver)
        post.new_dispatcher(launch=lambda work: threading.Thread(target=work).start())
        post.dispatcher.start()
        post.run()

        assert types([receiver.next() for _ in LIFE]) == LIFE
        assert types([slow.next()]) == ["job.pending"]

        slow.is_open.set()
        post.dispatcher.stop()


def test_a_receiver_has_more_messages_under_way_once_it_was_prompt(
    post: Post, receiver: Receiver
) -> None:
    launched: list[Callable[[], None]] = []
    for _ in range(10):
        post.subscribe(receiver)
    post.new_dispatcher(launch=launched.append)
    post.run()

    post.send()

    assert len(launched) == SLOT_LIMITS[ReceiverSpeed.NEW].per_receiver
    for work in launched:
        work()
    del launched[:]
    post.send()
    assert len(launched) == SLOT_LIMITS[ReceiverSpeed.PROMPT].per_receiver


def test_those_held_for_a_place_all_get_their_messages_in_order(
    post: Post, receiver: Receiver
) -> None:
    for number in range(20):
        post.subscribe(receiver, path=f"/{number}")
    post.run()

    post.send()

    told: dict[str, list[Received]] = {}
    for message in receiver.so_far():
        told.setdefault(message.path, []).append(message)
    assert [types(messages) for messages in told.values()] == [LIFE] * 20


def test_many_slow_receivers_of_one_owner_leave_places_for_its_prompt_one(
    post: Post, receiver: Receiver
) -> None:
    launched: list[Callable[[], None]] = []
    post.subscribe(receiver)
    post.run()
    post.send()
    receiver.so_far()
    post.launch = launched.append
    with Receiver() as first, Receiver() as second, Receiver() as third:
        for slow in (first, second, third):
            for _ in range(5):
                post.subscribe(slow, post.second)
        post.run(post.second)
        post.send()
        assert len(launched) == SLOT_LIMITS[ReceiverSpeed.NEW].per_owner

        post.run()
        post.send()

        assert len(launched) == SLOT_LIMITS[ReceiverSpeed.NEW].per_owner + 1
        launched[-1]()
        assert types(receiver.so_far()) == ["job.pending"]
        for work in launched[:-1]:
            work()


def test_a_new_server_sends_what_the_last_one_could_not(post: Post, receiver: Receiver) -> None:
    subscriber = post.subscribe(receiver)
    receiver.answers.append(503)
    post.run()
    post.send()
    (first,) = receiver.so_far()

    post.new_dispatcher()
    post.send()
    too_early = receiver.so_far()
    post.clock.advance(RETRY_DELAYS[0] * LONGEST)
    post.send()

    received = receiver.so_far()
    assert too_early == []
    assert received[0].id == first.id
    assert types(received) == LIFE
    assert post.shown(subscriber) == subscriber


def test_a_new_server_makes_the_messages_that_the_last_one_had_no_time_for(
    post: Post, receiver: Receiver
) -> None:
    post.subscribe(receiver)
    post.run()

    post.new_dispatcher()
    post.send()

    assert types(receiver.so_far()) == LIFE


def test_no_event_becomes_a_message_twice(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver)
    post.run()
    post.send()

    post.new_dispatcher()
    post.send()

    assert types(receiver.so_far()) == LIFE


def test_a_subscriber_that_was_deleted_gets_nothing_any_more(
    post: Post, receiver: Receiver
) -> None:
    subscriber = post.subscribe(receiver)
    receiver.answers.append(503)
    post.run()
    post.send()
    receiver.so_far()

    post.delete(subscriber)
    post.clock.advance(RETRY_DELAYS[0] * LONGEST)
    post.send()

    assert receiver.so_far() == []


def test_while_nobody_is_told_a_look_is_one_question(post: Post) -> None:
    post.run()

    with noted(post.world.database) as statements:
        post.send()

    assert len(statements.said) == 1
    assert "SELECT subscribers.number" in statements.said[0]


def test_no_statement_searches_a_whole_table(post: Post, receiver: Receiver) -> None:
    receiver.answers.append(503)
    post.subscribe(receiver)
    post.run()
    with noted(post.world.database) as statements:
        post.send()
        post.clock.advance(RETRY_DELAYS[0] * LONGEST)
        post.send()
        post.delete(post.subscribe(receiver))

    plans = statements.plans()
    long_tables = {"events", "deliveries", "jobs", "submissions", "sequences"}
    scans = {f"SCAN {table}" for table in long_tables}
    assert len(plans) > 12
    assert [
        (statement, step)
        for statement, steps in plans.items()
        for step in steps
        if " ".join(step.split()[:2]) in scans
    ] == []


def test_nothing_is_written_for_what_nobody_wants_to_know(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver, post.second)
    post.run(post.first)
    commits = post.world.database.commits

    post.send()

    assert post.world.database.commits == commits


def test_what_has_not_arrived_is_counted(post: Post, receiver: Receiver) -> None:
    post.subscribe(receiver)
    receiver.answers.append(503)
    post.run()

    post.send()

    assert delivery_rows.count_pending(post.world.database.reader) == 3


def test_more_transactions_than_are_read_at_a_time_are_all_told(
    post: Post, receiver: Receiver
) -> None:
    post.subscribe(receiver)
    for _ in range(70):
        post.run()

    post.send()

    assert types(receiver.so_far()) == LIFE * 70


def test_stopping_does_not_wait_for_a_slow_receiver(post: Post, receiver: Receiver) -> None:
    receiver.is_open.clear()
    post.subscribe(receiver)
    sender = Sender(now=post.clock, may_be_private=True, decrypt=SEAL.decrypt, total_seconds=3600)
    dispatcher = Dispatcher(post.world.database, sender, now=post.clock, elapsed=post.elapsed)
    post.world.database.subscribe(EVERYTHING, lambda _: dispatcher.wake())
    dispatcher.start()
    post.run()
    first = receiver.next()

    dispatcher.stop()

    # It had not been answered; so it goes again.
    receiver.is_open.set()
    post.new_dispatcher()
    post.send()
    assert receiver.next().id == first.id


def test_stopping_notes_what_arrived_in_that_moment(post: Post, receiver: Receiver) -> None:
    launched: list[Callable[[], None]] = []
    subscriber = post.subscribe(receiver)
    post.new_dispatcher(launch=launched.append)
    post.world.submit_sequence(post.first)
    post.dispatcher.step()
    launched[0]()

    post.dispatcher.stop()

    assert post.shown(subscriber).waiting == 0


def test_an_idle_dispatcher_asks_nothing(post: Post) -> None:
    post.send()

    with noted(post.world.database) as statements:
        post.send()

    assert statements.said == []


@pytest.mark.parametrize("set_to", [-400, -1, 400])
def test_a_message_waits_for_its_delay_whatever_the_clock_is_set_to(
    post: Post, receiver: Receiver, set_to: int
) -> None:
    passed = 0.0
    post.elapsed = lambda: passed
    post.new_dispatcher()
    post.subscribe(receiver)
    receiver.answers.append(500)
    post.run()
    post.send()

    post.clock.advance(timedelta(days=set_to))
    post.send()
    assert len(receiver.so_far()) == 1
    passed = RETRY_DELAYS[0].total_seconds() * LONGEST
    post.send()

    assert len(receiver.so_far()) > 1


def test_a_message_that_an_earlier_server_put_off_goes_though_the_clock_was_set_back(
    post: Post, receiver: Receiver
) -> None:
    post.subscribe(receiver)
    receiver.answers.append(500)
    post.run()
    post.send()

    post.clock.advance(timedelta(days=-400))
    post.new_dispatcher()
    post.send()

    assert len(receiver.so_far()) > 1
