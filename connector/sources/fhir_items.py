"""FHIR resources as items that a decision's filter judges: kind, category, dates, labels, and what else rules ask.

Resources contained in a record are items of their own, as they are when a record is released: one that may not be had
is cut out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from connector.sources.fhir_dates import clinical_range
from connector.sources.fhir_detail import contained_in, detail_inside, detail_of
from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_subject import patient_reference
from policy.categories import OTHER, category_of
from policy.directives.references import plain
from policy.labelling import Labels, packaged_labeller
from policy.residual import ItemFacts

Named = tuple[str, ItemFacts]


class Item(NamedTuple):
    """One record: its name (``Observation/12``), its facts, and those of each resource contained in it.

    `readable` is false where nobody can look into it: then nothing of it may be had.
    """

    name: str
    facts: ItemFacts
    inside: tuple[Named, ...] = ()
    readable: bool = True


def about(resources: Iterable[Mapping[str, Any]], subjects: frozenset[str]) -> Iterator[Item]:
    """Yield each record about the person.

    Their Patient, which says who they are, and what is about nobody are left out.
    """
    for resource in resources:
        if resource.get("resourceType") != "Patient" and _patient(resource) in subjects:
            yield item_of(resource)


def item_of(resource: Mapping[str, Any], dataset: str = "") -> Item:
    """One resource as an item, labelled by the packaged rules. Dates that cannot be read are none."""
    name, kind = f"{resource.get('resourceType')}/{resource.get('id')}", str(resource.get("resourceType"))
    start, end = _dates(resource)
    labels = _labels(resource)
    try:
        category = category_of(resource)
        detail = detail_of(resource, labels.judged if labels else None)
        outer = ItemFacts(kind, category, start, end, dataset, detail)
        return Item(name, outer, tuple(_inside(name, resource, outer, labels)))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Item(name, ItemFacts(kind, OTHER, start, end, dataset), readable=False)


def _inside(name: str, resource: Mapping[str, Any], outer: ItemFacts, labels: Labels | None) -> Iterator[Named]:
    """The resources contained in one, each judged for itself, but part of the instance it is in."""
    contained = contained_in(resource)
    given = [one for _, one in labels.contained] if labels else []
    known: Sequence[Labels | None] = given if len(given) == len(contained) else [None] * len(contained)
    for one, its in zip(contained, known, strict=True):
        kind = one.get("resourceType")
        own = _dates(one)
        start, end = own if own != (None, None) else (outer.start, outer.end)
        category = category_of(one) if isinstance(kind, str) else OTHER
        facts = ItemFacts(
            kind if isinstance(kind, str) else "", outer.category if category == OTHER else category, start, end,
            outer.dataset, outer.detail and detail_inside(outer.detail, one, its.judged if its else None),
        )  # fmt: skip
        yield f"{name}#{one.get('id')}", facts


def _labels(resource: Mapping[str, Any]) -> Labels | None:
    """Its labels; None: nobody knows how sensitive it is."""
    try:
        return packaged_labeller().label(resource)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _dates(resource: Mapping[str, Any]) -> tuple[date | None, date | None]:
    try:
        return clinical_range(dict(resource))
    except (Unreadable, KeyError, TypeError, AttributeError):
        return None, None


def _patient(resource: Mapping[str, Any]) -> str | None:
    try:
        named = patient_reference(dict(resource))
    except (Unreadable, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return plain(named[1]) if named else None
