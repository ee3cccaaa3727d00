"""References inside one bundle: every way FHIR has to point at an entry becomes the plain `Type/id`.

FHIR R4 3.1.6 (transaction), 2.36.4 (resolving references in bundles) and 3.1.0.6 (conditional references): fullUrl,
`urn:uuid:`, an absolute address, a version, an identifier search. What points outside the bundle stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from connector.sources.fhir_error import Unreadable
from connector.sources.fhir_json import Resource, check_depth

_AMBIGUOUS = ""


@dataclass(slots=True)
class References:
    """Where the entries of one bundle can be found: addresses, literals and searches, each to its `Type/id`.

    `base` is the address of the server they are from, if it is known: what it calls its own becomes `Type/id` too.
    """

    targets: dict[str, str] = field(default_factory=dict)
    base: str = ""

    def add(self, resource: Resource, full_url: str | None) -> None:
        """Make an entry known under all its names. Raises `Unreadable` if its address is taken."""
        literal = f"{resource['resourceType']}/{resource['id']}"
        self.targets[literal] = literal
        if full_url:
            if self.targets.setdefault(full_url, literal) != literal:
                raise Unreadable("two entries have the same fullUrl", "a fullUrl of its own for each entry", "fullUrl")
            self.targets[full_url] = literal
        for token in _tokens(resource.get("identifier")):
            search = f"{resource['resourceType']}?{token}"
            self.targets[search] = literal if self.targets.get(search, literal) == literal else _AMBIGUOUS

    def literal(self, text: str) -> str | None:
        """The `Type/id` in this bundle that a reference leads to, None if it leads out of it or nowhere."""
        target = self.targets.get(text) or self.targets.get(text.partition("/_history/")[0])
        if target is None and "?" in text:
            target = self.targets.get(_search(text))
        return target or None

    def resolve(self, value: Any, depth: int = 0) -> None:
        """Rewrite all references inside a resource, in place. Raises `Unreadable` when it is nested too deeply."""
        check_depth(depth)
        if isinstance(value, list):
            for item in value:
                self._inside(item, depth)
        elif isinstance(value, dict):
            reference = value.get("reference")
            if isinstance(reference, str):
                if self.base and reference.startswith(f"{self.base}/"):
                    value["reference"] = reference = reference[len(self.base) + 1 :]
                if found := self.literal(reference):
                    value["reference"] = found
            for part in value.values():
                self._inside(part, depth)

    def _inside(self, part: Any, depth: int) -> None:
        if isinstance(part, list | dict):
            self.resolve(part, depth + 1)


def _tokens(identifiers: Any) -> Iterable[str]:
    for identifier in identifiers if isinstance(identifiers, list) else []:
        if isinstance(identifier, dict) and isinstance(identifier.get("value"), str):
            system = identifier.get("system")
            yield f"identifier={system}|{identifier['value']}" if isinstance(system, str) else identifier["value"]


def _search(text: str) -> str:
    """A conditional reference in one spelling: `Type?identifier=system|value`; anything else finds nothing."""
    kind, _, query = text.partition("?")
    terms = parse_qsl(query, keep_blank_values=True)
    return f"{kind}?identifier={terms[0][1]}" if len(terms) == 1 and terms[0][0] == "identifier" else ""
