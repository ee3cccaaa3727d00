"""Which of the directives speak: of this person, in force, none superseded, about data (reference S1, S12 a).

Whatever cannot be understood is no candidate and no silence either: it is named, and then nobody can tell.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policy.directives.asking import Asking
from policy.directives.model import Directive
from policy.directives.planning import Plan, plan
from policy.instants import instant

SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"

# A consent of these scopes is about treatment itself or about a time when the person cannot decide, never about data.
_NOT_ABOUT_DATA = frozenset({"adr", "treatment"})

ACTIVE, INACTIVE = "active", "inactive"
_SPEECHLESS = frozenset({"draft", "proposed", "rejected", "not-done", "entered-in-error"})


class Aside(StrEnum):
    """Why a directive does not speak."""

    ANOTHER_PERSON = "another-person"
    OLDER = "older-version"
    SUPERSEDED = "superseded"
    STATUS = "not-in-force"
    FUTURE = "not-yet-decided"
    OTHER_KIND = "other-kind"
    NOT_ABOUT_DATA = "not-about-data"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Those that speak, with their plans, and what stands against relying on them, as (id, why).

    `aside` are those that do not speak, and why not (one of :class:`Aside`).
    """

    speaking: tuple[tuple[Directive, Plan], ...]
    faults: tuple[tuple[str, str], ...]
    changes: tuple[datetime, ...]
    aside: tuple[tuple[str, Aside], ...] = ()


def choose(asking: Asking, directives: Sequence[Directive]) -> Chosen:
    """Return the directives that speak to a request, in the order of their ids."""
    if not asking.subjects and directives:
        return Chosen((), (("", "whose consents are asked for"),), ())
    chosen = _Choosing(asking, [], [], [], [])
    chosen.choose(directives)
    return Chosen(tuple(chosen.speaking), tuple(chosen.faults), tuple(chosen.changes), tuple(chosen.aside))


@dataclass(frozen=True, slots=True)
class _Choosing:
    asking: Asking
    speaking: list[tuple[Directive, Plan]]
    faults: list[tuple[str, str]]
    changes: list[datetime]
    aside: list[tuple[str, Aside]]

    def choose(self, directives: Sequence[Directive]) -> None:
        """Sort all of them into those that speak, those that do not, and those nobody understands."""
        about = [one for one in directives if self._kept(one, _about(one, self.asking), Aside.ANOTHER_PERSON)]
        if len(about) == 1:  # nearly everybody, and it can be neither older than nor replaced by itself
            self._hear(about[0], plan(about[0], self.asking))
            return
        newest = {id(one) for one in _newest(about, self.faults)}
        current = [one for one in about if self._kept(one, id(one) in newest, Aside.OLDER)]
        made = [(one, plan(one, self.asking)) for one in current]
        gone = _superseded(made, self.asking, self.changes)
        left = [pair for pair in made if self._kept(pair[0], id(pair[0]) not in gone, Aside.SUPERSEDED)]
        for one, its in sorted(left, key=lambda pair: pair[0].id):
            self._hear(one, its)

    def _kept(self, one: Directive, keeps: bool, why: Aside) -> bool:
        if not keeps:
            self.aside.append((one.id, why))
        return keeps

    def _hear(self, one: Directive, its: Plan) -> None:
        # What nobody understood may change what the rest means, be it the status: it is named before anything else.
        why = None if one.unknown else self._silence(one, its)
        if why is not None:
            self.aside.append((one.id, why))
        elif its.faults:
            self.faults.extend((one.id, fault) for fault in its.faults)
        elif one.status not in _SPEECHLESS | {ACTIVE, INACTIVE}:
            self.faults.append((one.id, "/status"))
        else:
            self.speaking.append((one, its))

    def _silence(self, one: Directive, its: Plan) -> Aside | None:
        """Return why a directive does not speak; None: it does, if it is understood."""
        if one.status in _SPEECHLESS or one.status == INACTIVE:
            return Aside.STATUS
        if its.decided is not None and its.decided.begins > self.asking.now:
            self.changes.append(its.decided.begins)
            return Aside.FUTURE
        kinds = {*one.categories, *one.scope}
        if self.asking.categories and kinds and self.asking.categories.isdisjoint(kinds):
            return Aside.OTHER_KIND
        codes = {code.code for code in one.scope if code.system == SCOPES}
        return Aside.NOT_ABOUT_DATA if codes and codes <= _NOT_ABOUT_DATA else None


def _about(one: Directive, asking: Asking) -> bool:
    """Whether it may be of this person: one of whom nobody knows whose it is may."""
    if not asking.subjects.isdisjoint(one.subjects) or not one.subjects:
        return True
    return any(name.startswith(("/patient", "/subject")) for name in one.unknown)


def _newest(directives: Iterable[Directive], faults: list[tuple[str, str]]) -> Iterator[Directive]:
    """Yield the newest version of each chain; one of which that cannot be told is named."""
    chains: dict[str, list[Directive]] = {}
    for one in directives:
        chain = chains.setdefault(one.id.rpartition("#")[0] or one.id, [])
        if not any(other is one or other == one for other in chain):
            chain.append(one)
    for name, chain in chains.items():
        if len(chain) == 1:
            yield chain[0]
            continue
        found = _last(chain)
        if found is None:
            faults.append((name, "which version is the newest"))
        else:
            yield found


def _last(chain: list[Directive]) -> Directive | None:
    """Return the newest version, by their numbers if they are numbers, else by when they were last updated."""
    for told in (_number, _updated):
        known = [(told(one), position, one) for position, one in enumerate(chain)]
        moments = [one[0] for one in known]
        if None not in moments and len(set(moments)) == len(moments):
            return max(known, key=lambda one: (one[0], one[1]))[2]
    return None


def _number(one: Directive) -> int | None:
    version = one.id.rpartition("#")[2] if "#" in one.id else ""
    return int(version) if version.isascii() and version.isdigit() and len(version) < 19 else None


def _updated(one: Directive) -> datetime | None:
    meta = one.resource.get("meta")
    try:
        return instant(meta["lastUpdated"]) if isinstance(meta, dict) else None
    except (KeyError, ValueError):
        return None


def _superseded(made: Sequence[tuple[Directive, Plan]], asking: Asking, changes: list[datetime]) -> set[int]:
    """Return those that a later one, in force or withdrawn since, was marked as replacing.

    One that is dated in the future replaces nothing yet; one that is no later than what it names replaces nothing.
    """
    replacing = [(one, its) for one, its in made if one.replaces and one.status in {ACTIVE, INACTIVE}]
    gone: set[int] = set()
    for newer, its in replacing:
        if its.decided is None:
            continue
        if its.decided.begins > asking.now:
            changes.append(its.decided.begins)
            continue
        named = {name.partition("#")[0] for name in newer.replaces if "#" not in name} | set(newer.replaces)
        for older, of_older in made:
            called = older.id in named or older.id.rpartition("#")[0] in named
            if called and older is not newer and _later(its, of_older):
                gone.add(id(older))
    return gone


def _later(newer: Plan, older: Plan) -> bool:
    if newer.decided is None or older.decided is None:
        return False
    return newer.decided.begins > older.decided.begins
