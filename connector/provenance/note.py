"""Signed notes (C2SP signed-note, Ed25519): a text somebody signed, readable by people and by other logs' tools.

A note is its text, an empty line, and one line per signature: an em dash, the key's name, and base64 of the key id
(4 bytes) followed by the signature. Signing and checking are given in: keys stay in the vault.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, Protocol

_ED25519 = b"\x01"
_SIGNATURE_BYTES = 64
_LONGEST_NOTE = 64 * 1024
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class NoteError(ValueError):
    """A text that is not a well-formed signed note; the message says what is missing."""


def key_id(name: str, public: bytes) -> bytes:
    """The 4 bytes that tell keys apart: start of SHA-256(name, newline, algorithm byte, public key)."""
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


class Signer(Protocol):
    """What signs notes: a key with a name."""

    @property
    def name(self) -> str:
        """The key's name: no space, no plus sign."""

    @property
    def key_id(self) -> bytes:
        """The 4 bytes of `note.key_id`."""

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature over `message`."""


class Verifier(Protocol):
    """What checks notes: a public key with a name."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def key_id(self) -> bytes:
        """The 4 bytes of `note.key_id`."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made `signature` over `message`."""


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A `Signer` from a public key (32 bytes) and the vault's signing function."""

    name: str
    public: bytes
    signing: Callable[[bytes], bytes] = field(repr=False)

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that name this key in a signature line."""
        return key_id(self.name, self.public)

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`."""
        return self.signing(message)


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A `Verifier` from a public key (32 bytes) and the vault's checking function (public, message, signature)."""

    name: str
    public: bytes
    checking: Callable[[bytes, bytes, bytes], bool] = field(repr=False)

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that name this key in a signature line."""
        return key_id(self.name, self.public)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed `message`."""
        return self.checking(self.public, message, signature)


class Signature(NamedTuple):
    """One signature line, not yet checked."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note; nothing in it is to be believed before `verify_note`."""

    text: str
    signatures: tuple[Signature, ...]


def sign_note(text: str, signer: Signer) -> str:
    """The note of `text` (ending in a newline) with one signature. Raises NoteError when it could not be read back."""
    signed = base64.b64encode(signer.key_id + signer.sign(text.encode())).decode()
    note = f"{text}\n— {signer.name} {signed}\n"
    if parse_note(note).text != text:
        raise NoteError("the text of a note cannot hold this")
    return note


def parse_note(note: str) -> Note:
    """Read a signed note without checking signatures. Raises NoteError."""
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or len(note) > _LONGEST_NOTE or _CONTROL.search(note):
        raise NoteError("a note is a text, an empty line, and signature lines, without control characters")
    return Note(text + "\n", tuple(_signature(line) for line in tail[:-1].split("\n")))


def _signature(line: str) -> Signature:
    match = _LINE.fullmatch(line)
    if match is None:
        raise NoteError("a signature line is an em dash, a name and base64")
    try:
        raw = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        raise NoteError("the signature is not base64") from None
    if len(raw) <= 4 or base64.b64encode(raw).decode() != match[2]:
        raise NoteError("the signature is not base64 of a key id and a signature")
    return Signature(match[1], raw[:4], raw[4:])


def verify_note(note: Note, verifier: Verifier) -> str | None:
    """Why this key did not sign the note, in words, or None. Signatures of other keys are passed over."""
    known = verifier.name, verifier.key_id
    ours = [signature for signature in note.signatures if signature[:2] == known]
    if not ours:
        return "it is not signed by the expected key"
    message = note.text.encode()
    if any(len(s.signature) != _SIGNATURE_BYTES or not verifier.verify(message, s.signature) for s in ours):
        return "its signature does not match its text"
    return None
