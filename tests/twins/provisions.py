"""Consents that came from elsewhere, judged naively: a second reading of the reference (2, S1 to S12), for comparison.

One record, one request, every consent walked from its root each time: no plan, no rule set, no depth of denials, no
memory. It shares with the engine only the values it is given, the table of purposes and the list of words for roles.
Truth here is "yes", "no" or "unknown".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from policy.directives.asking import Asking
from policy.directives.model import Coding, Directive, Effect, Period, Provision
from policy.purposes import ACT_REASON, covers, purpose
from policy.residual import ItemFacts

RECIPIENTS, CUSTODIANS, AUTHORS, AUTHORITIES = {"IRCP", "PRCP"}, {"CST"}, {"AUT"}, {"GUARD", "DPOWATT"}
EMERGENCIES = {f"{ACT_REASON}BTG", f"{ACT_REASON}ETREAT", f"{ACT_REASON}ERTREAT"}
LEVELS = "ULMNRV"
WITHOUT_DATES = {"Patient"}
OTHERS = ["actions", "classes", "resource_types", "document_types", "data_period", "data"]


def released(directives: Sequence[Directive], asking: Asking, item: ItemFacts) -> bool:
    """Whether the record may leave on the ground of these consents."""
    said = judged(directives, asking, item)
    return "permit" in said and not said & {"deny", "unknown"}


def judged(directives: Sequence[Directive], asking: Asking, item: ItemFacts) -> set[str]:
    """What each consent that speaks says of the record: permit, deny, silent, or unknown."""
    if directives and not asking.subjects:
        return {"unknown"}
    mine = [one for one in directives if set(one.subjects) & asking.subjects or not one.subjects]
    if any(_version_unknown(one, directives, asking) for one in mine):
        return {"unknown"}
    newest = [one for one in mine if not _older(one, directives, asking)]
    left = [one for one in newest if not _replaced(one, newest, asking)]
    return {_heard(_says(one, asking, item), _perhaps_replaced(one, newest, asking)) for one in left}


def _heard(said: str, only_noes: bool) -> str:
    return "silent" if said == "permit" and only_noes else said


# --- which consents speak: S1, S12 a ----------------------------------------------------------------------------------


def _chain(one: Directive, others: Iterable[Directive]) -> list[Directive]:
    return [other for other in others if other.id.split("#")[0] == one.id.split("#")[0] and other != one]


def _version(one: Directive) -> int | None:
    end = one.id.partition("#")[2]
    return int(end) if end.isdigit() else None


def _decided(one: Directive, asking: Asking) -> bool:
    first = _first(one.decided_at, asking.zone)
    return first is None or first <= asking.now


def _version_unknown(one: Directive, others: Iterable[Directive], asking: Asking) -> bool:
    rivals = [other for other in _chain(one, others) if _decided(other, asking)] if _decided(one, asking) else []
    return any(_version(other) is None or _version(other) == _version(one) for other in rivals)


def _older(one: Directive, others: Iterable[Directive], asking: Asking) -> bool:
    """Whether there is a newer version of it that has been decided."""
    newer = [other for other in _chain(one, others) if (_version(other) or 0) > (_version(one) or 0)]
    return _decided(one, asking) and any(_decided(other, asking) for other in newer)


def _replacing(one: Directive, others: list[Directive], asking: Asking) -> Iterator[tuple[Directive, bool]]:
    """Those in force, or withdrawn since, that say they replace it; the second: whether what they name is known."""
    names = {other.id for other in others} | {other.id.split("#")[0] for other in others}
    for other in others:
        if other is one or other.status not in {"active", "inactive"} or not _decided(other, asking):
            continue
        own = {other.id, other.id.split("#")[0]}
        for name in set(other.replaces) - own:
            if name in {one.id, one.id.split("#")[0]}:
                yield other, True
            elif name not in names:
                yield other, False


def _replaced(one: Directive, others: list[Directive], asking: Asking) -> bool:
    """Whether one that was decided later surely stands in its place."""
    return any(named and _before(one, other, asking) for other, named in _replacing(one, others, asking))


def _perhaps_replaced(one: Directive, others: list[Directive], asking: Asking) -> bool:
    undated = one.decided_at is None
    return any(
        undated or other.decided_at is None or (not named and _before(one, other, asking))
        for other, named in _replacing(one, others, asking)
    )


def _before(one: Directive, other: Directive, asking: Asking) -> bool:
    mine, theirs = _first(one.decided_at, asking.zone), _first(other.decided_at, asking.zone)
    return mine is not None and theirs is not None and mine < theirs


def _says(one: Directive, asking: Asking, item: ItemFacts) -> str:
    if one.unknown:
        return "unknown"
    if one.status != "active":
        return "silent"
    decided = _first(one.decided_at, asking.zone)
    if decided is not None and decided > asking.now:
        return "silent"
    scopes = {code.code for code in one.scope}
    kinds = {*one.scope, *one.categories}
    if (scopes and scopes <= {"adr", "treatment"}) or (asking.categories and kinds and not kinds & asking.categories):
        return "silent"
    effects = {effect for _, effect in one.bases}
    if len(effects) != 1 or _depth(one.root) > asking.max_depth or one.root.unknown:
        return "unknown"
    return _tree(one, effects.pop(), asking, item)


def _depth(one: Provision) -> int:
    return max((1 + _depth(below) for below in one.nested), default=0)


# --- one tree: S4, S5, S6 ---------------------------------------------------------------------------------------------


def _tree(one: Directive, base: Effect, asking: Asking, item: ItemFacts) -> str:
    part = _in_part(one.root, base, asking)
    concerned = _request(replace(one.root, purposes=None) if part else one.root, base, asking)
    if concerned == "no":
        return "silent"
    if concerned == "unknown" or _unresolved(one.root, base, asking):
        return "unknown"
    concerned = "unknown" if part else "yes"
    matching = [(0, base, _all(concerned, _data(one.root, base, asking, item)))]
    for below in one.root.nested:
        matching.extend(_rules(below, below.effect or _flip(base), 1, concerned, asking, item))
    if one.emergency_only and _emergency(asking):
        matching.append((1, Effect.PERMIT, "yes"))
    counts = [(depth, effect) for depth, effect, truth in matching if truth == "yes" or _may_deny(effect, truth)]
    if not counts:
        return "silent"
    deepest = max(depth for depth, _ in counts)
    return "deny" if (deepest, Effect.DENY) in counts else "permit"


def _may_deny(effect: Effect, truth: str) -> bool:
    return effect is Effect.DENY and truth == "unknown"


def _rules(
    one: Provision, effect: Effect, depth: int, above: str, asking: Asking, item: ItemFacts
) -> Iterator[tuple[int, Effect, str]]:
    truth = _all(above, _requested(one, effect, asking), _data(one, effect, asking, item))
    yield depth, effect, truth
    for below in one.nested:
        yield from _rules(below, below.effect or _flip(effect), depth + 1, truth, asking, item)


def _unresolved(one: Provision, effect: Effect, asking: Asking) -> bool:
    """Whether a rule that may concern the request names a recipient nobody knows: then the consent cannot be judged."""
    one = _certain(one)
    if _requested(one, effect, asking) == "no":
        return False
    recipients = [actor.reference for actor in one.actors or () if _roles(actor.roles) & RECIPIENTS or not actor.roles]
    known = asking.known_actors | asking.requester
    met = any(name in asking.requester for name in recipients)
    strangers = [name for name in recipients if name not in known]
    if strangers and not met and _actors(one, effect, asking) != "no":
        return True
    return any(_unresolved(below, below.effect or _flip(effect), asking) for below in one.nested)


def _flip(effect: Effect) -> Effect:
    return Effect.DENY if effect is Effect.PERMIT else Effect.PERMIT


def _all(*truths: str) -> str:
    return "no" if "no" in truths else "unknown" if "unknown" in truths else "yes"


def _any(truths: Iterable[str]) -> str:
    """Whether one holds; of none at all nobody knows."""
    found = list(truths)
    return "yes" if "yes" in found else "unknown" if "unknown" in found or not found else "no"


# --- what the request decides: S3, S9, S10, S11, S16 ------------------------------------------------------------------


def _certain(one: Provision) -> Provision:
    """The rule without what may mean more than was read of it."""
    if not one.unknown:
        return one
    named = {name[len(one.pointer) + 1 :].split("/")[0] for name in one.unknown}
    known = {"purpose": "purposes", "actor": "actors", "securityLabel": "labels", "period": "period", "code": "codes"}
    gone = [known[name] for name in named] if named <= set(known) else [*known.values(), *OTHERS]
    return replace(one, **dict.fromkeys(gone))


def _request(one: Provision, effect: Effect, asking: Asking) -> str:
    one = _certain(one)
    parts = ["unknown" if one.unknown else "yes"]
    parts.append(_readable(one.data_period))
    if one.period is not None:
        parts.append(_during(one.period, asking))
    if one.purposes is not None:
        parts.append(_purposes([f"{code.system}#{code.code}" for code in one.purposes], effect, asking))
    if one.actions is not None:
        parts.append(_actions(one.actions, asking))
    if one.actors is not None:
        parts.append(_actors(one, effect, asking))
    return _all(*parts)


def _requested(one: Provision, effect: Effect, asking: Asking) -> str:
    """As `_request`; a permit for a part of the purposes may be about it, for what it forbids within."""
    if not _in_part(one, effect, asking):
        return _request(one, effect, asking)
    return _all("unknown", _request(replace(one, purposes=None), effect, asking))


def _in_part(one: Provision, effect: Effect, asking: Asking) -> bool:
    """Whether a permit does not cover what was declared, but is, or may be, about some of it."""
    listed = [f"{code.system}#{code.code}" for code in _certain(one).purposes or ()]
    if effect is Effect.DENY or not listed or _purposes(listed, effect, asking) != "no":
        return False
    declared = set(asking.purposes) | _emergency(asking)
    pairs = [(one, other) for one in listed for other in declared if one not in EMERGENCIES or other in EMERGENCIES]
    return any(_denies(one, other) != "no" for one, other in pairs)


def _during(period: Period, asking: Asking) -> str:
    if _readable(period) == "unknown":
        return "unknown"
    start, end = _first(period.start, asking.zone), _after(period.end, asking.zone)
    begun = start is None or start <= asking.now
    return "yes" if begun and (end is None or asking.now < end) else "no"


def _emergency(asking: Asking) -> set[str]:
    one = asking.emergency
    if one is None or not asking.care or not (one.group and one.reason and one.second_factor):
        return set()
    if not one.declared_at <= asking.now < one.until:
        return set()
    return set(asking.purposes) & EMERGENCIES or {f"{ACT_REASON}BTG"}


def _purposes(listed: list[str], effect: Effect, asking: Asking) -> str:
    emergency = _emergency(asking)
    declared = set(asking.purposes) | emergency
    if not listed or not declared:
        return "unknown"
    if effect is Effect.DENY:
        return _any(_denies(one, other) for one in listed for other in declared)
    if any(one in EMERGENCIES and covers(one, other) is True for one in listed for other in emergency):
        return "yes"
    ordinary = {one for one in declared if one not in EMERGENCIES} or emergency
    listed = [one for one in listed if one not in EMERGENCIES]
    if not ordinary or not listed:
        return "no"
    return _all(*(_any(_covers(one, other) for one in listed) for other in ordinary))


def _covers(one: str, other: str) -> str:
    if one == other or covers(one, other):
        return "yes"
    ours = [name for name in (one, other) if name.startswith(ACT_REASON)]
    return "unknown" if any(purpose(name) is None for name in ours) else "no"


def _denies(one: str, other: str) -> str:
    if _covers(one, other) != "no":
        return _covers(one, other)
    strange = purpose(one) is None or purpose(other) is None
    return "unknown" if strange or covers(other, one) is True else "no"


def _actions(listed: Sequence[Sequence[Coding]], asking: Asking) -> str:
    if asking.action is None or not listed:
        return "unknown"
    if any(asking.action in concept for concept in listed):
        return "yes"
    known = all(any(code.system == asking.action.system for code in concept) for concept in listed)
    return "no" if known else "unknown"


def _roles(roles: Iterable[Coding]) -> set[str]:
    return {role.code for role in roles}


def _actors(one: Provision, effect: Effect, asking: Asking) -> str:
    """What the request decides of the actors; authors are left to the record, unless others decide it alone."""
    kinds: dict[str, list[str]] = {}
    for actor in one.actors or ():
        kinds.setdefault(_kind(_roles(actor.roles)), []).append(_actor(actor.reference, _roles(actor.roles), asking))
    kinds.pop("authority", None)
    if not kinds:
        return "unknown"
    authors = kinds.pop("author", [])
    found = [_any(truths) for truths in kinds.values()]
    if not found:
        return "yes"
    if effect is Effect.PERMIT:
        return _all(*found)
    same = len(set(found)) == 1 and not authors
    return found[0] if same else "unknown"


def _kind(codes: set[str]) -> str:
    for name, words in (("custodian", CUSTODIANS), ("author", AUTHORS), ("authority", AUTHORITIES)):
        if codes & words:
            return name
    return "recipient" if codes & RECIPIENTS or not codes else "nobody knows"


def _actor(reference: str, codes: set[str], asking: Asking) -> str:
    kind = _kind(codes)
    if kind == "recipient":
        if reference in asking.requester:
            return "yes"
        return "no" if reference in asking.known_actors else "unknown"
    if kind == "custodian":
        if reference in asking.custodians:
            return "yes"
        return "no" if asking.custodians and reference in asking.known_actors else "unknown"
    return "unknown"


# --- what the record decides: S3, S7, S8, S9 --------------------------------------------------------------------------


def _data(one: Provision, effect: Effect, asking: Asking, item: ItemFacts) -> str:
    one = _certain(one)
    detail = item.detail
    lacks = "no" if effect is Effect.DENY and item.resource_type in WITHOUT_DATES else "unknown"
    parts = ["unknown" if one.unknown else "yes"]
    if one.resource_types is not None:
        parts.append(_any("yes" if code.code == item.resource_type else "no" for code in one.resource_types))
    if one.classes is not None:
        parts.append(_any(_class(code, item) for code in one.classes))
    if one.document_types is not None:
        parts.append(_overlap(one.document_types, None if detail is None else detail.document_types))
    if one.codes is not None:
        known = None if detail is None else detail.codes
        uncoded = known is not None and not known and one.codes
        parts.append(lacks if uncoded else _any(_overlap(some, known) for some in one.codes))
    if one.labels is not None:
        parts.append(_labelled(one.labels, effect, None if detail is None else detail.labels))
    if one.data_period is not None:
        parts.append(_dated(one.data_period, effect, item, lacks))
    if one.data is not None:
        parts.append(_any(_reference(some.meaning, some.reference, item, lacks) for some in one.data))
    parts.append(_authors(one, effect, asking, item, lacks))
    return _all(*parts)


def _authors(one: Provision, effect: Effect, asking: Asking, item: ItemFacts, lacks: str) -> str:
    authors = [actor.reference for actor in one.actors or () if _kind(_roles(actor.roles)) == "author"]
    others = [
        _actor(actor.reference, _roles(actor.roles), asking)
        for actor in one.actors or ()
        if _kind(_roles(actor.roles)) not in {"author", "authority"}
    ]
    if not authors or (effect is Effect.DENY and others and set(others) != {"no"}):
        return "yes"
    return _any(_reference("authoredby", name, item, lacks) for name in authors)


def _class(code: Coding, item: ItemFacts) -> str:
    if code.system.endswith("resource-types"):
        return "yes" if code.code == item.resource_type else "no"
    if item.detail is None:
        return "unknown"
    return "yes" if code in item.detail.document_types or code.code in item.detail.profiles else "no"


def _overlap(listed: Iterable[Coding], known: frozenset[Coding] | None) -> str:
    return "unknown" if known is None else _any("yes" if code in known else "no" for code in listed)


def _labelled(listed: Sequence[Coding], effect: Effect, known: frozenset[Coding] | None) -> str:
    """Of several levels of confidentiality the highest counts; a denial means its level and all above."""
    if known is None:
        return "unknown"
    level = max((LEVELS.index(one.code) for one in known), default=-1)
    asked = [LEVELS.index(one.code) for one in listed]
    return "yes" if level in asked or (effect is Effect.DENY and level >= min(asked)) else "no"


def _reference(meaning: str, name: str, item: ItemFacts, lacks: str) -> str:
    detail = item.detail
    if detail is None:
        return "unknown"
    if meaning == "authoredby":
        return ("yes" if name in detail.authors else "no") if detail.authors else lacks
    wide = detail.references if meaning == "instance" else detail.references | detail.related
    return "yes" if name in wide else "no"


def _dated(period: Period, effect: Effect, item: ItemFacts, lacks: str) -> str:
    if _readable(period) == "unknown":
        return "unknown"
    if item.start is None and item.end is None:
        exempt = item.resource_type in WITHOUT_DATES and effect is Effect.PERMIT
        return "yes" if exempt else lacks
    first, last = _day(period.start, 0) or date.min, _day(period.end, 1) or date.max
    start, end = item.start or date.min, item.end or date.max
    if start > end:
        return "unknown"
    if end < first or start > last:
        return "no"
    return "yes" if first <= start and end <= last else "unknown"


# --- days and instants: S9 --------------------------------------------------------------------------------------------


def _readable(period: Period | None) -> str:
    if period is None:
        return "yes"
    try:
        first, last = _day(period.start, 0), _day(period.end, 1)
    except ValueError:
        return "unknown"
    both = first is not None and last is not None
    empty = first is None and last is None
    return "unknown" if empty or (both and (first or date.min) > (last or date.max)) else "yes"


def _day(text: str | None, end: int) -> date | None:
    """The first or the last day of a date as FHIR writes them: a year, a month, or a day."""
    if text is None:
        return None
    parts = [int(one) for one in text.split("-")]
    if not end:
        return date(*[*parts, 1, 1][:3])
    if len(parts) == 3:
        return date(*parts)
    year, month = (parts[0], parts[1] + 1) if len(parts) == 2 else (parts[0] + 1, 1)
    return date(year + (month > 12), 1 if month > 12 else month, 1) - timedelta(days=1)


def _first(text: str | None, zone: str) -> datetime | None:
    day = _day(text, 0)
    return None if day is None else _midnight(day, zone)


def _after(text: str | None, zone: str) -> datetime | None:
    day = _day(text, 1)
    return None if day is None else _midnight(day + timedelta(days=1), zone)


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
