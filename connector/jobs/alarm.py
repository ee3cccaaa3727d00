"""A job that sleeps until its next moment or until its bell rings, and goes on after a fault of our own."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from connector.services.context import Context
from connector.services.tasks import trace_of


async def keep_up(
    context: Context, bell: str, catch_up: Callable[[], Awaitable[float | None]], log: logging.Logger, rest: float
) -> None:
    """Call `catch_up` until cancelled: it returns the seconds until there is something to do, None if the bell says.

    After a fault, such as a full disk, it rests for `rest` seconds.
    """
    bells = context.bells
    while True:
        seen = bells.count(bell)
        try:
            pause = await catch_up()
        except Exception as error:
            log.error("what is due cannot be done: %s\n%s", type(error).__name__, trace_of(error))
            pause = rest
        await bells.wait(bell, timeout=pause, seen=seen)
