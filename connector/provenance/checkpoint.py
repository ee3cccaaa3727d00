"""Checkpoints: signed statements of how long a log is and what its root is (C2SP tlog-checkpoint).

The text is three lines: the log's origin (the participant id, also the name of its key), the number of entries, and
the root in base64. Whoever keeps an old checkpoint can prove later that the log was rewritten.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from connector.provenance.merkle import HASH_BYTES
from connector.provenance.note import Note, NoteError, Signer, Verifier, parse_note, sign_note, verify_note

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A parsed checkpoint; nothing in it is to be believed before `verify_checkpoint`."""

    origin: str
    size: int
    root: bytes
    note: Note
    extensions: tuple[str, ...] = ()


def sign_checkpoint(size: int, root: bytes, signer: Signer) -> str:
    """The signed note stating that the signer's log has `size` entries and this root (32 bytes).

    Raises NoteError when size or root cannot be those of a tree.
    """
    text = f"{signer.name}\n{size}\n{base64.b64encode(root).decode()}\n"
    note = sign_note(text, signer)
    parse_checkpoint(note)
    return note


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint note without checking its signature. Raises NoteError."""
    note = parse_note(text)
    lines = note.text[:-1].split("\n")
    if len(lines) < 3 or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise NoteError("a checkpoint is an origin, a size and a root, each on a line of its own")
    return Checkpoint(lines[0], int(lines[1]), _root(lines[2]), note, tuple(lines[3:]))


def _root(text: str) -> bytes:
    try:
        root = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("the root of a checkpoint is not base64") from None
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != text:
        raise NoteError("the root of a checkpoint is base64 of 32 bytes")
    return root


def verify_checkpoint(checkpoint: Checkpoint, verifier: Verifier) -> str | None:
    """Why this checkpoint is not one of the verifier's log, in words, or None."""
    if checkpoint.origin != verifier.name:
        return "it speaks for another log"
    return verify_note(checkpoint.note, verifier)
