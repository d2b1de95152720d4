"""Whose messages wait when receivers are slow: those of the slow ones, and nobody else's."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as some

from scenarist.webhooks.slots import (
    PROMPT_SECONDS,
    SLOT_LIMITS,
    DeliverySlot,
    Receiver,
    ReceiverSpeed,
    SlotLimiter,
)

SLOW_SECONDS = PROMPT_SECONDS * 2
OTHERS = [Receiver(owner, host, 443) for owner in "abcdef" for host in ("one", "two", "three")]


def prompt(places: SlotLimiter, receiver: Receiver) -> None:
    _end(places, receiver, PROMPT_SECONDS)


def _end(
    places: SlotLimiter, receiver: Receiver, seconds: float, *, was_silent: bool = False
) -> DeliverySlot:
    place = places.acquire(receiver)
    assert place is not None
    places.release(place, seconds=seconds, was_silent=was_silent)
    return place


def fill(places: SlotLimiter, receiver: Receiver) -> int:
    taken = 0
    while places.acquire(receiver) is not None:
        taken += 1
    return taken


moves = some.lists(
    some.tuples(
        some.sampled_from(OTHERS),
        some.sampled_from(["take", "take", "take", "prompt", "slow"]),
    ),
    max_size=150,
)


@settings(max_examples=60, deadline=None)
@given(moves)
def test_a_prompt_receiver_always_has_a_place_however_slow_those_of_others_are(
    steps: list[tuple[Receiver, str]],
) -> None:
    places = SlotLimiter()
    under_way: list[DeliverySlot] = []
    mine = Receiver("mine", "here", 443)
    prompt(places, mine)
    for receiver, what in steps:
        if what == "take":
            if (place := places.acquire(receiver)) is not None:
                under_way.append(place)
        elif under_way:
            seconds = PROMPT_SECONDS if what == "prompt" else SLOW_SECONDS
            places.release(under_way.pop(0), seconds=seconds, was_silent=False)
        _check_bounds(under_way)
        prompt(places, mine)


def _check_bounds(under_way: list[DeliverySlot]) -> None:
    for pace, bounds in SLOT_LIMITS.items():
        counted = [place.receiver for place in under_way if place.speed >= pace]
        assert len(counted) <= bounds.total
        owners = Counter(receiver.owner for receiver in counted)
        assert not owners or max(owners.values()) <= bounds.per_owner
        # One that becomes slow keeps what is under way.
        if pace is ReceiverSpeed.PROMPT:
            assert not counted or max(Counter(counted).values()) <= bounds.per_receiver


def test_a_new_receiver_of_an_owner_with_slow_ones_goes_before_the_slow_ones() -> None:
    places = SlotLimiter()
    for number in range(40):
        _end(places, Receiver("ed", f"slow-{number}", 443), SLOW_SECONDS)
    taken = sum(fill(places, Receiver("ed", f"slow-{number}", 443)) for number in range(40))

    assert taken == SLOT_LIMITS[ReceiverSpeed.SLOW].per_owner
    assert fill(places, Receiver("ed", "new", 443)) == SLOT_LIMITS[ReceiverSpeed.NEW].per_receiver


def test_nobody_makes_the_receiver_of_another_slow() -> None:
    places = SlotLimiter()
    prompt(places, Receiver("ada", "shared", 443))
    _end(places, Receiver("ed", "shared", 443), SLOW_SECONDS)

    assert (
        fill(places, Receiver("ada", "shared", 443))
        == SLOT_LIMITS[ReceiverSpeed.PROMPT].per_receiver
    )
    assert (
        fill(places, Receiver("ed", "shared", 443)) == SLOT_LIMITS[ReceiverSpeed.SLOW].per_receiver
    )


def test_one_that_used_up_its_time_gets_less_until_it_answers() -> None:
    places = SlotLimiter()
    receiver = Receiver("ed", "silent", 443)

    first = _end(places, receiver, 15, was_silent=True)
    second = _end(places, receiver, 5, was_silent=True)
    third = _end(places, receiver, SLOW_SECONDS)
    fourth = _end(places, receiver, PROMPT_SECONDS)

    assert [place.is_short for place in (first, second, third, fourth)] == [
        False,
        True,
        True,
        False,
    ]


def test_all_places_together_are_bounded() -> None:
    places = SlotLimiter()
    receivers = [Receiver(f"owner {number}", "prompt", 443) for number in range(20)]
    for receiver in receivers:
        prompt(places, receiver)

    assert (
        sum(fill(places, receiver) for receiver in receivers)
        == SLOT_LIMITS[ReceiverSpeed.PROMPT].total
    )
    assert places.is_full
