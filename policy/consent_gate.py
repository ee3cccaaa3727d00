"""The person's gate: what their own consents say to this question (reference 2, S1, S9, S10, S12, S13, S18).

Only the newest version of each chain speaks, and only about the study that is asked for. One no among them is no.
Every given consent that covers the whole question (study as described, recipient, every purpose, dataset) adds its
scopes to what may leave. Whatever does not add up is no.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from policy.authority import own_no_in
from policy.consent import ALLOWING, ConsentRecord, EffectiveState, chain_fault, effective_state
from policy.decision import Outcome, Regime
from policy.directives.asking import ACTIONS, Asking
from policy.directives.model import Directive, Period
from policy.directives.periods import lasting
from policy.directives.several import ask_directives
from policy.facts import Facts, Question
from policy.gate import Answer, cannot_tell, deny
from policy.instants import TICK, shifted
from policy.purposes import covered_by_any, unstated
from policy.reasons import Reason, reason
from policy.residual import Scope
from policy.rules import RuleSet

# A wallet may have been heard an instant after the clock was read for the question; more than this is a broken clock.
CLOCK_TOLERANCE = timedelta(minutes=1)
_FOR_EVER = timedelta(days=10_000 * 366)

_YES = frozenset({EffectiveState.GIVEN, EffectiveState.RENEWED})
_NO = frozenset(
    {
        EffectiveState.REFUSED,
        EffectiveState.WITHDRAWN,
        EffectiveState.SUSPENDED,
        EffectiveState.TERMINATED,
        EffectiveState.INVALIDATED,
        EffectiveState.AUTHORITY_ENDED,
    }
)


def ask_person(question: Question, facts: Facts) -> Answer:
    """Answer the question from the person's consents alone: those to the study, and those that came from the source.

    A no of either is no. Where the person gave none to the study itself, the yes of one from the source counts if the
    steward lets the study rest on it (`facts.broad_consent`).
    """
    own = _ask_records(question, facts)
    if not facts.directives and not facts.unreadable_directives:
        return own
    said = ask_directives(_asking(question, facts), _standing(question, facts), facts.unreadable_directives)
    rests = facts.broad_consent and _unasked(own) and said.outcome is Outcome.PERMIT
    return _both(own, said, rests)


def ask_about_care(question: Question, facts: Facts) -> Answer:
    """Answer for care, which needs no consent: what the person forbade at the source is no, emergencies apart.

    Where a consent from the source speaks of care, what it permits is all that may be seen (reference S4).
    """
    if not facts.directives and not facts.unreadable_directives:
        return Answer(Outcome.PERMIT, ())
    said = ask_directives(_asking(question, facts), facts.directives, facts.unreadable_directives)
    return _both(Answer(Outcome.PERMIT, ()), said, rests=said.outcome is Outcome.PERMIT)


def _standing(question: Question, facts: Facts) -> Sequence[Directive]:
    """The consents from the source without those in whose place the person put their answer to the study (S12).

    An answer stands in the place of what was decided before it: not of a later version, nor of one without a date.
    """
    if not facts.consents:
        return facts.directives
    mine = [one for one in newest_versions(facts.consents) if one.study == question.study and one.replaces]
    since = dict[str, datetime]()
    for one in mine:
        if effective_state(one, question.now) in _YES:
            since |= {name: max(one.decided_at, since.get(name, one.decided_at)) for name in one.replaces}
    if not since:
        return facts.directives
    return [one for one in facts.directives if not _before(one, since.get(one.id.partition("#")[0]), facts.zone)]


def _before(one: Directive, answered: datetime | None, zone: str) -> bool:
    """Whether a consent from the source was decided before the person answered, on an earlier day if it has no time."""
    if answered is None or one.decided_at is None:
        return False
    try:
        return lasting(Period(start=one.decided_at, end=one.decided_at), zone).until <= answered
    except ValueError:
        return False


def _unasked(own: Answer) -> bool:
    return own.because[0].code in {"not-linked", "no-consent"} if own.because else False


def _both(own: Answer, said: Answer, rests: bool) -> Answer:
    """Join what the person said to the study with what they said in general; `rests`: only the latter is a yes."""
    changes = (*own.changes, *said.changes)
    if said.outcome in {Outcome.DENY, Outcome.INDETERMINATE}:
        missed = () if own.outcome is Outcome.PERMIT else own.because
        outcome = Outcome.DENY if own.outcome is Outcome.DENY else said.outcome
        return Answer(outcome, (*missed, *said.because), (*own.unknown, *said.unknown), changes)
    if own.outcome is not Outcome.PERMIT and not rests:
        unknown = (*own.unknown, *said.unknown)
        return Answer(own.outcome, own.because, unknown, changes, own.obligations, own.scopes, own.rules)
    heard = said.because if said.outcome is Outcome.PERMIT else ()
    return Answer(
        Outcome.PERMIT,
        (*(() if rests else own.because), *heard),
        (*own.unknown, *said.unknown),
        changes,
        obligations=tuple(sorted({*own.obligations, *said.obligations})),
        scopes=said.scopes if rests else own.scopes,
        rules=said.rules if rests else tuple(RuleSet(one.root, False, one.source) for one in said.rules),
    )


def _asking(question: Question, facts: Facts) -> Asking:
    return Asking(
        now=question.now,
        subjects=facts.subjects,
        requester=facts.requester_names | {question.requester},
        purposes=question.purposes,
        action=ACTIONS.get(question.action),
        custodians=facts.custodians | {facts.holder},
        known_actors=facts.known_actors | facts.requester_names | facts.custodians | {question.requester, facts.holder},
        care=question.regime is Regime.CARE,
        emergency=question.emergency,
        zone=facts.zone,
    )


def _ask_records(question: Question, facts: Facts) -> Answer:
    if facts.link is None:
        return deny(reason("not-linked"))
    if facts.unreadable_consents:
        return cannot_tell(reason("consent-unreadable"), unknown=("consents: unreadable",))
    if question.study is None:
        return deny(reason("study-not-named"))
    if not question.purposes:
        return deny(reason("purpose-missing"))
    faults = tuple(sorted(set(chain_faults(facts))))
    if faults:
        return cannot_tell(reason("consent-broken", faults[0]), unknown=[f"consents: {name}" for name in faults])
    newest = [record for record in newest_versions(facts.consents) if record.study == question.study]
    return _hear(question, facts, newest) if newest else deny(reason("no-consent"))


def newest_versions(records: Iterable[ConsentRecord]) -> list[ConsentRecord]:
    """Return the newest version of each chain, ordered by id."""
    return [list(chain)[-1] for _, chain in groupby(_in_order(records), key=lambda record: record.id)]


def _in_order(records: Iterable[ConsentRecord]) -> list[ConsentRecord]:
    records = tuple(records)
    if len(records) < 2:  # by far the most people, and a digest costs more than all else here
        return list(records)
    return sorted(set(records), key=lambda record: (record.id, record.version, record.digest()))


def chain_faults(facts: Facts) -> Iterator[str]:
    """Name each record of somebody else's link, each that does not follow from the one before it, and each proxy's yes
    that stands against the person's own last word (reference S17)."""
    ordered = _in_order(facts.consents)
    for record in ordered:
        if record.link != facts.link or record.holder != facts.holder:
            yield record.name
    for before, after in pairwise(ordered):
        if before.id == after.id and chain_fault(before, after) is not None:
            yield after.name
    for record in ordered:
        if record.signer.kind == "proxy" and record.state in ALLOWING:
            so_far = (one for one in ordered if one.id == record.id and one.version < record.version)
            if own_no_in(so_far):
                yield record.name


def _hear(question: Question, facts: Facts, newest: list[ConsentRecord]) -> Answer:
    changes = tuple(_changes(newest, facts))
    states = [(record, effective_state(record, question.now)) for record in newest]
    noes = [reason(state.value, record.name) for record, state in states if state in _NO]
    if noes:
        return deny(*noes, changes=changes)
    missed = {record.name: tuple(_misses(question, record, state)) for record, state in states}
    covering = [record for record in newest if not missed[record.name]]
    if not covering:
        nearest = min(newest, key=lambda record: len(missed[record.name]))
        unsaid = unstated(nearest.purposes, question.purposes)
        return deny(*missed[nearest.name], changes=changes, unknown=unsaid)
    if _silent(question.now, facts):
        return deny(reason("wallet-silent"), changes=changes)
    return Answer(
        Outcome.PERMIT,
        tuple(reason("consent-given", record.name) for record in covering),
        changes=changes,
        obligations=tuple(sorted({f"{record.on_withdrawal or 'stop'}-on-withdrawal" for record in covering})),
        scopes=tuple(scope for record in covering for scope in _scopes(record, question.dataset)),
    )


def _misses(question: Question, record: ConsentRecord, state: EffectiveState) -> Iterator[Reason]:
    if state not in _YES:
        yield reason(state.value, record.name)
    if question.study_digest != record.study_digest:
        yield reason("study-changed", record.name)
    if question.requester not in record.recipients:
        yield reason("recipient-not-agreed", record.name)
    if not purposes_agreed(record.purposes, question.purposes):
        yield reason("purpose-not-agreed", record.name)
    if not any(scope.dataset == question.dataset for scope in record.data):
        yield reason("dataset-not-agreed", record.name)


def purposes_agreed(agreed: Iterable[str], asked: Iterable[str]) -> bool:
    """Whether every purpose that is asked for lies within one that was agreed to; an unknown relation is no."""
    agreed = tuple(agreed)
    return all(covered_by_any(agreed, one) is True for one in asked)


def relied_upon(now: datetime, freshness: timedelta) -> tuple[datetime, datetime]:
    """Return the first and the last instant at which a wallet may have been heard for its consents to count now."""
    return shifted(now, -min(freshness, _FOR_EVER)), shifted(now, CLOCK_TOLERANCE)


def _silent(now: datetime, facts: Facts) -> bool:
    heard = facts.heard_from_wallet_at
    first, last = relied_upon(now, facts.freshness)
    return heard is None or not first <= heard <= last


def _scopes(record: ConsentRecord, dataset: str) -> Iterator[Scope]:
    start, end = (record.window.start, record.window.end) if record.window else (None, None)
    for scope in record.data:
        if scope.dataset == dataset:
            yield Scope(dataset, None if scope.categories is None else tuple(sorted(scope.categories)), start, end)


def _changes(newest: Iterable[ConsentRecord], facts: Facts) -> Iterator[datetime]:
    for record in newest:
        if record.state in ALLOWING:
            yield record.decided_at
            yield record.valid_until
            if record.signer.until is not None:
                yield record.signer.until
    if facts.heard_from_wallet_at is not None:
        yield shifted(facts.heard_from_wallet_at, -CLOCK_TOLERANCE)
        yield shifted(shifted(facts.heard_from_wallet_at, facts.freshness), TICK)
