"""Every request and every item that a directive could tell apart: by these, two directives are compared.

The values are the directive's own, each element's and one that none of them names; dates stand on, before and after
every end of every period. What it answers to all of them is what it means.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product

from policy.directives.asking import Asking
from policy.directives.model import Coding, Directive, Emergency, Provision
from policy.directives.several import ask_directives
from policy.instants import span
from policy.residual import ItemFacts
from policy.resource_kinds import SYSTEMS as RESOURCE_TYPES
from policy.rules import ItemDetail
from policy.rules_judging import judge_rules

NOBODY, SOMEBODY = "Organization/nobody", frozenset({"Organization/nobody"})
ANY = Coding("urn:other", "any")
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason#"
ONE_DAY = timedelta(days=1)
MOST_REQUESTS, MOST_ITEMS = 400, 300


def provisions(root: Provision) -> Iterator[Provision]:
    """Yield a provision and all below it."""
    yield root
    for one in root.nested:
        yield from provisions(one)


def meaning(directive: Directive, like: Directive | None = None) -> list[tuple[object, ...]]:
    """Return what the directive answers to all that it (or another like it) could tell apart."""
    asked = like or directive
    every = list(items(asked))
    found = []
    for asking in requests(asked):
        answer = ask_directives(replace(asking, subjects=frozenset(directive.subjects) or SOMEBODY), [directive])
        found.append((answer.outcome, tuple(judge_rules(answer.rules, one) for one in every)))
    return found


def requests(directive: Directive) -> Iterator[Asking]:
    """Yield the requests, few enough to be asked."""
    tree = list(provisions(directive.root))
    actors = sorted({one.reference for each in tree for one in each.actors or ()})
    roles = sorted({role for each in tree for one in each.actors or () for role in one.roles})
    purposes = sorted({f"{one.system}#{one.code}" for each in tree for one in each.purposes or ()})
    actions = sorted({one for each in tree for concept in each.actions or () for one in concept})
    moments = sorted(set(_moments(tree)))
    combined = product(
        [*actors, NOBODY],
        [*purposes, f"{ACT_REASON}HRESCH"],
        [*actions, Coding("http://terminology.hl7.org/CodeSystem/consentaction", "disclose"), None],
        moments,
        [False, True],
        [frozenset(), frozenset(actors)] if actors else [SOMEBODY],
    )
    for actor, purpose, action, now, emergency, custodians in islice(combined, MOST_REQUESTS):
        declared = Emergency(
            declared_at=now - ONE_DAY, until=now + ONE_DAY, group=True, reason=True, second_factor=True
        )
        yield Asking(
            now=now,
            subjects=frozenset(directive.subjects),
            requester=frozenset({actor}),
            purposes=(purpose, f"{ACT_REASON}BTG") if emergency else (purpose,),
            action=action,
            known_actors=frozenset({*actors, NOBODY}),
            custodians=custodians,
            roles=frozenset(roles[:1]),
            care=emergency,
            emergency=declared if emergency else None,
        )


def _moments(tree: list[Provision]) -> Iterator[datetime]:
    yield datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    for one in tree:
        for day in _days(one.period):
            yield datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _days(period) -> Iterator[date]:
    for edge in (period.start, period.end) if period else ():
        if edge is not None:
            for day in span(edge):
                yield from (day - ONE_DAY, day, day + ONE_DAY)


def items(directive: Directive) -> Iterator[ItemFacts]:
    """Yield the items, few enough to be judged."""
    tree = list(provisions(directive.root))
    classes = [one for each in tree for one in (each.classes or ()) + (each.resource_types or ())]
    papers = [one for each in tree for one in (each.classes or ()) + (each.document_types or ())]
    types = sorted({one.code for one in classes if one.system in RESOURCE_TYPES})
    references = sorted({one.reference for each in tree for one in each.data or ()})
    codes = sorted({one for each in tree for concept in each.codes or () for one in concept})
    labels = sorted({one for each in tree for one in each.labels or ()})
    days = sorted({day for each in tree for day in _days(each.data_period)})
    combined = product(
        [frozenset(), None, *(frozenset({one}) for one in labels)],
        [*types, "Observation"],
        [ANY, *codes],
        [None, *days],
        ["Observation/1", *references],
        sorted({ANY, *papers}),
    )
    for label, kind, code, day, reference, paper in islice(combined, MOST_ITEMS):
        detail = ItemDetail(
            references=frozenset({reference}),
            related=frozenset(references[:1]),
            authors=frozenset({reference}),
            codes=frozenset({code}),
            labels=label,
            document_types=frozenset({paper}),
        )
        yield ItemFacts(kind, "laboratory", day, day, "dataset", detail)
