"""What is left of a request's consents in the form of IHE's Privacy Consent on FHIR: the residual of an access token.

A list of rules, each "forbid" or "permit" with FHIR's own conditions; one without conditions is about everything. The
guide reads it so: what is forbidden stays, unless a permit covers it; what no rule is about flows. That form knows
neither depth nor a denial that outweighs a permit: a tree deeper than two levels is written as forbidding all, and a
denial beside a permit of certain data stands after it, as in the guide's examples. It is for those who read such
tokens; what leaves here is decided by :class:`policy.residual.Residual`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from policy.canonical import Json, canonical
from policy.directives.model import Coding, Effect
from policy.rules import DataRule, RuleSet

Conditions = dict[str, Json]

_FORBID_ALL: Conditions = {"type": "forbid"}


def residual_of(rules: Sequence[RuleSet], base: str = "") -> list[Conditions]:
    """Return the residual rules of these sets; `base` is the address that relative references are of."""
    written = [list(_of_tree(one.root, base)) for one in rules]
    if len(written) != 1:
        return _of_several(written)
    return written[0]


def _of_several(written: list[list[Conditions]]) -> list[Conditions]:
    """Join several: what all of them only forbid can be put together; else nothing can be said so that it is exact."""
    if not written:
        return [_FORBID_ALL]
    if all(one["type"] == "forbid" for some in written for one in some):
        return _each_once(one for some in written for one in some)
    return written[0] if all(some == written[0] for some in written) else [_FORBID_ALL]


def _of_tree(root: DataRule, base: str) -> Iterator[Conditions]:
    """Yield the rules of one tree: what it is without exceptions, and then each exception."""
    open_root = any(_permits_all(one) for one in root.nested)
    permits = [root] if root.effect is Effect.PERMIT and _sayable(root) else []
    nested = [one for one in root.nested if not _permits_all(one)]
    if any(one.nested for one in (*nested, *(one for one in root.nested if _permits_all(one)))):
        yield _FORBID_ALL
        return
    everything = open_root or (root.bare and root.effect is Effect.PERMIT)
    more = [one for one in nested if one.effect is Effect.PERMIT and _sayable(one)]
    noes = [one for one in nested if one.effect is Effect.DENY]
    if everything:
        # Permits beside these denials add nothing: a denial outweighs a permit as deep, and all else flows anyway.
        yield from _each_once(_rule("forbid", one, base) for one in noes)
        return
    yield _FORBID_ALL
    yield from _joined([_rule("permit", one, base) for one in (*permits, *more)])
    yield from (_rule("forbid", one, base) for one in noes)


def _permits_all(rule: DataRule) -> bool:
    return rule.effect is Effect.PERMIT and rule.bare


def _sayable(permit: DataRule) -> bool:
    """Whether the form holds what a permit asks: there, data and authors are one list, of which any is enough."""
    return not permit.unknown and (permit.data is None or permit.authors is None)


def _rule(kind: str, rule: DataRule, base: str) -> Conditions:
    return {"type": kind} | dict(_conditions(rule, base))


def _conditions(rule: DataRule, base: str) -> Iterator[tuple[str, Json]]:
    for name, codings in (
        ("class", rule.classes),
        ("resourceType", rule.resource_types),
        ("documentType", rule.document_types),
        ("securityLabel", rule.labels),
    ):
        if codings is not None:
            yield name, [_coding(one) for one in codings]
    if rule.codes is not None:
        yield "code", [{"coding": [_coding(one) for one in concept]} for concept in rule.codes]
    if rule.window is not None:
        yield "dataPeriod", dict(_period(*rule.window))
    data = [(one.meaning, one.reference) for one in rule.data or ()]
    data.extend(("authoredby", one) for one in rule.authors or ())
    if data:
        yield "data", [{"meaning": meaning, "reference": {"reference": _at(name, base)}} for meaning, name in data]


def _coding(one: Coding) -> Json:
    return {"system": one.system, "code": one.code}


def _period(start: date | None, end: date | None) -> Iterator[tuple[str, Json]]:
    if start is not None:
        yield "start", start.isoformat()
    if end is not None:
        yield "end", end.isoformat()


def _at(reference: str, base: str) -> str:
    return reference if not base or "://" in reference or "|" in reference else f"{base.rstrip('/')}/{reference}"


def _joined(rules: Iterable[Conditions]) -> list[Conditions]:
    """Join permits that ask for labels of one system only: within an element any is enough."""
    found: list[Conditions] = []
    for rule in rules:
        before = next((one for one in found if _joins(one, rule)), None)
        if before is None:
            found.append(rule)
        else:
            before["securityLabel"] = _labels_of((before, rule))
    return _each_once(found)


def _joins(one: Conditions, other: Conditions) -> bool:
    systems = {_system(label) for rule in (one, other) for label in _labels_of([rule])}
    return one.keys() == other.keys() == {"type", "securityLabel"} and len(systems) == 1


def _labels_of(rules: Iterable[Conditions]) -> list[Json]:
    listed = [label for rule in rules for label in _list(rule.get("securityLabel"))]
    return [label for position, label in enumerate(listed) if label not in listed[:position]]


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()


def _system(label: Json) -> Json:
    return label["system"] if isinstance(label, Mapping) else None


def _each_once(rules: Iterable[Conditions]) -> list[Conditions]:
    return list({canonical(one): one for one in rules}.values())
