"""The law's gate: the ground on which data may be used at all, one rule per regime, and what no ground allows.

Consent needs no further ground, but an opt-out still stands against it. A data permit is judged by Regulation (EU)
2025/327 (EHDS), see `policy.law.permits`. Care needs a stated relation, one's own data a proven identity. Whatever the
ground, nobody but the person may use data for what art. 54 forbids, nor have it where the law does not protect it. Of a
purpose that nobody has placed nobody can tell whether it is such a use, so that it is no under every one of them too.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from policy.decision import Action, Outcome, Reason, Regime
from policy.facts import Facts, Question
from policy.gate import Answer, deny
from policy.law import permits, statute, transfers
from policy.odrl import terms
from policy.purposes import unstated
from policy.reasons import reason


def ask_law(question: Question, facts: Facts) -> Answer:
    """Answer whether the law gives a ground for the question."""
    ground = _BY_REGIME[question.regime](question, facts)
    if question.regime is Regime.SELF:
        return ground
    asked = _purposes(question, facts)
    forbidden = tuple(_forbidden(asked))
    misplaced = tuple(transfers.place_misses(question, facts))
    changes = (*ground.changes, *transfers.place_changes(facts))
    if not forbidden and not misplaced:
        return Answer(ground.outcome, ground.because, ground.unknown, changes)
    missed = () if ground.outcome is Outcome.PERMIT else ground.because
    unknown = dict.fromkeys((*ground.unknown, *statute.unplaced(asked)))
    return deny(*forbidden, *missed, *misplaced, changes=changes, unknown=unknown)


def opt_out_instants(question: Question, facts: Facts) -> tuple[datetime, ...]:
    """Return the instants at which it matters whether the person was opted out, for asking about many at once.

    Under consent, now; under a permit, each instant that counts as its approval (with :func:`permits.set_aside` the
    answer may be yes all the same); under the other grounds none.
    """
    if question.regime is Regime.CONSENT:
        return (question.now,)
    if question.regime is Regime.PERMIT and facts.permit is not None:
        return permits.approvals(question.now, facts.permit)
    return ()


def _purposes(question: Question, facts: Facts) -> tuple[str, ...]:
    """Return the purposes asked for, and those of a contract that is negotiated."""
    if question.action is Action.NEGOTIATE and facts.policy is not None:
        return (*question.purposes, *terms(facts.policy.policy).purposes)
    return question.purposes


def _forbidden(asked: tuple[str, ...]) -> Iterator[Reason]:
    """Yield what the law forbids among these purposes, and that nobody can tell of one, where that is so."""
    found = [f"{words}: art. {article}" for article, words in statute.prohibited(asked)]
    if found:
        yield reason("prohibited-use", detail=f"({'; '.join(found)}, Regulation (EU) 2025/327)")
    if statute.unplaced(asked):
        yield reason("purpose-not-known")


def _consent(question: Question, facts: Facts) -> Answer:
    changes = permits.opt_out_changes(facts)
    if permits.opted_out(question.now, facts):
        return deny(reason("opted-out"), changes=changes)
    return Answer(Outcome.PERMIT, (), changes=changes)


def _permit(question: Question, facts: Facts) -> Answer:
    permit = facts.permit
    if permit is None:
        return deny(reason("no-permit"))
    changes = permits.permit_changes(permit)
    misses = tuple(permits.permit_misses(question, facts, permit))
    if misses:
        outside = statute.outside_article_53(question.purposes, statute.open_letters(permit.public_body))
        return deny(*misses, changes=changes, unknown=(*unstated(permit.purposes, question.purposes), *outside))
    aside = permits.set_aside(question, facts, permit)
    told = (reason("opt-out-set-aside", permit.id, f"({permit.override_law})"),) if aside else ()
    return Answer(Outcome.PERMIT, (*told, reason("permit-in-force", permit.id)), changes=changes)


def _care(question: Question, facts: Facts) -> Answer:
    relation = facts.care
    if relation is None or relation.provider != question.requester:
        return deny(reason("no-care-relation"))
    if not relation.since <= question.now < relation.until:
        return deny(reason("no-care-relation"), changes=(relation.since, relation.until))
    return Answer(Outcome.PERMIT, (reason("care-relation"),), changes=(relation.since, relation.until))


def _self(_: Question, facts: Facts) -> Answer:
    if facts.link is None:
        return deny(reason("not-linked"))
    return Answer(Outcome.PERMIT, (reason("is-the-person"),)) if facts.own_data else deny(reason("not-the-person"))


_BY_REGIME: Mapping[Regime, Callable[[Question, Facts], Answer]] = MappingProxyType(
    {Regime.CONSENT: _consent, Regime.PERMIT: _permit, Regime.CARE: _care, Regime.SELF: _self}
)
