"""FHIR resources as items that a decision's filter judges: kind, category, dates, labels, and what else rules ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connector.sources.fhir_dates import clinical_range
from connector.sources.fhir_detail import detail_of
from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_subject import patient_reference
from policy.categories import category_of
from policy.labelling import packaged_labeller
from policy.residual import ItemFacts


def about(resources: Iterable[Mapping[str, Any]], subjects: frozenset[str]) -> Iterator[tuple[str, ItemFacts]]:
    """Yield the name (``Observation/12``) and facts of each record about the person.

    Their Patient, which says who they are, and what is about nobody are left out.
    """
    for resource in resources:
        if resource.get("resourceType") != "Patient" and _patient(resource) in subjects:
            yield f"{resource.get('resourceType')}/{resource.get('id')}", item_of(resource)


def item_of(resource: Mapping[str, Any], dataset: str = "") -> ItemFacts:
    """One resource as an item, labelled by the packaged rules. Dates that cannot be read are none."""
    try:
        start, end = clinical_range(dict(resource))
    except Unreadable:
        start = end = None
    labels = packaged_labeller().label(resource).labels
    kind = str(resource.get("resourceType"))
    return ItemFacts(kind, category_of(resource), start, end, dataset, detail_of(resource, labels))


def _patient(resource: Mapping[str, Any]) -> str | None:
    try:
        named = patient_reference(dict(resource))
    except (Unreadable, KeyError):
        return None
    return named[1].partition("/_history/")[0] if named else None
