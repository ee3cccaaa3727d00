"""Applying a profile to records, one after the other: bytes in, bytes out, or a refusal."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from connector.deidentify.hand import Hand
from connector.deidentify.inside import settled_inside
from connector.deidentify.outcome import Coder, Rejected, Released
from connector.deidentify.pieces import changed
from connector.deidentify.plan import compile_plan
from connector.deidentify.profile import Profile
from connector.deidentify.quick import Quick
from connector.deidentify.rules import ABSENT, MARK, Changes, tally
from connector.deidentify.wearer import Wearer

PEOPLE_REMEMBERED = 8
_PATH = re.compile(r" - at `(?:key in )?\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"[.\[]")
_MARKED = re.compile(rb'"([A-Za-z]+)":' + re.escape(MARK))
_CODES = frozenset({
    "shape", "foreign-subject", "id", "date", "number", "samples", "code", "time", "modifier-extension",
})  # fmt: skip
_MISSING = {"id": "id", "resourceType": "unknown-type", "header": "shape"}
_encode = msgspec.json.Encoder().encode


class Deidentifier:
    """One profile in one pseudonym domain.

    Make one per release and use it in one thread: it remembers the codes of the last few people. It pickles as
    (profile, coder, as_of), so a worker process can be handed one. `as_of` is the day by which ages are grouped; a
    release that must come out the same byte for byte later keeps it.
    """

    def __init__(self, profile: Profile, coder: Coder, *, as_of: date, release: str = "R4") -> None:
        self.profile = profile
        self.coder = coder
        self.as_of = as_of
        self.release = release
        self._plan = compile_plan(profile, release)
        self._decode = msgspec.json.Decoder(self._plan.record, dec_hook=changed).decode
        self._quick = Quick(profile, release) if self._plan.inside else None
        self._people: OrderedDict[str, _Person] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (self.profile, self.coder, self.as_of, self.release)

    def apply(
        self, record_body: bytes, person: str, subject: str | None = None, names: frozenset[str] = frozenset()
    ) -> Released:
        """One record about `person` as it may leave. Raises `Rejected`.

        `person` is whom the coder knows; `subject` their id inside the records (Patient id or device user), the same
        if not given; `names` are words (`forms.names_in`) that no code, label or unit may contain. A record about
        somebody else is rejected. A record about nobody (Medication) is coded for the person whose records lead to it.
        """
        known = self._known(person, person if subject is None else subject, names)
        refusals: list[Rejected] = []

        def carefully(body: bytes) -> bytes | str:
            try:
                return self._carefully(body, known)
            except Rejected as refusal:
                refusals.append(refusal)
                return refusal.code

        (line,) = self._written((record_body,), known, carefully)
        if isinstance(line, str):
            raise refusals[0]
        return Released(line[:-1], record_body)

    def lines(
        self, bodies: Sequence[bytes], person: str, subject: str, names: frozenset[str] = frozenset()
    ) -> list[bytes | str]:
        """Many records about one person (see `apply`): each as a line with its line end, or why there is none."""
        known = self._known(person, subject, names)

        def carefully(body: bytes) -> bytes | str:
            try:
                return self._carefully(body, known)
            except Rejected as refusal:
                return refusal.code

        return self._written(bodies, known, carefully)

    def _written(
        self, bodies: Sequence[bytes], known: _Person, carefully: Callable[[bytes], bytes | str]
    ) -> list[bytes | str]:
        if self._quick is None or known.hand is None:
            return list(map(carefully, bodies))
        return self._quick.lines(bodies, known.hand, carefully)

    def _carefully(self, body: bytes, known: _Person) -> bytes:
        wearer = known.wearer
        wearer.used.clear()
        value = self._decoded(body, known.changes)
        if type(value) not in self._plan.roots:
            raise Rejected("withheld-type", "/resourceType")
        if self._plan.user:
            self._plan.user(value).user_id = wearer.code
        elif wearer.used or value.contained is not UNSET:
            value = settled_inside(value, self._plan, wearer, lambda: self._decoded(body, known.changes))
        written = _encode(value)
        if tally.marked:
            written = _MARKED.sub(rb'"_\1":{"extension":' + ABSENT + b"}", written)
        return written + b"\n"

    def _decoded(self, body: bytes, changes: Changes) -> Any:
        tally.begin(changes)
        try:
            return self._decode(body)
        except msgspec.ValidationError as problem:
            raise _refused(str(problem)) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Rejected("not-json") from None
        except RecursionError:
            raise Rejected("too-deep") from None

    def _known(self, person: str, subject: str, names: frozenset[str]) -> _Person:
        known = self._people.get(person)
        if known is None or (known.wearer.subject, known.wearer.names) != (subject, names):
            kinds = frozenset(self._plan.shapes)
            wearer = Wearer(self.coder.person(person), subject, kinds, self.as_of.year, names)
            changes = Changes(wearer)
            hand = self._quick.hand(wearer, changes) if self._quick else None
            self._people[person] = known = _Person(wearer, changes, hand)
            if len(self._people) > PEOPLE_REMEMBERED:
                self._people.popitem(last=False)
        if known.hand is not None:
            known.hand.take()
        return known


class _Person(NamedTuple):
    wearer: Wearer
    changes: Changes
    hand: Hand | None


def _remake(profile: Profile, coder: Coder, as_of: date, release: str) -> Deidentifier:
    return Deidentifier(profile, coder, as_of=as_of, release=release)


def _refused(message: str) -> Rejected:
    # msgspec says where by "$.component[0].code"; its words before that may repeat a value and are not passed on.
    match = _PATH.search(message)
    words = message[: match.start()] if match else message
    pointer = _STEP.sub("/", match[1]).replace("]", "") if match else ""
    if words in _CODES:
        return Rejected(words, pointer)
    if words.startswith("Object missing required field `"):
        return Rejected(_MISSING.get(words.split("`")[1], "no-subject"), pointer)
    last = pointer.rpartition("/")[2]
    named = {
        "resourceType": "unknown-type",
        "modifierExtension": "modifier-extension",
        "implicitRules": "implicit-rules",
    }
    return Rejected(named.get(last, "shape"), pointer)
