"""What both ways of pulling share (`puller`: one body; `segments`): how a pull ends early, and reading as it comes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from contracts import edc

CLOSED = frozenset({401, 403, 404, 410})
"""Answers by which a provider of ours says that a transfer is closed."""


class Again(Exception):
    """The pull broke off and is worth another try. `refused`: the sender answered, with a no; `waiting`: not yet."""

    def __init__(self, why: str, *, refused: bool = False, waiting: bool = False) -> None:
        super().__init__(why)
        self.refused = refused
        self.waiting = waiting


class Closed(Exception):
    """The sender has closed the transfer."""


class Ended(Exception):
    """The pull comes to nothing, and that in words; `standing` is how what was received stands then."""

    def __init__(self, finding: str, standing: str = "ended") -> None:
        super().__init__(finding)
        self.standing = standing


def authorized(reach: edc.Reach) -> dict[str, str]:
    """The header that lets us in."""
    return {} if reach.authorization is None else {"authorization": reach.authorization}


def document(body: bytes) -> dict[str, Any]:
    """A JSON object; {} for anything else."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def code_of(problem: Mapping[str, Any]) -> str:
    """The code of a problem document, in a form that can be shown."""
    code = str(problem.get("type", "")).rpartition(":")[2]
    return code if re.fullmatch(r"[a-z-]{1,60}", code) else ""


def not_refused(status: int, body: bytes, what: str) -> None:
    """Raises Ended where the sender says why it releases nothing (`what`: or nothing more)."""
    if status == 403 and (why := code_of(document(body))) not in ("", "forbidden"):
        raise Ended(f"The sender releases {what}: {why}.")


async def or_nothing(chunks: AsyncIterator[bytes], pause: float) -> AsyncIterator[bytes]:
    """The chunks, and nothing (b"") whenever none has come for a while: so that what is here is not left lying."""
    coming = asyncio.ensure_future(anext(chunks, None))
    try:
        while True:
            await asyncio.wait({coming}, timeout=pause)
            if not coming.done():
                yield b""
                continue
            chunk = coming.result()
            if chunk is None:
                return
            coming = asyncio.ensure_future(anext(chunks, None))
            yield chunk
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
