"""Parsed JSON-LD to a graph, by rdflib's expansion, with nothing lost: every value as written, every key accounted for.

JSON-LD passes over a key that stands for no IRI. In a policy such a key may be a misspelt limit, so it is kept apart
for the node it stood in.
"""

from typing import Any

from rdflib import Graph
from rdflib.plugins.parsers.jsonld import Parser
from rdflib.plugins.shared.jsonld.context import NODE_KEYS, Context, Term
from rdflib.plugins.shared.jsonld.keys import CONTEXT, ID, VOCAB
from rdflib.term import Node

from policy.odrl.documents import names
from policy.odrl.documents.limits import MAX_STATEMENTS, iri_of
from policy.odrl.documents.values import typed
from policy.odrl.model import PolicyError

Unread = dict[names.Node, list[str]]
MAX_SCOPED = 200_000
"""Entries of contexts that may be copied and read for single nodes."""
_HARMLESS = frozenset({"@index", "@version"})


def graph_of_json(source: Any) -> tuple[Graph, Unread]:
    """Return the graph that JSON-LD without any address in its contexts states, and the keys it passes over.

    Raises :class:`PolicyError` with the cause for what is no JSON-LD.
    """
    graph = Graph()
    reader = _Reader()
    try:
        reader.parse(source, _Context(base=None), graph)
    except PolicyError:
        raise
    except RecursionError:
        raise PolicyError("contexts or objects nested too deeply") from None
    except Exception as error:  # the expansion meets hostile JSON with whatever exception comes first
        raise PolicyError(f"not JSON-LD: {_cause(error)}") from None
    return graph, reader.unread


def _cause(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


class _Reader(Parser):
    """rdflib's expansion; relative IRIs stay as they are (a document has no place it came from)."""

    def __init__(self) -> None:
        super().__init__(generalized_rdf=True)
        self.unread: Unread = {}

    def _key_to_graph(
        self,
        dataset: Graph,
        graph: Graph,
        context: Context,
        subj: Any,
        key: str,
        obj: Any,
        reverse: bool = False,
        no_id: bool = False,
    ) -> None:
        if len(graph) > MAX_STATEMENTS:
            raise PolicyError(f"larger than {MAX_STATEMENTS} statements")
        if self._stands_for_nothing(context, key):
            if obj is not None and key not in _HARMLESS:
                self.unread.setdefault(subj, []).append(key)
            return
        super()._key_to_graph(dataset, graph, context, subj, key, obj, reverse=reverse, no_id=no_id)

    @staticmethod
    def _stands_for_nothing(context: Context, key: str) -> bool:
        term = context.terms.get(key)
        iri = term.id if term else key if key in NODE_KEYS | {CONTEXT} else context.expand(key)
        if not isinstance(iri, str) or not (iri in NODE_KEYS or (":" in iri and not iri.startswith("_:"))):
            return True
        iri_of(iri)
        return False

    def _to_object(
        self, dataset: Graph, graph: Graph, context: Context, term: Term | None, node: Any, inlist: bool = False
    ) -> Node | None:
        value, datatype = node, term.type if term else None
        if isinstance(node, dict):
            value, datatype = context.get_value(node), context.get_type(node)
        if isinstance(value, str) and isinstance(datatype, str):
            if datatype not in NODE_KEYS | {VOCAB}:
                return typed(value, iri_of(context.expand(datatype) or datatype))
            if datatype in {ID, VOCAB} and value is node:
                iri_of(value)
        return super()._to_object(dataset, graph, context, term, node, inlist)

    def _to_rdf_id(self, context: Context, id_val: str) -> Any:
        if not id_val.startswith("_:"):
            iri_of(context.resolve(iri_of(id_val)))
        return super()._to_rdf_id(context, id_val)


class _Context(Context):
    """A context that counts what its scoped contexts cost: each node they apply to copies and reads them anew."""

    spent: list[int]

    def __init__(self, base: str | None) -> None:
        super().__init__(base=base)
        self.spent = [0]

    def _subcontext(self, source: Any, propagate: bool) -> Context:
        self.spent[0] += len(self.terms) + sum(
            len(one or ()) for one in (source if isinstance(source, list) else [source])
        )
        if self.spent[0] > MAX_SCOPED:
            raise PolicyError("contexts within contexts for more nodes than anybody needs")
        found = super()._subcontext(source, propagate)
        found.__class__ = _Context
        found.spent = self.spent  # type: ignore[attr-defined]
        return found
