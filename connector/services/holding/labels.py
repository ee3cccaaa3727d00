"""Security labels of records: given when a record is taken in, kept with it, given anew when the rules change.

What is kept says which labels, by which rules, how surely, and which labeller (with its version) said so. A record that
the labeller could not read has no labels and no labeller: nobody knows how sensitive it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from connector.records import SourceRecord
from policy.labelling import Labeller, Labels

Given = tuple[dict[str, Any] | None, str]
"""What `SourceRecord.labels` and `SourceRecord.labeller` hold."""


def label_body(labeller: Labeller, body: bytes) -> Given:
    """Label a record by its body."""
    found = label(labeller, body)
    return (None, "") if found is None else (dict(found.to_json()), labeller.name)


def label_all(labeller: Labeller, bodies: Iterable[bytes]) -> list[Given]:
    """Label records, in their order."""
    return [label_body(labeller, body) for body in bodies]


def label(labeller: Labeller, body: bytes) -> Labels | None:
    """The labels of a record, None if it cannot be read."""
    try:
        resource = orjson.loads(body)
        return labeller.label(resource) if isinstance(resource, Mapping) else None
    except ValueError:
        return None


def labels_of(labeller: Labeller, row: SourceRecord) -> Labels | None:
    """The labels of a record by the labeller in use, given now if another one said what is kept; None: nobody knows."""
    if row.labels is not None and row.labeller == labeller.name:
        try:
            return Labels.from_json(row.labels)
        except (KeyError, TypeError, ValueError):
            return None
    return label(labeller, row.body)
