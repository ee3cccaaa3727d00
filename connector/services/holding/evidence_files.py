"""What is kept of how an answer was taken: a scan, a photo, a recording, or a protocol in words."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from connector.problems import invalid

LARGEST = 10 * 1024 * 1024
KINDS: dict[str, tuple[bytes, ...]] = {
    "application/pdf": (b"%PDF-",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "audio/wav": (b"RIFF",),
    "audio/mpeg": (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "audio/ogg": (b"OggS",),
}
"""Media types that are kept, and how their files begin; and text/plain, in UTF-8."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file as staff handed it in."""

    media_type: str
    body: bytes


def protocol(words: str) -> Evidence:
    """What staff wrote down of what was said."""
    return Evidence("text/plain", words.encode())


def checked(evidence: Evidence) -> str:
    """The digest of a file that may be kept. Raises Problem 400."""
    if not evidence.body or len(evidence.body) > LARGEST:
        raise invalid("The file is empty or too large", "evidence", f"1 to {LARGEST} bytes")
    if evidence.media_type == "text/plain":
        _text(evidence.body)
    elif not evidence.body.startswith(KINDS.get(evidence.media_type, ())):
        raise invalid("The file is not of a kind that is kept", "evidence", f"text/plain, {', '.join(KINDS)}")
    return sha256(evidence.body).hexdigest()


def _text(body: bytes) -> None:
    try:
        if body.decode().strip():
            return
    except UnicodeDecodeError:
        pass
    raise invalid("The protocol is empty or not UTF-8", "evidence", "words in UTF-8")
