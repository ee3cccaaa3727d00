"""Which of the directives speak: of this person, in force, none superseded, about data (reference S1, S12 a).

Whatever cannot be understood is no candidate and no silence either: it is named, and then nobody can tell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policy.directives.asking import Asking
from policy.directives.broad_reading import documented
from policy.directives.chains import chain_of, chains, last, superseded
from policy.directives.model import Directive
from policy.directives.periods import ALWAYS
from policy.directives.planning import Plan, plan
from policy.directives.references import may_be, plain

SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"

# A consent of these scopes is about treatment itself or about a time when the person cannot decide, never about data.
_NOT_ABOUT_DATA = frozenset({"adr", "treatment"})

ACTIVE, INACTIVE = "active", "inactive"
_NOT_DECIDED = frozenset({"draft", "proposed"})
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

    `aside` are those that do not speak, and why not (one of :class:`Aside`). Of those in `only_noes` only what they
    forbid counts: another kind was asked for, or a later one may stand in their place.
    """

    speaking: tuple[tuple[Directive, Plan], ...]
    faults: tuple[tuple[str, str], ...]
    changes: tuple[datetime, ...]
    aside: tuple[tuple[str, Aside], ...] = ()
    only_noes: frozenset[str] = frozenset()


def choose(asking: Asking, directives: Sequence[Directive]) -> Chosen:
    """Return the directives that speak to a request, in the order of their ids."""
    if not asking.subjects and directives:
        return Chosen((), (("", "whose consents are asked for"),), ())
    chosen = _Choosing(asking, [], [], [], [], set())
    chosen.choose(directives)
    return Chosen(
        tuple(chosen.speaking),
        tuple(chosen.faults),
        tuple(chosen.changes),
        tuple(chosen.aside),
        frozenset(chosen.only_noes),
    )


@dataclass(frozen=True, slots=True)
class _Choosing:
    asking: Asking
    speaking: list[tuple[Directive, Plan]]
    faults: list[tuple[str, str]]
    changes: list[datetime]
    aside: list[tuple[str, Aside]]
    only_noes: set[str]

    def choose(self, directives: Sequence[Directive]) -> None:
        """Sort all of them into those that speak, those that do not, and those nobody understands."""
        if len(directives) == 1:  # nearly everybody, and it can be neither older than nor replaced by itself
            one = directives[0]
            if self._kept(one, _about(one, self.asking), Aside.ANOTHER_PERSON):
                self._hear(one, plan(one, self.asking))
            return
        current = [one for chain in chains(directives) for one in self._current(chain)]
        about = [one for one in current if self._kept(one, _about(one, self.asking), Aside.ANOTHER_PERSON)]
        made = [(one, plan(one, self.asking)) for one in about]
        gone, unsure = superseded(made, self.asking, self.changes)
        self.only_noes.update(one.id for one in about if id(one) in unsure)
        left = [pair for pair in made if self._kept(pair[0], id(pair[0]) not in gone, Aside.SUPERSEDED)]
        for one, its in sorted(left, key=lambda pair: pair[0].id):
            self._hear(one, its)

    def _current(self, chain: list[Directive]) -> Iterator[Directive]:
        """Yield the newest of the versions that are decided now, and those that will be.

        The versions of one consent belong together whomever each is about: one that was filed with somebody else and
        corrected is over. One of which nobody can tell the newest is named.
        """
        if len(chain) == 1:
            yield chain[0]
            return
        to_come = [one for one in chain if self._begins(one) > self.asking.now]
        yield from to_come
        decided = [one for one in chain if one not in to_come]
        found = last(decided) if decided else None
        if found is not None:
            yield found
            self._look_back(found, [one for one in decided if one is not found])
        elif any(_about(one, self.asking) for one in decided):
            self.faults.append((chain_of(decided[0]), "which version is the newest"))

    def _begins(self, one: Directive) -> datetime:
        decided = plan(one, self.asking).decided
        return ALWAYS.begins if decided is None else decided.begins

    def _look_back(self, newest: Directive, others: list[Directive]) -> None:
        """Set the older versions aside; where the newest decides nothing about data, nobody knows of them."""
        mine = [one for one in others if self._kept(one, _about(one, self.asking), Aside.ANOTHER_PERSON)]
        open_ones = newest.status in _NOT_DECIDED or (newest.status == ACTIVE and _not_about_data(newest))
        spoke = any(one.status == ACTIVE and not _not_about_data(one) for one in mine)
        if open_ones and spoke and _about(newest, self.asking):
            self.faults.append((newest.id, "what became of the version before it"))
        for one in mine:
            self.aside.append((one.id, Aside.OLDER))

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
        elif _perhaps(one, self.asking):
            self.faults.append((one.id, "whose it is"))
        else:
            self.speaking.append((one, its))

    def _silence(self, one: Directive, its: Plan) -> Aside | None:
        """Return why a directive does not speak; None: it does, if it is understood."""
        if one.status in _SPEECHLESS or one.status == INACTIVE:
            return Aside.STATUS
        if its.decided is not None and its.decided.begins > self.asking.now:
            self.changes.append(its.decided.begins)
            return Aside.FUTURE
        if _not_about_data(one):
            return Aside.NOT_ABOUT_DATA
        kinds = {*one.categories, *one.scope}
        if self.asking.categories and kinds and self.asking.categories.isdisjoint(kinds):
            # A yes of another kind was not asked for; a no counts whatever its kind (reference S12 b).
            self.only_noes.add(one.id)
            self.aside.append((one.id, Aside.OTHER_KIND))
        return None


def _not_about_data(one: Directive) -> bool:
    """Whether it is about treatment itself; a document of the broad consent is about data whatever its scope says."""
    codes = {code.code for code in one.scope if code.system == SCOPES}
    return bool(codes) and codes <= _NOT_ABOUT_DATA and not documented(one)


def _about(one: Directive, asking: Asking) -> bool:
    """Whether it may be of this person: one of whom nobody knows whose it is may."""
    if not asking.subjects.isdisjoint(one.subjects) or not one.subjects:
        return True
    if any(name.startswith(("/patient", "/subject", "/asserter")) for name in one.unknown):
        return True
    return _same(one, asking) or _perhaps(one, asking)


def _same(one: Directive, asking: Asking) -> bool:
    mine = {plain(name) for name in asking.subjects}
    return any(plain(name) in mine for name in one.subjects)


def _perhaps(one: Directive, asking: Asking) -> bool:
    """Whether it calls its person something that cannot be compared with what this person is called."""
    if not one.subjects or not asking.subjects.isdisjoint(one.subjects) or _same(one, asking):
        return False
    return any(may_be(name, asking.subjects) for name in one.subjects)
