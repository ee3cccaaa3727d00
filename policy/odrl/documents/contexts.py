"""The JSON-LD contexts we carry, and the only ones there are: nothing is ever fetched.

Every address in a document's contexts is replaced by what is bundled under it before the document is expanded.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from policy.odrl.model import PolicyError
from policy.odrl.vocabulary import ODRL, PREFIXES

W3C = "http://www.w3.org/ns/odrl.jsonld"
DSP = "https://w3id.org/dspace/2025/1/context.jsonld"
DSP_ODRL = "https://w3id.org/dspace/2025/1/odrl-profile.jsonld"
FILES: Mapping[str, str] = MappingProxyType({W3C: "odrl.jsonld", DSP: "dspace.jsonld", DSP_ODRL: "odrl-profile.jsonld"})
BUNDLED = tuple(FILES)
"""The addresses of the contexts that are bundled (each also with https)."""

MAX_CONTEXTS = 100
MAX_ENTRIES = 2_000
"""How many contexts a document may state, and how many entries they may have in all beside the bundled ones."""

_KEYWORDS_OF_A_TERM = ("@context",)


@cache
def wire() -> list[Any]:
    """The context of plain JSON: every bare name is one of ODRL, prefixes are ours, values are taken as they stand."""
    plain = {
        "@vocab": ODRL,
        **PREFIXES,
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "timestamp": "https://w3id.org/dspace/2025/1/timestamp",
        "dataType": "odrl:dataType",
        "rightOperandReference": "odrl:rightOperandReference",
        "neq": "odrl:neq",
        "industry": "odrl:industry",
    }
    return [bundled(W3C), plain]


@cache
def bundled(address: str) -> Any:
    """Return the context under an address, with everything it imports. Raises :class:`KeyError` if there is none."""
    secure = address.replace("https://www.w3.org/", "http://www.w3.org/", 1)
    text = resources.files("policy").joinpath("data/contexts").joinpath(FILES[secure]).read_text("utf-8")
    return _imported(json.loads(text)["@context"])


def _imported(value: Any) -> Any:
    if isinstance(value, list):
        return [_imported(one) for one in value]
    if not isinstance(value, dict):
        return value
    below = {key: _imported(one) for key, one in value.items() if key != "@import"}
    return (bundled(value["@import"]) | below) if "@import" in value else below


class Contexts:
    """The contexts of one document, counted; `of_wire` tells whether DSP's is among them."""

    def __init__(self) -> None:
        self.of_wire = False
        self._count = 0
        self._entries = 0

    def resolved(self, context: Any, pointer: str) -> Any:
        """Return a context in which every address is replaced by what is bundled under it.

        Raises :class:`PolicyError` for an address under which nothing is bundled, for what is no context, and for
        more contexts than anybody needs.
        """
        self._count += 1
        if self._count > MAX_CONTEXTS:
            raise PolicyError(f"more than {MAX_CONTEXTS} contexts", pointer)
        if isinstance(context, str):
            return self._of(context, pointer)
        if isinstance(context, list):
            return [self.resolved(one, f"{pointer}/{index}") for index, one in enumerate(context)]
        if isinstance(context, dict):
            return self._entries_of(context, pointer)
        if context is None:
            return None
        raise PolicyError("a context is an address, an object or a list of them", pointer)

    def _of(self, address: str, pointer: str) -> Any:
        try:
            found = bundled(address)
        except KeyError:
            raise PolicyError(
                f"the context {address[:200]!r} is not bundled and none is ever fetched; bundled are "
                f"{', '.join(BUNDLED)}",
                pointer,
            ) from None
        # A policy under DSP's context is in the wire form: DSP defines its few terms only inside its messages.
        self.of_wire = self.of_wire or address == DSP
        return [*wire(), found] if address == DSP else found

    def _entries_of(self, context: dict[str, Any], pointer: str) -> dict[str, Any]:
        self._entries += len(context)
        if self._entries > MAX_ENTRIES:
            raise PolicyError(f"contexts with more than {MAX_ENTRIES} entries", pointer)
        found = {key: self._entry(value, f"{pointer}/{key}") for key, value in context.items() if key != "@import"}
        if "@import" not in context:
            return found
        imported = self.resolved(context["@import"], f"{pointer}/@import")
        if not isinstance(imported, dict):
            raise PolicyError("only one context can be imported", f"{pointer}/@import")
        return imported | found

    def _entry(self, value: Any, pointer: str) -> Any:
        if not isinstance(value, dict):
            if value is None or isinstance(value, str | bool | int | float):
                return value
            raise PolicyError("a term stands for an IRI or an object", pointer)
        return {
            key: self.resolved(one, f"{pointer}/{key}") if key in _KEYWORDS_OF_A_TERM else one
            for key, one in value.items()
        }
