"""Applying a profile to records, one after the other: bytes in, bytes out, or a refusal."""

from __future__ import annotations

import re
from collections import OrderedDict
from datetime import date
from typing import Any

import msgspec
from msgspec import UNSET

from connector.deidentify.outcome import Coder, Rejected, Released
from connector.deidentify.plan import compile_plan
from connector.deidentify.profile import Profile
from connector.deidentify.rules import ABSENT, MARK, Changes, tally
from connector.deidentify.wearer import Wearer

PEOPLE_REMEMBERED = 32
_PATH = re.compile(r" - at `(?:key in )?\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"[.\[]")
_MARKED = re.compile(rb'"([A-Za-z]+)":' + re.escape(MARK))
_CODES = frozenset({"shape", "foreign-subject", "id", "date", "number", "samples", "code", "time"})
_MISSING = {"id": "id", "resourceType": "unknown-type", "header": "shape"}
_encode = msgspec.json.Encoder().encode


class Deidentifier:
    """One profile in one pseudonym domain.

    Make one per release and use it in one thread: it remembers the codes of the last few people. It pickles as
    (profile, coder, as_of), so a worker process can be handed one. `as_of` is the day by which ages are grouped; a
    release that must come out the same byte for byte later keeps it.
    """

    def __init__(self, profile: Profile, coder: Coder, *, as_of: date) -> None:
        self.profile = profile
        self.coder = coder
        self.as_of = as_of
        self._plan = compile_plan(profile)
        self._decode = msgspec.json.Decoder(self._plan.lenient, dec_hook=self._changed).decode
        self._decode_complete = msgspec.json.Decoder(self._plan.complete, dec_hook=self._changed).decode
        self._changes: Changes
        self._people: OrderedDict[str, tuple[Wearer, Changes]] = OrderedDict()

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (self.profile, self.coder, self.as_of)

    def apply(
        self, record_body: bytes, person: str, subject: str | None = None, names: frozenset[str] = frozenset()
    ) -> Released:
        """One record about `person` as it may leave. Raises `Rejected`.

        `person` is whom the coder knows; `subject` their id inside the records (Patient id or device user), the same
        if not given; `names` are words (`forms.names_in`) that no code, label or unit may contain. A record about
        somebody else is rejected. A record about nobody (Medication) is coded for the person whose records lead to it.
        """
        wearer, self._changes = self._known(person, person if subject is None else subject, names)
        wearer.used.clear()
        value = self._decoded(record_body)
        if type(value) not in self._plan.roots:
            raise Rejected("withheld-type", "/resourceType")
        if self._plan.user:
            self._plan.user(value).user_id = wearer.code
        elif wearer.used or value.contained is not UNSET:
            value = self._with_contained(value, record_body, wearer)
        body = _encode(value)
        if tally.marked:
            body = _MARKED.sub(rb'"_\1":{"extension":' + ABSENT + b"}", body)
        return Released(body, record_body)

    def _changed(self, rule: Any, value: Any) -> Any:
        return self._changes[rule][value]

    def _decoded(self, body: bytes) -> Any:
        tally.empty, tally.marked = 0, False
        try:
            value = self._decode_complete(body)
        except msgspec.ValidationError:
            return self._decoded_leniently(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Rejected("not-json") from None
        except RecursionError:
            raise Rejected("too-deep") from None
        return self._decoded_leniently(body) if tally.empty else value

    def _decoded_leniently(self, body: bytes) -> Any:
        tally.empty, tally.marked = 0, False
        try:
            return self._decode(body)
        except msgspec.ValidationError as problem:
            raise _refused(str(problem)) from None

    def _with_contained(self, value: Any, body: bytes, wearer: Wearer) -> Any:
        """Leave out contained resources of withheld kinds, and the references to them."""
        kept = self._kept(value)
        codes = {item.id for item in kept}
        wearer.gone = frozenset(local for local, code in wearer.used.items() if code not in codes)
        if wearer.gone:
            value = self._decoded_leniently(body)
            kept = self._kept(value)
        wearer.gone = frozenset()
        value.contained = kept or UNSET
        return value

    def _kept(self, value: Any) -> list[Any]:
        inside = [] if value.contained is UNSET else value.contained
        return [item for item in inside if type(item) in self._plan.contained]

    def _known(self, person: str, subject: str, names: frozenset[str]) -> tuple[Wearer, Changes]:
        known = self._people.get(person)
        if known is None or (known[0].subject, known[0].names) != (subject, names):
            wearer = Wearer(self.coder.person(person), subject, self._plan.kinds, self.as_of.year, names)
            self._people[person] = known = wearer, Changes(wearer)
            if len(self._people) > PEOPLE_REMEMBERED:
                self._people.popitem(last=False)
        return known


def _remake(profile: Profile, coder: Coder, as_of: date) -> Deidentifier:
    return Deidentifier(profile, coder, as_of=as_of)


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
