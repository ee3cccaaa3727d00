"""Reading a duty from a rule: its parameters, closed; and which duties of a policy nobody could carry out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from policy.instants import TICK
from policy.odrl import vocabulary as v
from policy.odrl.duties.known import BY_ACTION, KNOWN, Duty, Known, Ower, Period, period
from policy.odrl.duties.thresholds import TAKES, keeps_thresholds, threshold
from policy.odrl.model import XSD, Constraint, Entity, Policy, Rule, Term
from policy.odrl.operands import NotUnderstoodError, bounds
from policy.odrl.terms import flat

_WITHIN, _UNTIL, _PARTY = "within", "until", "party"


@dataclass(frozen=True, slots=True)
class Undone:
    """A duty that nobody can carry out: where it stands, what it is called, and what would be accepted."""

    pointer: str
    name: str
    accepted: str


def read_duty(rule: Rule, policy: Policy | None = None) -> Duty:
    """Return the duty a rule states. With the policy it stands in, as written, parties and asset may be named again.

    Raises :class:`~policy.odrl.operands.NotUnderstoodError` naming the place and what would be understood.
    """
    if len(rule.actions) != 1 or rule.action not in BY_ACTION:
        raise NotUnderstoodError(f"{rule.pointer}/action: {_short(rule.action)}; known: {', '.join(KNOWN)}")
    known = BY_ACTION[rule.action]
    _only_known_parts(rule)
    _same_parties(rule, known, policy)
    return _with_parameters(rule, known)


def _with_parameters(rule: Rule, known: Known) -> Duty:
    if not (known.timed or rule.terms or rule.functions or rule.actions[0].refinements):
        return Duty(key=known.key, pointer=rule.pointer)
    found: dict[str, object] = {}
    stated = [(name, value, at) for term in _terms(rule) for name, value, at in _parameter(term, known)]
    for name, value, at in (*stated, *_functions(rule)):
        if name not in known.takes or name in found:
            raise NotUnderstoodError(f"{at}: {_takes(known)}")
        found[name] = value
    timed = len(found.keys() & {_WITHIN, _UNTIL})
    if timed > 1 or (known.timed and not timed):
        raise NotUnderstoodError(f"{rule.pointer}: {known.key} needs one time: a period, or an instant")
    return Duty(key=known.key, pointer=rule.pointer, **found)  # type: ignore[arg-type]


def stated(policy: Policy) -> tuple[Duty, ...]:
    """Return every duty of a policy that is understood, those of its permissions first; none is read twice."""
    return tuple(one for one in (_read(rule, policy) for rule in rules(policy)) if isinstance(one, Duty))


def undone(policy: Policy, executors: Iterable[str]) -> tuple[Undone, ...]:
    """Return each duty of a policy that is not understood or for which there is no executor, with its place.

    `executors` are keys of :data:`KNOWN`.
    """
    able = frozenset(executors)
    accepted = ", ".join(key for key in KNOWN if key in able) or "no duty at all"
    found = []
    for rule in rules(policy):
        one = _read(rule, policy)
        if isinstance(one, NotUnderstoodError):
            found.append(Undone(rule.pointer, _short(rule.action), f"{one}"))
        elif one.key not in able:
            found.append(Undone(rule.pointer, one.key, accepted))
    return tuple(found)


def rules(policy: Policy) -> Iterator[Rule]:
    """Yield every duty that somebody owes under a policy without having broken it: those of permissions, obligations.

    Remedies and consequences are owed only once something went wrong.
    """
    for permission in policy.permissions:
        yield from permission.duties
    yield from policy.obligations


def keeps(mine: Rule, offered: Rule) -> bool:
    """Whether whoever does the duty `mine` has done the duty `offered`: the same, for the same party, no later.

    A duty that is not understood is kept by nothing. Whom and what the two are about is not compared: a duty about
    anything but its contract's own asset and parties is not understood in the first place (:func:`read_duty`).
    """
    known = BY_ACTION.get(mine.action), BY_ACTION.get(offered.action)
    if known[0] is None or known[0] is not known[1]:
        return False
    try:
        narrow, wide = _with_parameters(mine, known[0]), _with_parameters(offered, known[0])
    except NotUnderstoodError:
        return False
    return _within(narrow, wide)


def _within(narrow: Duty, wide: Duty) -> bool:
    if wide.party is not None and narrow.party != wide.party:
        return False
    if not all(_no_longer(getattr(narrow, name), getattr(wide, name)) for name in _WITHDRAWAL.values()):
        return False
    if not keeps_thresholds(narrow, wide):
        return False
    if wide.until is not None:
        return narrow.until is not None and narrow.until <= wide.until
    if wide.within is not None:
        return _no_longer(narrow.within, wide.within)
    return True


def _no_longer(narrow: Period | None, wide: Period | None) -> bool:
    """Whether a period keeps another; what states none is kept by any."""
    if wide is None:
        return True
    return narrow is not None and (narrow == wide or narrow.longest <= wide.shortest)


def _read(rule: Rule, policy: Policy) -> Duty | NotUnderstoodError:
    try:
        return read_duty(rule, policy)
    except NotUnderstoodError as cause:
        return cause


def _only_known_parts(rule: Rule) -> None:
    if rule.duties or rule.remedies or rule.consequences or rule.relations:
        raise NotUnderstoodError(
            f"{rule.pointer}: a duty with further duties or assets; known: a duty by itself, without consequences"
        )


def _same_parties(rule: Rule, known: Known, policy: Policy | None) -> None:
    """A duty may repeat the contract's asset and parties; of anything or anybody else it is not understood."""
    if not (rule.targets or rule.assigners or rule.assignees):
        return
    ours: Mapping[str, frozenset[str]] = {}
    if policy is not None:
        assigners, assignees = _names(policy.assigners), _names(policy.assignees)
        if known.by is Ower.PROVIDER:  # in the atomic form such a duty has the parties of its contract as they stand
            assigners = assignees = assigners | assignees
        ours = {"targets": _names(policy.targets), "assigners": assigners, "assignees": assignees}
    for name in ("targets", "assigners", "assignees"):
        entities: tuple[Entity, ...] = getattr(rule, name)
        if any(one.collection or one.refinements for one in entities) or not _names(entities) <= ours.get(
            name, frozenset()
        ):
            raise NotUnderstoodError(f"{rule.pointer}/{name[:-1]}: known: the asset and the parties of the contract")


def _names(entities: Iterable[Entity]) -> frozenset[str]:
    return frozenset(one.iri for one in entities)


def _terms(rule: Rule) -> Iterator[Term]:
    for action in rule.actions:
        yield from flat(action.refinements)
    yield from flat(rule.terms)


def _functions(rule: Rule) -> Iterator[tuple[str, object, str]]:
    for iri, entities in rule.functions:
        at = f"{rule.pointer}/{_short(iri)}"
        if iri not in _PARTIES or len(entities) != 1 or entities[0].collection or entities[0].refinements:
            raise NotUnderstoodError(f"{at}: known: one informedParty")
        yield _PARTY, entities[0].iri, at


_PARTIES = frozenset({f"{v.ODRL}informedParty"})
_PERIODS = frozenset({f"{v.ODRL}elapsedTime", f"{v.ODRL}delayPeriod"})
_WITHDRAWAL: Mapping[str, str] = MappingProxyType(
    {v.STOP_WITHIN: "stop", v.BACKUPS_WITHIN: "backups", v.FRESHNESS: "freshness"}
)
"""The times of a withdrawal: left operand to parameter."""
_EVENT, _USE = f"{v.ODRL}event", f"{v.ODRL}policyUsage"

# What these say is how the duty is carried out here anyway.
_SAID_ANYWAY: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        ("pseudonymise", _EVENT): (("lt", _USE),),
        ("anonymise", _EVENT): (("lt", _USE),),
        ("inform", f"{v.IDS}NOTIFICATION_LEVEL"): (("eq", f"{v.IDS}ON_ALLOW"),),
        ("log", f"{v.IDS}LOG_LEVEL"): (("eq", f"{v.IDS}ON_ALLOW"),),
    }
)


def _parameter(term: Term, known: Known) -> Iterator[tuple[str, object, str]]:
    if not isinstance(term, Constraint) or len(term.right) != 1 or not _plain(term):
        raise NotUnderstoodError(f"{term.pointer}: {_takes(known)}")
    left = v.expand_odrl(term.left)
    if left in _PERIODS:
        yield _WITHIN, _period(term), term.pointer
    elif left in _WITHDRAWAL and _WITHDRAWAL[left] in known.takes:
        yield _WITHDRAWAL[left], _period(term), term.pointer
    elif left in TAKES and TAKES[left].name in known.takes:
        yield TAKES[left].name, threshold(term, TAKES[left]), term.pointer
    elif left == v.DATE_TIME:
        yield _UNTIL, _last(term), term.pointer
    elif left == v.RECIPIENT and term.operator == "eq":
        yield _PARTY, term.right[0].text, term.pointer
    elif (term.operator, v.expand_odrl(term.right[0].text)) not in _SAID_ANYWAY.get((known.key, left), ()):
        raise NotUnderstoodError(f"{term.pointer}/leftOperand: {_short(left)}; {_takes(known)}")


def _plain(term: Constraint) -> bool:
    return not (term.unit or term.status or term.by_reference or term.given or term.right[0].language)


def _takes(known: Known) -> str:
    said = {
        _WITHIN: "elapsedTime or delayPeriod (eq, lteq, lt; a duration such as P30D)",
        _UNTIL: "dateTime (eq, lteq, lt)",
        _PARTY: "recipient (eq) or informedParty",
        "freshness": "concord:stopWithin, concord:backupsWithin, concord:freshness (durations, too)",
        "min_k": "concord:kAnonymity, concord:lDiversity (gteq), concord:tCloseness, concord:uniqueShare (lteq)",
    }
    listed = [words for name, words in said.items() if name in known.takes]
    return f"{known.key} takes {'; '.join(listed) or 'no parameter'}, each once"


_UP_TO = frozenset({"eq", "lteq", "lt"})
_DURATIONS = frozenset({None, *(f"{XSD}{name}" for name in ("duration", "dayTimeDuration", "yearMonthDuration"))})


def _period(term: Constraint) -> Period:
    stated = term.right[0]
    if term.operator not in _UP_TO or stated.datatype not in _DURATIONS:
        raise NotUnderstoodError(f"{term.pointer}: known: eq, lteq or lt, and a duration such as P30D")
    try:
        found = period(stated.text)
    except ValueError as fault:
        raise NotUnderstoodError(f"{term.pointer}/rightOperand: {fault}") from None
    return Period(found.months, found.rest - TICK) if term.operator == "lt" else found


def _last(term: Constraint) -> datetime:
    """The last instant at which it is done in time."""
    if term.operator not in _UP_TO:
        raise NotUnderstoodError(f"{term.pointer}/operator: {term.operator[:40]}; known: eq, lteq, lt")
    try:
        first, after = bounds(term.right[0])
    except (ValueError, OverflowError):
        raise NotUnderstoodError(f"{term.pointer}/rightOperand: not a date or an instant with an offset") from None
    return (first if term.operator == "lt" else after) - TICK


def _short(iri: str) -> str:
    name = v.short(iri)[:80]
    return "".join(sign if sign.isprintable() else "?" for sign in name) or "none"
