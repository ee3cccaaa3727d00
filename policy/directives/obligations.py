"""What is left of consents as obligations about security labels: take out what bears these, or all that bears none.

Labels can say less than rules. Where an obligation would let more through than the rules do, there is none: then what
is permitted can only be told resource by resource.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from policy.directives.hook import Obligation
from policy.directives.model import Coding, Effect
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
        return (Obligation(but=root.labels),) if root.labels and _by_label_alone(root) else None
    yeses = [one for one in root.nested if one.effect is Effect.PERMIT]
    if root.bare and yeses and all(one.labels and _by_label_alone(one) for one in yeses):
        return (Obligation(but=tuple(dict.fromkeys(label for one in yeses for label in one.labels or ()))),)
    return None


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
            found.append(Obligation(codes=tuple(sorted(one.labels))))
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

    An exception about other kinds is gone, one about all that are asked for no longer asks for the kind.
    """
    asked = frozenset(classes)
    if not asked:
        return tuple(rules)
    return tuple(replace(one, root=replace(one.root, nested=_kept(one.root, asked))) for one in rules)


def _kept(rule: DataRule, asked: frozenset[Coding]) -> tuple[DataRule, ...]:
    kept = (_of_kinds(one, asked) for one in rule.nested)
    return tuple(replace(one, nested=_kept(one, asked)) for one in kept if one is not None)


def _of_kinds(rule: DataRule, asked: frozenset[Coding]) -> DataRule | None:
    if any(listed and asked.isdisjoint(listed) for listed in (rule.resource_types, rule.classes)):
        return None
    types, classes = (
        None if listed and asked.issubset(listed) else listed for listed in (rule.resource_types, rule.classes)
    )
    return replace(rule, resource_types=types, classes=classes)
