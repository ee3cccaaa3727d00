"""What datasets, studies and terms are called, from what this participant knows; an id is the last resort."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connector.ports import Transaction
from connector.records import Dataset, Setting, Study
from policy.odrl import PolicyError, compiled, sentence

_TITLE = "dataset-title:"


def note_title(tx: Transaction, dataset: str, title: str) -> None:
    """Remember what a provider calls its dataset, so that a contract can be named when the provider is away."""
    tx.put(Setting(name=_TITLE + dataset, value=title))


def dataset_title(tx: Transaction, dataset: str) -> str:
    """The dataset's title: our own, the one noted from a catalogue, or the words in its id."""
    if (own := tx.get(Dataset, dataset)) is not None:
        return own.title
    noted = tx.get(Setting, _TITLE + dataset)
    return noted.value if noted is not None else _words_of(dataset)


def study_title(tx: Transaction, study: str | None) -> str:
    """The study request's title; empty for none."""
    found = tx.get(Study, study) if study else None
    return str((found.document or {}).get("title", "")) if found is not None else study or ""


def sentences(policy: Mapping[str, Any] | None) -> list[str]:
    """The terms of a policy as people read them."""
    try:
        return sentence(compiled(policy or {}).policy)
    except PolicyError:
        return ["It holds a term that we do not understand. Nothing can be shared under it."]


def moment(value: datetime | None) -> datetime:
    """A time that a record always has once it is written."""
    return value or datetime.fromtimestamp(0, UTC)


def _words_of(dataset: str) -> str:
    parts = dataset.split(":")
    named = parts[3] if parts[:3] == ["urn", "concord", "dataset"] and len(parts) > 3 else ""
    return named.replace("-", " ").capitalize() or dataset
