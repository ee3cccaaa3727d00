"""Data permits and opt-outs of Regulation (EU) 2025/327 (EHDS): art. 53, 54, 68 and 71, as reasons why not.

An opt-out blocks every permit approved while it stood. Its reversal has effect from its own instant, so that a permit
approved in between stays blocked for that person. An extension of a permit counts as approved when it begins. National
law may set an opt-out aside, for the purposes of art. 71(4) alone and only if the permit names that law.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from policy.facts import Facts, Permit, Question
from policy.law import statute
from policy.purposes import covered_by_any
from policy.reasons import Reason, reason

_LAST = datetime.max.replace(tzinfo=UTC)


def permit_misses(question: Question, facts: Facts, permit: Permit) -> Iterator[Reason]:
    """Yield each reason why the permit is no ground for the question, nearest to the person first."""
    if opt_out_stands(question, facts, permit):
        yield reason("opted-out")
    if runs_too_long(permit):
        yield reason("permit-term", permit.id)
    if not permit.approved_at <= question.now < permit.valid_until:
        yield reason("permit-not-in-force", permit.id)
    if question.requester not in permit.recipients:
        yield reason("permit-recipient", permit.id)
    if question.dataset not in permit.datasets:
        yield reason("permit-dataset", permit.id)
    if not question.purposes:
        yield reason("purpose-missing")
    if not all(covered_by_any(permit.purposes, asked) is True for asked in question.purposes):
        yield reason("permit-purpose", permit.id)
    if statute.outside_article_53(question.purposes, statute.open_letters(permit.public_body)):
        yield reason("purpose-not-lawful", permit.id)


def opt_out_stands(question: Question, facts: Facts, permit: Permit) -> bool:
    """Whether the person's opt-out blocks this permit for this question."""
    return _opted_out(question.now, facts, permit) and not set_aside(question, facts, permit)


def set_aside(question: Question, facts: Facts, permit: Permit) -> bool:
    """Whether a named national law sets an opt-out aside that would otherwise block the permit (art. 71(4))."""
    named = bool(permit.override_law and permit.override_law.strip())
    lawful = named and permit.public_body and statute.may_set_opt_out_aside(question.purposes)
    return lawful and _opted_out(question.now, facts, permit)


def opted_out(moment: datetime, facts: Facts) -> bool:
    """Whether the person was opted out at this moment, as far as is known."""
    standing = facts.opted_out_at is not None and facts.opted_out_at <= moment
    return standing or any(one.at <= moment < one.reversed_at for one in facts.past_opt_outs)


def opt_out_changes(facts: Facts) -> tuple[datetime, ...]:
    """Return the instants at which the person's opting out or in takes effect."""
    standing = () if facts.opted_out_at is None else (facts.opted_out_at,)
    return (*standing, *(moment for one in facts.past_opt_outs for moment in (one.at, one.reversed_at)))


def permit_changes(permit: Permit) -> tuple[datetime, ...]:
    """Return the instants at which the permit's own answer changes."""
    extended = () if permit.extended_from is None else (permit.extended_from,)
    return (permit.approved_at, *extended, permit.valid_until)


def runs_too_long(permit: Permit) -> bool:
    """Whether the permit, or its one extension, is given for longer than art. 68(12) allows, or for no time at all."""
    first_end = permit.valid_until if permit.extended_from is None else permit.extended_from
    terms = [(permit.approved_at, first_end)]
    terms += [] if permit.extended_from is None else [(permit.extended_from, permit.valid_until)]
    return any(not start <= end <= _years_after(start, statute.longest_years()) for start, end in terms)


def approvals(now: datetime, permit: Permit) -> tuple[datetime, ...]:
    """Return the instants that count as the permit's approval by now: an opt-out that stood at any of them blocks."""
    extended = permit.extended_from
    return (permit.approved_at,) if extended is None or extended > now else (permit.approved_at, extended)


def _opted_out(now: datetime, facts: Facts, permit: Permit) -> bool:
    return any(opted_out(moment, facts) for moment in approvals(now, permit))


def _years_after(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        # 29 February ends on the 28th; beyond the last year there is nothing ends too late.
        return _LAST if moment.year + years > _LAST.year else moment.replace(year=moment.year + years, day=28)
