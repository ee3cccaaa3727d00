"""A person's consent as a third side: what they agreed to limits what an offer and a request can come to.

Purposes, recipients, the study and its version, datasets, kinds of data, clinical dates and the time it holds become
claims like those of a policy. What a consent does not speak of (a fee, say) it does not limit.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from policy.categories import words
from policy.consent import ConsentRecord, EffectiveState, Window, effective_state
from policy.instants import wire
from policy.odrl import vocabulary as v
from policy.odrl.compatibility.claims import Claim, Side
from policy.odrl.compatibility.sheets import Scoped
from policy.odrl.model import XSD, Constraint, Literal

CATEGORY, RECORD_DATE = f"{v.CONCORD}category", f"{v.CONCORD}recordDate"
_STANDING = frozenset({EffectiveState.GIVEN, EffectiveState.NOT_YET_DECIDED})
_STATES: Mapping[EffectiveState, str] = MappingProxyType({EffectiveState.EXPIRED: "over"})


@dataclass(frozen=True, slots=True)
class Asked:
    """The data a request is about, which its policy only pins: kinds (None: all) and clinical dates."""

    categories: tuple[str, ...] | None = None
    start: date | None = None
    end: date | None = None


EVERYTHING = Asked()


def claims(record: ConsentRecord, now: datetime, asked: Asked = EVERYTHING, dataset: str | None = None) -> list[Claim]:
    """Return what the consent says of a request made `now`, and what is asked of the data, as claims.

    `dataset` is the one the request is about, None where its policy names it.
    """
    return [*about(Side.REQUEST, asked), *_standing(record, now), *_agreed(record), *_data(record, dataset)]


def _standing(record: ConsentRecord, now: datetime) -> Iterator[Claim]:
    state = effective_state(record, now)
    if state not in _STANDING:
        yield Claim(Side.CONSENT, (), denied=True, counts=False, words=f"It is {_STATES.get(state, state.value)}")


def _agreed(record: ConsentRecord) -> Iterator[Claim]:
    yield _claim(v.DATE_TIME, "gteq", [Literal(wire(record.decided_at), f"{XSD}dateTime")])
    yield _claim(v.DATE_TIME, "lt", [Literal(wire(record.valid_until), f"{XSD}dateTime")])
    yield _claim(v.STUDY, "eq", [Literal(record.study)])
    yield _claim(v.STUDY_DIGEST, "eq", [Literal(record.study_digest)])
    for left, names in ((v.PURPOSE, record.purposes), (v.RECIPIENT, record.recipients)):
        if names:
            yield _claim(left, "isAnyOf", map(Literal, names))


def _data(record: ConsentRecord, dataset: str | None) -> Iterator[Claim]:
    if record.data:
        yield _claim(v.DATASET, "isAnyOf", [Literal(scope.dataset) for scope in record.data])
    scopes = [scope for scope in record.data if dataset in {None, scope.dataset}]
    if scopes and all(scope.categories is not None for scope in scopes):
        yield _kinds(Side.CONSENT, [key for scope in scopes for key in scope.categories or ()])
    if isinstance(record.window, Window):
        yield from _dates(Side.CONSENT, record.window.start, record.window.end)


def about(side: Side, asked: Asked) -> Iterator[Claim]:
    """Yield what one side says of the data: which kinds, from when until when."""
    if asked.categories:
        yield _kinds(side, asked.categories)
    yield from _dates(side, asked.start, asked.end)


def _kinds(side: Side, keys: Iterable[str]) -> Claim:
    named = list(dict.fromkeys(keys))
    said = f"It is only about: {'; '.join(map(words, named))}"
    return _claim(CATEGORY, "isAnyOf", map(Literal, named), side, said)


def _dates(side: Side, start: date | None, end: date | None) -> Iterator[Claim]:
    for operator, day, said in (("gteq", start, "from"), ("lteq", end, "until")):
        if day is not None:
            literal = Literal(day.isoformat(), f"{XSD}date")
            yield _claim(RECORD_DATE, operator, [literal], side, f"It is only about records {said} {day.isoformat()}")


def _claim(left: str, operator: str, right: Iterable[Literal], side: Side = Side.CONSENT, said: str = "") -> Claim:
    return Claim(side, (Scoped(Constraint(left, operator, tuple(right))),), counts=False, words=said)
