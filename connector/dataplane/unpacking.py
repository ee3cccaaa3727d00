"""Opening what came compressed, within limits: a few bytes must not become a full disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, cast

ENCODINGS = ("identity", "zstd")
MOST_ENCODED = 64 * 1024 * 1024
"""Bytes of one segment as it travels."""
MOST_OPENED = 64 * 1024 * 1024
"""Bytes of one segment once it is opened."""
_WINDOW = 8 * 1024 * 1024
_SHARE = 256 * 1024


class NotOpened(ValueError):
    """The bytes are not what their encoding says."""


class TooLarge(NotOpened):
    """They open to more than a segment may hold."""


def opened(chunks: Iterable[bytes], encoding: str, most: int = MOST_OPENED) -> Iterator[bytes]:
    """The content, at most 256 KiB at a time. Raises NotOpened, TooLarge: what was yielded before counts no more."""
    size = 0
    for part in _plain(chunks, encoding):
        size += len(part)
        if size > most:
            raise TooLarge(f"it opens to more than {most} bytes")
        yield part


def _plain(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding == "identity":
        yield from chunks
    elif encoding == "zstd":
        yield from _zstd(chunks)
    else:
        raise NotOpened("its encoding is not known here")


def _zstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    import zstandard

    opener, file = zstandard.ZstdDecompressor(max_window_size=_WINDOW), cast("IO[bytes]", _Read(iter(chunks)))
    try:
        with opener.stream_reader(file, read_size=_SHARE, read_across_frames=True) as reader:
            while part := reader.read(_SHARE):
                yield part
    except zstandard.ZstdError:
        raise NotOpened("it is not zstd, or needs too large a window") from None


class _Read:
    """Chunks as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Some bytes, b"" at the end."""
        if not self._rest:
            self._rest = next(self._chunks, b"")
        size = len(self._rest) if size < 0 else size
        part, self._rest = self._rest[:size], self._rest[size:]
        return part
