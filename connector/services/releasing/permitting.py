"""The decisions about everybody of a dataset, all durable and logged before the first byte of a release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector.ports import Renderer, Transaction
from connector.problems import Problem
from connector.provenance.entry import instant
from connector.records import Person, Release
from connector.services.committed import decisions_digest
from connector.services.context import Context
from connector.services.linkage import coders_of
from connector.services.releasing.contract import Contract
from connector.services.releasing.course import Over, Subject
from connector.services.releasing.deciding import Judged, judge_people, keep, portions, without_facts
from connector.services.releasing.risk import REFUSED, TOO_HIGH, assess, refused_words

DECIDED = "release.decided"
NO_PROFILE = "no-profile"
_AT_ONCE = 100
"""People decided about at once: what their decisions rest on is in memory until they are kept."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody of whom nothing left: their link (empty: none), wallet and why."""

    link: str
    wallet: str
    reason: str
    words: str


@dataclass(slots=True)
class Permitted:
    """Who may leave in this release, in the order of their codes, and who may not."""

    subjects: dict[str, Subject] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)


def needs_profile(contract: Contract) -> None:
    """Raises Over (ended, with the problem) where nothing can be prepared by the profile that was agreed."""
    if contract.profile is None:
        raise Over("ended", without_profile())


def without_profile() -> Problem:
    """What a recipient is told whose contract names a profile that is gone, broken, or not for these records."""
    detail = "It is not kept here any more, or is not for these records; without it nothing is released"
    return Problem(403, NO_PROFILE, "The profile of this contract cannot be applied", detail)


async def permit(
    context: Context, contract: Contract, release: Release, still_open: Callable[[Transaction], bool]
) -> Permitted:
    """Decide about everybody. Raises Over (ended)."""
    needs_profile(contract)
    deciding = _Deciding(context, contract, release, still_open)
    await deciding.run()
    found = deciding.found
    # Any order of our own would be the same for two recipients, and let them join what they received.
    found.subjects = dict(sorted(found.subjects.items(), key=lambda one: one[1].coder.code))
    return found


async def assessed(
    context: Context, renderer: Renderer, contract: Contract, release: Release, subjects: Mapping[str, Subject]
) -> Release:
    """Measure how easily somebody could be singled out, and hold it against the contract. Raises Over (refused)."""
    as_of = release.as_of or context.clock().date()
    report = await assess(context, renderer, contract, subjects, as_of, release.id)
    await context.store.write(lambda tx: tx.alter(Release, {"risk": report.id}, id=release.id))
    if report.verdict == REFUSED:
        raise Over(REFUSED, Problem(403, TOO_HIGH.code, "The risk is too high", refused_words(report)))
    return replace(release, risk=report.id)


@dataclass(slots=True)
class _Deciding:
    context: Context
    contract: Contract
    release: Release
    still_open: Callable[[Transaction], bool]
    found: Permitted = field(default_factory=Permitted)

    async def run(self) -> None:
        store, now = self.context.store, self.context.clock()
        people, judged = await store.read(lambda tx: self._everybody(tx, now))
        facts: dict[str, int | str] = {"people": len(people), "decided_at": instant(now)}
        if judged is not None:
            said = {**facts, **Counter(str(one.decision.outcome) for one in judged)}
            self.found.subjects |= await store.write(lambda tx: self._keep(tx, judged, said))
        else:
            await self._in_portions(people, facts, now)

    def _everybody(self, tx: Transaction, now: datetime) -> tuple[list[str], list[Judged] | None]:
        """Everybody of the dataset, judged already when they are one portion: somebody waits for the first bytes."""
        people = [one.id for one in tx.find(Person, source=self.contract.source, order="id")]
        parts = list(portions(people, _AT_ONCE))
        return people, judge_people(tx, self.context, self.contract, parts[0], now) if len(parts) == 1 else None

    async def _in_portions(self, people: list[str], facts: dict[str, int | str], now: datetime) -> None:
        """Many people, or nobody: what takes long is not read while everybody else waits to write."""
        context, store = self.context, self.context.store
        outcomes: Counter[str] = Counter()
        for portion in portions(people, _AT_ONCE):
            judged = await store.read(
                lambda tx, some=portion: judge_people(tx, context, self.contract, some, now)  # type: ignore[misc]
            )
            outcomes.update(str(one.decision.outcome) for one in judged)
            self.found.subjects |= await store.write(lambda tx, some=judged: self._keep(tx, some))  # type: ignore[misc]
        decided = await store.read(lambda tx: decisions_digest(tx, self.release.id, now))
        await store.write(lambda tx: self._log(tx, {**facts, **outcomes, "decisions": decided}))

    def _keep(
        self, tx: Transaction, judged: list[Judged], said: dict[str, int | str] | None = None
    ) -> dict[str, Subject]:
        """Keep what was decided; with `said`, when that is about everybody, log it in the same commit."""
        keep(tx, self.contract, self.release.id, judged)
        if said is not None:
            at = judged[0].question.now
            self._log(tx, said | {"decisions": decisions_digest(tx, self.release.id, at)})
        self.found.refused += [
            Refused(one.link, one.wallet, one.reason, one.words) for one in judged if not one.decision.permits
        ]
        permitted = {one.person: one for one in judged if one.decision.permits}
        links = {person: one.link for person, one in permitted.items()}
        coders = coders_of(tx, self.context, self.contract.agreement, links)
        return {person: Subject(without_facts(one), coders[person]) for person, one in permitted.items()}

    def _log(self, tx: Transaction, facts: dict[str, int | str]) -> None:
        if not self.still_open(tx):
            raise Over("ended")
        self.context.log(
            tx, DECIDED, self.release.id,
            {"release": self.release.id, "agreement": self.contract.agreement.id, **facts},
        )  # fmt: skip
