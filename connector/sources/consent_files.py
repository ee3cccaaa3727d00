"""Consents and records from files, for asking what the consents say: no store, no participant.

A folder holds FHIR JSON in any arrangement: resources, Bundles, NDJSON, plain or gzip. Consents (and R5 Permissions)
become directives; what cannot be read as one is told by file, because then nobody can tell what the person said.
Everything else is either a record or says who somebody is; the papers that consents stand on are no records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector.sources.fhir_error import SourceError, Unreadable
from connector.sources.fhir_files import read_bundles
from connector.sources.fhir_json import Resource, parse
from policy.directives.model import Directive
from policy.directives.reading import DirectiveError, read_directive

_DIRECTIVES = frozenset({"Consent", "Permission"})


@dataclass(slots=True)
class Gathered:
    """What was found. `unreadable` has one line for each file or consent that could not be read, with its place."""

    directives: list[Directive] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    resources: list[Mapping[str, Any]] = field(default_factory=list)


def gather(paths: Iterable[Path]) -> Gathered:
    """Read files and folders. Raises `SourceError` for a path that is not there; an empty folder holds nothing."""
    found = Gathered()
    for path in paths:
        for where, resource in _resources(path, found):
            if resource.get("resourceType") in _DIRECTIVES:
                _take(found, where, resource)
            else:
                found.resources.append(resource)
    papers = {paper for one in found.directives for paper in _papers(one.resource)}
    found.resources = [one for one in found.resources if f"{one.get('resourceType')}/{one.get('id')}" not in papers]
    return found


def _papers(consent: Mapping[str, Any]) -> Iterator[str]:
    """The documents a consent stands on: R4 names one, R5 a list."""
    sources = consent.get("sourceReference")
    for source in sources if isinstance(sources, list) else [sources]:
        if isinstance(source, Mapping) and isinstance(text := source.get("reference"), str):
            yield text


def _take(found: Gathered, where: str, resource: Resource) -> None:
    try:
        found.directives.append(read_directive(resource))
    except DirectiveError as fault:
        found.unreadable.append(f"{where}: {fault}")


def _resources(path: Path, found: Gathered) -> Iterator[tuple[str, Resource]]:
    if not path.exists():
        raise SourceError(str(path), "", "there is no such file or folder", "a FHIR file, or a folder of them")
    if path.is_dir() and not any(path.iterdir()):
        return
    for file in read_bundles(path):
        for part in file.parts:
            where = file.name if part.line is None else f"{file.name} line {part.line}"
            try:
                document = parse(part.data)
            except Unreadable as fault:
                found.unreadable.append(f"{where}: {fault.what}")
                continue
            yield from _entries(where, document) if document.get("resourceType") == "Bundle" else [(where, document)]


def _entries(where: str, bundle: Resource) -> Iterator[tuple[str, Resource]]:
    entries = bundle.get("entry")
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield f"{where} entry {number}", resource
