"""Judging one item by the rule sets of a decision (reference S4 to S9): a no outweighs, deeper rules beat shallower.

Whatever is not known of an item (:class:`policy.rules.ItemDetail` missing, labels that nobody has given) makes a permit
not match and a denial match. A rule holds if every element of it does, an element if one of its values does; below the
root a nested rule also needs what its parent asks of the item (the root alone is left out: that is how a nested permit
widens it, reference S5).
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from policy.code_systems import LOINC, codings_of
from policy.codes_judging import codes_met, labels_met
from policy.directives.model import Coding, DataReference, Effect
from policy.directives.references import is_local, may_be, plain
from policy.directives.truth import NO, UNKNOWN, UNLABELLED, YES
from policy.resource_kinds import KINDS
from policy.resource_kinds import SYSTEMS as RESOURCE_TYPES
from policy.rules import UNDATED, DataRule, RuleSet

if TYPE_CHECKING:
    from policy.residual import ItemFacts

# What stands above the types: every resource, and every one that may have a text of its own.
_EVERY, _WITH_TEXT = "Resource", "DomainResource"
_WITHOUT_TEXT = frozenset({"Binary", "Bundle", "Parameters"})
MEDIA_TYPES, ADDRESSES = "urn:ietf:bcp:13", "urn:ietf:rfc:3986"


class Verdict(StrEnum):
    """What all rule sets together say of one item; `unlabelled`: denied because nobody knows how sensitive it is."""

    PERMITTED = "permitted"
    DENIED = "denied"
    UNLABELLED = "unlabelled"
    SILENT = "silent"


def judge_rules(sets: Sequence[RuleSet], item: "ItemFacts") -> Verdict:
    """Return what the sets say of the item; `permitted` only if a set whose yes counts permits and none denies."""
    found = Verdict.SILENT
    for one in sets:
        said = judge_set(one.root, item)
        if said is Verdict.DENIED:
            return said
        permits = said is Verdict.PERMITTED and one.permits and found is Verdict.SILENT
        if permits or said is Verdict.UNLABELLED:
            found = said
    return found if found is not Verdict.SILENT or not _unlabelled(sets, item) else Verdict.UNLABELLED


def judge_set(root: DataRule, item: "ItemFacts") -> Verdict:
    """Return what one tree says of the item: the deepest rule that holds decides, a denial among equally deep ones."""
    deepest, effect, truth = -1, Effect.PERMIT, YES
    waiting = [(root, 0, YES)]
    while waiting:
        rule, depth, above = waiting.pop()
        own = min(above, match(rule, item))
        if own != NO or depth == 0:
            below = own if depth else YES
            waiting.extend((one, depth + 1, below) for one in rule.nested)
        if depth < deepest or own == NO or (rule.effect is Effect.PERMIT and own != YES):
            continue
        # Among denials as deep as each other one that certainly holds is named before one that only may.
        outweighs = depth > deepest or (rule.effect is Effect.DENY and (effect is Effect.PERMIT or own > truth))
        if outweighs:
            deepest, effect, truth = depth, rule.effect, own
    if deepest < 0:
        return Verdict.SILENT
    if effect is Effect.PERMIT:
        return Verdict.PERMITTED
    return Verdict.UNLABELLED if truth == UNLABELLED else Verdict.DENIED


def _unlabelled(sets: Iterable[RuleSet], item: "ItemFacts") -> bool:
    """Whether a permit would hold if only somebody had labelled the item."""
    if item.detail is None or item.detail.labels is not None:
        return False
    return any(one.permits and _waits(one.root, item) for one in sets)


def _waits(rule: DataRule, item: "ItemFacts") -> bool:
    if rule.effect is Effect.PERMIT and match(rule, item) == UNLABELLED:
        return True
    return any(_waits(one, item) for one in rule.nested)


def match(rule: DataRule, item: "ItemFacts") -> int:
    """Return whether the item is what the rule is about: the least of what its elements say."""
    found = UNKNOWN if rule.unknown else YES
    if rule.resource_types is not None:
        found = min(found, _of_type(rule.resource_types, item))
    if rule.window is not None and found:
        found = min(found, _in_window(rule, item))
    if rule.labels is not None and found:
        found = min(found, _labelled(rule, item))
    if rule.classes is not None and found:
        found = min(found, _any(_of_class, rule.classes, item))
    if rule.document_types is not None and found:
        found = min(found, _of_document_type(rule.document_types, item))
    if rule.codes is not None and found:
        found = min(found, _coded(rule, item))
    if rule.data is not None and found:
        found = min(found, max((_refers(rule, one, item) for one in rule.data), default=UNKNOWN))
    if rule.authors is not None and found:
        found = min(found, max((_authored(rule, one, item) for one in rule.authors), default=UNKNOWN))
    return found


def _absent(rule: DataRule, item: "ItemFacts") -> int:
    """What follows where the item has no code, or nobody who recorded it, and the rule asks for one."""
    return NO if rule.effect is Effect.DENY and item.resource_type in UNDATED else UNKNOWN


def _undated(rule: DataRule, item: "ItemFacts") -> int:
    """What follows where the item has no date: one that says nothing about anything has nothing of any day."""
    hollow = item.detail is not None and item.detail.hollow
    return NO if rule.effect is Effect.DENY and hollow else UNKNOWN


def _any(asks: Callable[[Coding, "ItemFacts"], int], listed: Sequence[Coding], item: "ItemFacts") -> int:
    # An empty list is what is left when every code in it was unknown: it permits nothing, and anything may be meant.
    return max((asks(one, item) for one in listed), default=UNKNOWN)


def _of_type(listed: Sequence[Coding], item: "ItemFacts") -> int:
    return _any(_is_type, listed, item)


def _is_type(one: Coding, item: "ItemFacts") -> int:
    if one.system not in RESOURCE_TYPES:
        return UNKNOWN
    if one.code in {item.resource_type, _EVERY}:
        return YES
    if one.code == _WITH_TEXT:
        return NO if item.resource_type in _WITHOUT_TEXT else YES
    return NO if one.code in KINDS and item.resource_type else UNKNOWN


def _of_class(one: Coding, item: "ItemFacts") -> int:
    """R4's class: a kind of resource, a profile, or a kind of document."""
    if one.system in RESOURCE_TYPES:
        return _is_type(one, item)
    if item.detail is None:
        return UNKNOWN
    if one.code in item.detail.profiles:
        return YES
    return _is_document_type(one, item)


def _of_document_type(listed: Sequence[Coding], item: "ItemFacts") -> int:
    return _any(_is_document_type, listed, item)


def _is_document_type(one: Coding, item: "ItemFacts") -> int:
    if item.detail is None:
        return UNKNOWN
    kinds = codings_of(item.detail.document_types)
    if one in kinds:
        return YES
    known = one.system in {MEDIA_TYPES, LOINC, ADDRESSES, *(other.system for other in kinds)} or "://" in one.code
    return NO if known else UNKNOWN


def _coded(rule: DataRule, item: "ItemFacts") -> int:
    if item.detail is None or not rule.codes:
        return UNKNOWN
    if not all(item.detail.codes.isdisjoint(one) for one in rule.codes):
        return YES
    listed = tuple(one for concept in rule.codes for one in concept)
    found = codes_met(listed, codings_of(item.detail.codes))
    return _absent(rule, item) if found == UNLABELLED else found


def _labelled(rule: DataRule, item: "ItemFacts") -> int:
    if item.detail is None or not rule.labels:
        return UNKNOWN
    if item.detail.labels is None:
        return UNLABELLED
    return labels_met(rule.labels, item.detail.labels, rule.effect is Effect.DENY)


def _in_window(rule: DataRule, item: "ItemFacts") -> int:
    """Yes if the item's time lies wholly within the window, no if none of it does (reference S9)."""
    first, last = rule.window or (None, None)
    if item.resource_type in UNDATED and item.start is None and item.end is None:
        return YES if rule.effect is Effect.PERMIT else NO
    if item.start is None and item.end is None:
        return _undated(rule, item)
    if item.start is not None and item.end is not None and item.start > item.end:
        return UNKNOWN
    after = last is not None and item.start is not None and item.start > last
    before = first is not None and item.end is not None and item.end < first
    if after or before:
        return NO
    begins = first is None or (item.start is not None and item.start >= first)
    ends = last is None or (item.end is not None and item.end <= last)
    return YES if begins and ends else UNKNOWN


def _refers(rule: DataRule, one: DataReference, item: "ItemFacts") -> int:
    if item.detail is None:
        return UNKNOWN
    if one.meaning == "authoredby":
        return _authored(rule, one.reference, item)
    if one.meaning == "instance":
        return _named(one.reference, item.detail.references)
    if one.meaning in {"related", "dependents"}:
        found = _named(one.reference, item.detail.references)
        return found if found == YES else max(found, _called(one.reference, item.detail.related))
    return UNKNOWN


def _authored(rule: DataRule, author: str, item: "ItemFacts") -> int:
    if item.detail is None:
        return UNKNOWN
    return _called(author, item.detail.authors) if item.detail.authors else _absent(rule, item)


def _called(reference: str, names: frozenset[str]) -> int:
    """Whether somebody or something is meant by a reference, that is known by one or two of its names only."""
    found = _named(reference, names)
    if found != NO or not names:
        return found
    system, identified, _ = reference.partition("|")
    alike = [one for one in names if ("|" in one) == bool(identified)]
    told = any(one.startswith(f"{system}|") for one in alike) if identified else bool(alike)
    return NO if told else UNKNOWN


def _named(reference: str, names: frozenset[str]) -> int:
    """Whether a reference is among the names; one that differs only in the server it is on may be."""
    if reference in names:
        return YES
    one = plain(reference)
    if one in names:
        return YES
    comparable = "|" in one or "://" in one or is_local(one)
    return NO if comparable and not may_be(one, names) else UNKNOWN
