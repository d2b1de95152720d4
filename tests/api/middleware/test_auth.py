"""Few sign in at a time, and one address takes no more than its share of the places."""

import asyncio
import threading

import pytest

from scenarist.api.middleware.auth import LoginExecutor
from scenarist.domain.errors import UnavailableError


async def crowd(
    turnstile: LoginExecutor, address: str, count: int, release: threading.Event
) -> int:
    """Have many sign in from one address at once; return how many were refused."""

    async def one() -> bool:
        try:
            await turnstile.run(address, release.wait)
        except UnavailableError:
            release.set()
            return True
        return False

    return sum(await asyncio.gather(*(one() for _ in range(count))))


def test_one_address_leaves_places_for_others() -> None:
    async def story() -> tuple[int, bool]:
        turnstile, release = LoginExecutor(), threading.Event()
        crowding = asyncio.create_task(crowd(turnstile, "192.0.2.1", 80, release))
        await asyncio.sleep(0)
        other = await turnstile.run("192.0.2.2", lambda: True)
        return await crowding, other

    assert asyncio.run(story()) == (64, True)


def test_the_addresses_of_one_ipv6_network_share_their_places() -> None:
    async def story() -> None:
        turnstile, release = LoginExecutor(), threading.Event()
        held = [
            asyncio.create_task(turnstile.run(f"2001:db8::{number}", release.wait))
            for number in range(16)
        ]
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError):
            await turnstile.run("2001:db8::ff", lambda: None)
        release.set()
        await asyncio.gather(*held)

    asyncio.run(story())
