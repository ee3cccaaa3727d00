"""Consents and records from files, for asking what the consents say: no store, no participant.

A folder holds FHIR JSON in any arrangement: resources, Bundles, NDJSON, plain or gzip. Consents (and R5 Permissions)
become directives; what cannot be read as one is told by file, because then nobody can tell what the person said.
Everything else is either a record or says who somebody is; the papers that consents stand on are no records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from connector.sources.fhir_error import SourceError, Unreadable
from connector.sources.fhir_files import read_bundles
from connector.sources.fhir_json import Resource, check_depth, parse
from connector.sources.fhir_references import References
from policy.directives.model import Directive
from policy.directives.reading import DirectiveError, read_directive

_DIRECTIVES = frozenset({"Consent", "Permission"})
_PART = "a part of Parameters"
_HOLDING = MappingProxyType({"Bundle": "entry", "Parameters": "parameter", _PART: "part"})


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
            kind = resource.get("resourceType")
            if not isinstance(kind, str):
                found.unreadable.append(f"{where}: no resource type")
            elif kind in _DIRECTIVES:
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
                yield from _held(where, document, found)
            except Unreadable as fault:
                found.unreadable.append(f"{where}: {fault.what}")


def _held(where: str, document: Resource, found: Gathered) -> list[tuple[str, Resource]]:
    """A resource, or all that a Bundle or Parameters hold, at any depth. Raises `Unreadable` if it is too deep.

    References to entries of the document (by fullUrl) become the plain `Type/id`.
    """
    held: list[tuple[str, Resource]] = []
    references = References()
    waiting = deque[tuple[str, Resource, str | None, int]]([(where, document, None, 0)])
    while waiting:
        place, resource, full_url, depth = waiting.popleft()
        check_depth(depth)
        if _holds(resource):
            waiting += [(*one, depth + 1) for one in _parts(place, resource, found)]
            continue
        held.append((place, resource))
        if isinstance(resource.get("resourceType"), str) and isinstance(resource.get("id"), str):
            references.add(resource, full_url)
    for _, resource in held:
        references.resolve(resource)
    return held


def _holds(resource: Resource) -> bool:
    kind = resource.get("resourceType")
    return isinstance(kind, str) and kind in _HOLDING


def _parts(where: str, holder: Resource, found: Gathered) -> Iterator[tuple[str, Resource, str | None]]:
    """What a Bundle or Parameters, or a part of one, hold, each with its address; what is no resource is unreadable."""
    name = _HOLDING[holder["resourceType"]]
    listed = holder.get(name, [])
    if not isinstance(listed, list):
        found.unreadable.append(f"{where}: {name} is no list")
        return
    for number, part in enumerate(listed):
        there = f"{where} entry {number}"
        if not isinstance(part, dict) or not isinstance(part.get("resource", {}), dict):
            found.unreadable.append(f"{there}: no resource")
            continue
        if "resource" in part:
            address = part.get("fullUrl")
            yield there, part["resource"], address if isinstance(address, str) else None
        if "part" in part:
            yield there, {"resourceType": _PART, "part": part["part"]}, None
