"""Answers sent compressed to who asks for it (RFC 9110, 12.5.3), where that saves more than it costs."""

from __future__ import annotations

import asyncio
import zlib

from fastapi import Request
from fastapi.responses import Response

from connector.api.ranges import weights_of

_WORTH_IT = 1_400
"""Bytes: what fits into one packet gains nothing."""
_LONG = 16_384
"""Bytes above which compressing is done in a thread: others are waiting on the event loop."""
_LEVEL = 1
"""A catalogue repeats itself: more effort takes three times as long and saves little."""


async def packed(request: Request, answer: Response) -> Response:
    """The same answer, its body in gzip if the request accepts that; always says that it depends on the request."""
    answer.headers["vary"] = "Accept-Encoding"
    content = bytes(answer.body)
    if len(content) < _WORTH_IT or not accepts_gzip(request.headers.getlist("accept-encoding")):
        return answer
    answer.body = await asyncio.to_thread(_gzip, content) if len(content) > _LONG else _gzip(content)
    answer.headers["content-encoding"] = "gzip"
    answer.headers["content-length"] = str(len(answer.body))
    return answer


def accepts_gzip(fields: list[str]) -> bool:
    """Whether `Accept-Encoding` names gzip, or anything, without weight zero. What cannot be read asks for nothing."""
    weights = weights_of(fields)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _gzip(content: bytes) -> bytes:
    # Not the gzip module: it writes the time, and the same answer should be the same bytes.
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()
