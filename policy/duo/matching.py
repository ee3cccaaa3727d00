"""What each code means for a proposed use, as a table of rules beside the policies: permitted, denied or not known.

This is DUO read from its definitions, without any policy. The templates say the same in ODRL; a test compares the two
for every code, and with the published rendering.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from policy.decision import Outcome
from policy.duo.codes import Code, Kind, code
from policy.duo.meanings import MEANINGS, Meaning, Sort
from policy.duo.placeholders import Placeholders
from policy.duo.proposal import Proposal
from policy.odrl.evaluating.truth import Truth, all_of, any_of, negated
from policy.purposes import unstated


class Finding(NamedTuple):
    """What one code says to a proposal: the outcome of this code alone, and in words why it is no yes."""

    code: Code
    outcome: Outcome
    words: str = ""


class Match(NamedTuple):
    """The answer of several codes together, and that of each."""

    outcome: Outcome
    findings: tuple[Finding, ...]


def matches(terms: Iterable[str], proposal: Proposal, places: Placeholders) -> Match:
    """Return whether data with these codes may be used as proposed: every ban and limit kept, and one grant met.

    Limits without a grant among them permit any use within them; bans alone permit nothing. Raises
    :class:`~policy.duo.codes.UnknownCodeError` for a code that does not exist, and
    :class:`~policy.duo.placeholders.MissingPlaceholderError` for one that needs to be told what it is about.
    """
    found = [code(term) for term in terms]
    said = [(meaning(one), meaning(one).test(places, proposal)) for one in found if one.kind is not Kind.HEADING]
    findings = tuple(_finding(one, places, proposal) for one in found)
    return Match(_joined(said), findings)


def meaning(found: Code) -> Meaning:
    """Return what a code means. Raises :class:`KeyError` for a heading, which means nothing by itself."""
    return MEANINGS[found.id if found.kind is Kind.INVESTIGATION else found.name]


def _joined(said: Sequence[tuple[Meaning, Truth]]) -> Outcome:
    truths = {sort: [truth for one, truth in said if one.sort is sort] for sort in Sort}
    kept = negated(any_of(truths[Sort.BAN]))
    if kept is not True:
        return _OUTCOMES[kept]
    granted = any_of(truths[Sort.GRANT]) if truths[Sort.GRANT] else bool(truths[Sort.LIMIT])
    return _OUTCOMES[all_of([*truths[Sort.LIMIT], granted])]


_OUTCOMES = {True: Outcome.PERMIT, False: Outcome.DENY, None: Outcome.INDETERMINATE}


def _finding(found: Code, places: Placeholders, proposal: Proposal) -> Finding:
    if found.kind is Kind.HEADING:
        return Finding(found, Outcome.NOT_APPLICABLE, f"{found.name} groups other codes and says nothing by itself.")
    rule = meaning(found)
    truth = rule.test(places, proposal)
    if rule.sort is Sort.BAN:
        outcome = Outcome.NOT_APPLICABLE if truth is False else _OUTCOMES[negated(truth)]
    else:
        outcome = _OUTCOMES[truth]
    words = {Outcome.DENY: f"{found.label}.", Outcome.INDETERMINATE: _unsaid(rule, proposal)}
    return Finding(found, outcome, words.get(outcome, ""))


def _unsaid(rule: Meaning, proposal: Proposal) -> str:
    missing = unstated([rule.purpose], proposal.purposes) if rule.purpose else ()
    return missing[0] if missing else f"Nobody has stated {rule.fact or 'what this is for'}."
