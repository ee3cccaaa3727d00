"""Content codings of what is released: the same bytes in give the same bytes out, so that a range of them can be asked.

Neither form holds a time or a name. Both block; callers use a thread.
"""

from __future__ import annotations

import zlib

IDENTITY, GZIP, ZSTD = "", "gzip", "zstd"
_GZIP_LEVEL = 4
_ZSTD_LEVEL = 3


def packed(data: bytes, coding: str) -> bytes:
    """The data in a content coding; as it is in none. Raises ValueError for a coding we have not."""
    if coding == IDENTITY:
        return data
    if coding == GZIP:
        # Not the gzip module: it writes the time.
        packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        return packer.compress(data) + packer.flush()
    if coding == ZSTD:
        from zstandard import ZstdCompressor

        return ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True, threads=0).compress(data)
    raise ValueError(f"no such content coding; there are: {GZIP}, {ZSTD}")
