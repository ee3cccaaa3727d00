"""What is left of consents as obligations about security labels: take out what bears these, or all that bears none.

Labels can say less than rules. Where an obligation would let more through than the rules do, there is none: then what
is permitted can only be told resource by resource.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from policy.code_systems import system_of
from policy.codes_judging import meant
from policy.directives.hook import Obligation
from policy.directives.model import Coding, Effect
from policy.resource_kinds import KINDS, SYSTEMS
from policy.rules import DataRule, RuleSet


def obligations_of(rules: Iterable[RuleSet]) -> tuple[Obligation, ...] | None:
    """Return obligations that let through no more than the rule sets do; None if labels cannot say it.

    The sets are taken as :func:`policy.rules_judging.judge_rules` takes them: an item needs the yes of one whose yes
    counts, and a no of any outweighs. Several sets whose yes has conditions are more than labels can say.
    """
    sets = tuple(rules)
    yeses = [one.root for one in sets if one.permits and _permits_something(one.root)]
    forbidden = [_taken_out(one.root) for one in sets]
    allowed = _allowed(yeses)
    if allowed is None or None in forbidden:
        return None
    found = [*allowed, *(one for some in forbidden for one in some or ())]
    return tuple(sorted(set(found), key=lambda one: (one.codes, one.but)))


def _allowed(yeses: list[DataRule]) -> tuple[Obligation, ...] | None:
    """The obligations for what is permitted at all: none if one set permits everything."""
    if any(one.effect is Effect.PERMIT and one.bare for one in yeses):
        return ()
    return _nothing_but(yeses[0]) if len(yeses) == 1 else None


def _permits_something(rule: DataRule) -> bool:
    return rule.effect is Effect.PERMIT or any(_permits_something(one) for one in rule.nested)


def _nothing_but(root: DataRule) -> tuple[Obligation, ...] | None:
    """The obligation for a yes to certain labels only: of the root, or of the exceptions to a root that is a no."""
    if root.effect is Effect.PERMIT:
        return _but(root.labels) if root.labels and _by_label_alone(root) else None
    yeses = [one for one in root.nested if one.effect is Effect.PERMIT]
    if root.bare and yeses and all(one.labels and _by_label_alone(one) for one in yeses):
        return _but(tuple(dict.fromkeys(label for one in yeses for label in one.labels or ())))
    return None


def _but(labels: tuple[Coding, ...]) -> tuple[Obligation, ...]:
    """Nothing but what bears these labels, and nothing that bears a higher level as well."""
    higher = tuple(sorted(set(meant(labels)).difference(labels)))
    return (Obligation(but=labels), Obligation(codes=higher)) if higher else (Obligation(but=labels),)


def _taken_out(root: DataRule) -> tuple[Obligation, ...] | None:
    """The obligations for what a tree forbids; None if something it forbids is not told by labels."""
    found = list[Obligation]()
    for one in _noes(root):
        if one is root and one.bare:
            spared = _nothing_but(root)
            if spared is None:
                return None
            found += spared
        elif one.labels and not one.unknown:
            found.append(Obligation(codes=tuple(sorted(meant(one.labels)))))
        else:
            return None
    return tuple(found)


def _noes(rule: DataRule) -> Iterator[DataRule]:
    if rule.effect is Effect.DENY:
        yield rule
    for one in rule.nested:
        yield from _noes(one)


def _by_label_alone(rule: DataRule) -> bool:
    return replace(rule, labels=None).bare


def narrowed(rules: Iterable[RuleSet], classes: Iterable[Coding]) -> tuple[RuleSet, ...]:
    """Return the rule sets for a request for certain kinds of data only.

    An exception about other kinds is gone, one about all that are asked for no longer asks for the kind. Only resource
    types of FHIR set each other apart: whatever else a class may be (a profile, a kind of document), the data may be of
    it as well. Where a class of the request is no such type, nothing is narrowed.
    """
    asked = _kinds(tuple(classes))
    if not asked:
        return tuple(rules)
    return tuple(replace(one, root=replace(one.root, nested=_kept(one.root, asked))) for one in rules)


def _kinds(listed: Collection[Coding]) -> frozenset[str]:
    """The resource types that these codes are; none if one of them is something else."""
    found = frozenset(one.code for one in listed if system_of(one.system) in SYSTEMS and one.code in KINDS)
    return found if len(found) == len(frozenset(one.code for one in listed)) else frozenset()


def _kept(rule: DataRule, asked: frozenset[str]) -> tuple[DataRule, ...]:
    kept = (_of_kinds(one, asked) for one in rule.nested)
    return tuple(replace(one, nested=_kept(one, asked)) for one in kept if one is not None)


def _of_kinds(rule: DataRule, asked: frozenset[str]) -> DataRule | None:
    listed = [_kinds(one) if one else frozenset() for one in (rule.resource_types, rule.classes)]
    if any(kinds and kinds.isdisjoint(asked) for kinds in listed):
        return None
    types, classes = (
        None if asked <= kinds else written
        for kinds, written in zip(listed, (rule.resource_types, rule.classes), strict=True)
    )
    return replace(rule, resource_types=types, classes=classes)
