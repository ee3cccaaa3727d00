"""What parts of records turn into, as ready JSON, remembered: of everybody together and of one person (`writing`).

A code, a concept or a unit turns into the same for everybody, except that a text which names a person does not leave
with their records. So what is shared is worked out for nobody in particular, while noting every word that was compared
with names. For a person none of whose names is among these words, every comparison would have come out the same: the
shared pieces are theirs. Anybody else has pieces of their own.

All of it is bounded and lives in memory only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from connector.deidentify.forms import words
from connector.deidentify.plan import ALONE, Plan
from connector.deidentify.rules import Changes, tally
from connector.deidentify.shapes import Element
from connector.deidentify.wearer import Wearer

LONGEST_REMEMBERED = 2048
MOST_OFTEN = 512
MOST_PIECES = 4096
MOST_BYTES = 8 * 1024 * 1024
MOST_WORDS = 50_000
_UNLIKE: Final = (b"0", b"1000000000000")
"""Two numbers that have nothing in common."""
_HEAD: Final = b'{"%b":' % ALONE.encode()
_NONE: Final[frozenset[str]] = frozenset()
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")


class Unusual(Exception):
    """Something that the quick way does not decide: the whole record goes the careful way."""


class Named(Exception):
    """A word that names this person was compared with shared pieces: they need pieces of their own."""


class Pieces(dict[bytes, bytes]):
    """What becomes of the value of an element, by the JSON as it was read; b"" if it is left out."""

    __slots__ = ("_made",)

    def __init__(self, made: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._made = made

    def __missing__(self, raw: bytes) -> bytes:
        piece = self._made(raw)
        if len(raw) <= LONGEST_REMEMBERED:
            if len(self) >= MOST_PIECES:
                self.clear()
            self[raw] = piece
        return piece


class Alone:
    """Works out single elements the careful way, each standing alone in an object."""

    def __init__(self, plan: Plan, elements: Sequence[Element]) -> None:
        self.count = len(elements)
        self._maker = plan.maker
        self._elements = elements
        self._decoders: dict[int, msgspec.json.Decoder[Any]] = {}

    def piece(self, number: int, raw: bytes, changes: Changes) -> bytes:
        """What becomes of the value `raw` of an element. Raises what the careful way raises, or `Unusual`."""
        decoder = self._decoders.get(number)
        if decoder is None:
            kind = self._maker.alone(self._elements[number])
            decoder = self._decoders[number] = msgspec.json.Decoder(kind, dec_hook=changed)
        value = decode_with(decoder.decode, b"%b%b}" % (_HEAD, raw), changes)
        return _encode(value)[len(_HEAD) : -1]

    def rest(self, number: int, rest: bytes, changes: Changes) -> bytes:
        """What becomes of an amount behind its number: `rest` is all of it but the number and its name."""
        start = opening(self._elements[number])
        name = start[1:]
        if b"\\" in rest or name[:-1] in rest:
            raise Unusual
        # Where the number stood last, what is left ends with the comma before it.
        last = rest.endswith((b"{", b","))
        told = set[bytes]()
        for digits in _UNLIKE:
            whole = b"%b%b%b}" % (rest, name, digits) if last else b"{%b%b,%b" % (name, digits, rest.removeprefix(b"{"))
            made = self.piece(number, whole, changes)
            if not made.startswith(start + digits):
                raise Unusual
            told.add(made[len(start) + len(digits) :])
        if len(told) > 1:
            # What becomes of it depends on how much it is.
            raise Unusual
        return told.pop()


def opening(amount: Element) -> bytes:
    """How an amount begins: `{"value":`."""
    if amount.shape is None:
        raise ValueError("an amount is an object")
    return b"{%b:" % _encode(amount.shape.elements[0].name)


def decode_with(decode: Callable[[bytes], T], body: bytes, changes: Changes) -> T:
    """Decode for the person whose values turn into `changes`. Raises what the decoder raises, or `Unusual`."""
    tally.begin(changes)
    value = decode(body)
    if tally.marked or tally.aged:
        # What masks a primitive stands beside it, and so does the number that answers a question for an age.
        raise Unusual
    return value


def changed(rule: Any, value: Any) -> Any:
    """What a value turns into, for the person whose record this thread is reading."""
    return tally.changes[rule][value]


class _Listener(Wearer):
    """Nobody in particular: no text names them, but every word that is asked about is noted."""

    def __init__(self, kinds: frozenset[str]) -> None:
        super().__init__(_Nobody(), "", kinds, 2000, _NONE)
        self.heard: set[str] = set()

    def named(self, text: str) -> bool:
        """Never."""
        self.heard |= words(text)
        return False


class _Nobody:
    """A person of whom nothing may be asked: what is shared depends on nobody."""

    code = "nobody"
    days = 1

    def id(self, resource_type: str, resource_id: str) -> str:  # noqa: ARG002 - nobody has none
        """Refused."""
        raise Unusual

    def seal(self, text: str) -> str:  # noqa: ARG002 - nobody has none
        """Refused."""
        raise Unusual


class Looked:
    """The pieces of all elements of a kind, and what follows the number of those that are amounts, by their numbers;
    `often` are those with numbers in them that are written part by part, and met again and again.
    """

    __slots__ = ("often", "pieces", "rests")

    def __init__(self, alone: Alone, worked: Callable[[Callable[[Changes], bytes]], bytes]) -> None:
        def pieces(number: int) -> Pieces:
            return Pieces(lambda raw: worked(lambda changes: alone.piece(number, raw, changes)))

        def rests(number: int) -> Pieces:
            return Pieces(lambda raw: worked(lambda changes: alone.rest(number, raw, changes)))

        self.pieces = list(map(pieces, range(alone.count)))
        self.rests = list(map(rests, range(alone.count)))
        self.often: list[dict[bytes, bytes]] = [{} for _ in self.pieces]

    def clear(self) -> None:
        """Forget everything."""
        for known in (*self.pieces, *self.rests, *self.often):
            known.clear()


class Vocabulary:
    """The pieces that are everybody's, for one plan. Use it in one thread.

    `names` are those of the person whose record is being written. `grown` counts how often words were added, so that
    a person is compared with them once.
    """

    def __init__(self, plan: Plan, shared: Sequence[Element]) -> None:
        self.names = _NONE
        self.grown = 0
        self.alone = Alone(plan, shared)
        self.looked = Looked(self.alone, self._worked)
        self._kinds = frozenset(plan.shapes)
        self._begin()

    def suits(self) -> bool:
        """Whether the person with `names` may use what is here so far."""
        if self._bytes > MOST_BYTES or len(self._listener.heard) > MOST_WORDS:
            self.looked.clear()
            self._begin()
        return self.names.isdisjoint(self._listener.heard)

    def _begin(self) -> None:
        self._listener = _Listener(self._kinds)
        self._changes = Changes(self._listener)
        self._bytes = self._heard = 0
        self.grown += 1

    def _worked(self, work: Callable[[Changes], bytes]) -> bytes:
        piece = work(self._changes)
        self._bytes += 2 * len(piece)
        heard = self._listener.heard
        if len(heard) != self._heard:
            self._heard = len(heard)
            self.grown += 1
            if not self.names.isdisjoint(heard):
                raise Named
        return piece
