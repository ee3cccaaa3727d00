"""One person's part in the quick way: what becomes of their references, dates and ids, as ready JSON (`writing`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from connector.deidentify.pieces import LONGEST_REMEMBERED, Alone, Looked, Pieces, Unusual, Vocabulary
from connector.deidentify.rules import Changes
from connector.deidentify.wearer import INSIDE, REMEMBERED, Wearer

if TYPE_CHECKING:
    from connector.deidentify.writing import Writing

_NONE: Final[frozenset[str]] = frozenset()
_encode = msgspec.json.Encoder().encode


MOST_REMEMBERED = 256


class Contained:
    """Writes what records contain: resources of kinds that may leave, and no other."""

    def __init__(self, writing: Writing) -> None:
        self._decode = msgspec.json.Decoder(list[writing.record]).decode  # type: ignore[name-defined]
        self._functions = writing.inside

    def written(self, raw: bytes, hand: Hand) -> tuple[bytes, Targets]:
        """What leaves of it, b"" if nothing does, and the references by which the record and they may refer to it."""
        kept = [value for value in self._decode(raw) if self._functions.leaves(type(value))]
        ids = (value.id for value in kept if value.id is not UNSET)
        codes = hand.wearer.codes(INSIDE)
        inside = frozenset(codes[id] for id in ids)
        hand.targets = targets = hand.within(inside)
        items = [self._functions[type(value)](value, hand, b"") for value in kept]
        return b"[%b]" % b",".join(items) if items else b"", targets


class Hand:
    """What writes the records of one person.

    `pieces` and `rests` are looked up by the number of a shared element (the vocabulary's, or own ones for somebody
    whom a word of it names), `own` by that of an own one; `dates` and `moments` by the text of the record, `codes` by
    kind and id. `targets` is looked up by the text of a reference: `outer`, or what a record with contained resources
    has in its place.
    """

    __slots__ = (
        "_changes", "_contained", "_contents", "_private", "_seen", "_vocabulary", "_within", "codes", "dates",
        "moments", "often", "outer", "own", "pieces", "rests", "targets", "wearer",
    )  # fmt: skip

    def __init__(
        self, wearer: Wearer, changes: Changes, vocabulary: Vocabulary, own: Alone, contained: Contained
    ) -> None:
        self.wearer = wearer
        self.dates = wearer.dates.quoted()
        self.moments = wearer.moments.quoted()
        self.codes = Codes(wearer)
        self.targets = self.outer = Targets(wearer, self.codes, _NONE)
        self.own = [Pieces(partial(_own_piece, own, number, changes)) for number in range(own.count)]
        self.pieces, self.rests, self.often = vocabulary.looked.pieces, vocabulary.looked.rests, vocabulary.looked.often
        self._contained = contained
        self._contents: dict[bytes, tuple[bytes, Targets]] = {}
        self._within: dict[frozenset[str], Targets] = {}
        self._changes = changes
        self._vocabulary = vocabulary
        self._private = False
        self._seen = -1

    def contained(self, raw: bytes) -> bytes:
        """What a record contains, as it may leave; from now on `targets` are those of this record."""
        known = self._contents.get(raw)
        if known is None:
            known = self._contained.written(raw, self)
            if len(self._contents) >= MOST_REMEMBERED:
                self._contents.clear()
                self._within.clear()
            if len(raw) <= LONGEST_REMEMBERED:
                self._contents[raw] = known
        piece, self.targets = known
        return piece

    def within(self, inside: frozenset[str]) -> Targets:
        """What becomes of references in records that contain resources with these codes."""
        targets = self._within.get(inside)
        if targets is None:
            targets = self._within[inside] = Targets(self.wearer, self.codes, inside)
        return targets

    def take(self) -> None:
        """Begin to write records of this person."""
        if self._private:
            return
        vocabulary = self._vocabulary
        vocabulary.names = self.wearer.names
        if vocabulary.grown != self._seen:
            if vocabulary.suits():
                self._seen = vocabulary.grown
            else:
                self.withdraw()

    def withdraw(self) -> None:
        """Use pieces of their own from now on: a word of the vocabulary names them."""
        changes = self._changes
        looked = Looked(self._vocabulary.alone, lambda work: work(changes))
        self.pieces, self.rests, self.often, self._private = looked.pieces, looked.rests, looked.often, True


def _own_piece(alone: Alone, number: int, changes: Changes, raw: bytes) -> bytes:
    if b'"#' in raw or b"\\" in raw:
        # A reference into the record itself means something else in every record.
        raise Unusual
    return alone.piece(number, raw, changes)


class Codes(dict[str, bytes]):
    """The keyed ids of a person's records as JSON, by kind and id (`Observation/1`, `#/1` inside a record)."""

    __slots__ = ("_wearer",)

    def __init__(self, wearer: Wearer) -> None:
        super().__init__()
        self._wearer = wearer

    def known(self, references: Sequence[str]) -> list[bytes]:
        """Many at once, which is cheaper than one by one; b"" for none."""
        fresh = [text for text in references if text and text not in self]
        if len(self) + len(fresh) > REMEMBERED:
            self.clear()
            fresh = [text for text in references if text]
        self.update(zip(fresh, self._wearer.quoted(fresh), strict=True))
        return [self[text] if text else b"" for text in references]

    def __missing__(self, reference: str) -> bytes:
        kind, _, id = reference.partition("/")
        code = _encode(self._wearer.keyed(kind)(id))
        if len(self) >= REMEMBERED:
            self.clear()
        self[reference] = code
        return code


class Targets(dict[Any, bytes]):
    """What becomes of a literal reference: the whole Reference, b"" if it is left out or there is none.

    `inside` are the codes of the resources contained in the records that these references are of.
    """

    __slots__ = ("_codes", "_inside", "_wearer")

    def __init__(self, wearer: Wearer, codes: Codes, inside: frozenset[str]) -> None:
        super().__init__({UNSET: b""})
        self._wearer = wearer
        self._codes = codes
        self._inside = inside

    def __missing__(self, text: str) -> bytes:
        kind, slash, id = text.partition("/")
        if slash and kind in self._wearer.kinds and kind != "Patient" and "/" not in id:
            piece = b'{"reference":%b/%b}' % (_encode(kind)[:-1], self._codes[text][1:])
        else:
            piece = self._unusual(text)
        if len(self) >= REMEMBERED:
            self.clear()
            self[UNSET] = b""
        self[text] = piece
        return piece

    def _unusual(self, text: str) -> bytes:
        if text[:1] == "#":
            code = self._wearer.codes(INSIDE)[text[1:]]
            return b'{"reference":"#%b"}' % code.encode() if code in self._inside else b""
        target = self._wearer.target(text)
        return b"" if target is UNSET else b'{"reference":%b}' % _encode(target)
