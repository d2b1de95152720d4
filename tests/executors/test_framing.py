"""Messages survive however the stream cuts them."""

from hypothesis import given
from hypothesis import strategies as st

from scenarist.executors.framing import FrameDecoder, encode_frame


@given(st.lists(st.binary(max_size=300)), st.lists(st.integers(1, 50), min_size=1))
def test_messages_come_out_as_they_went_in(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(encode_frame(message) for message in messages)
    frames = FrameDecoder()
    received = []

    position = 0
    turn = 0
    while position < len(stream):
        size = cuts[turn % len(cuts)]
        received += frames.feed(stream[position : position + size])
        position += size
        turn += 1

    assert received == messages
