"""Reading a document from its text: Turtle, N-Triples, JSON-LD or the plain JSON of the wire."""

from policy.odrl.documents.document import Document
from policy.odrl.documents.graphs import from_graph
from policy.odrl.documents.json_in import parsed, pointer_of, with_contexts
from policy.odrl.documents.jsonld_in import graph_of_json
from policy.odrl.documents.limits import NoIriError, text_of
from policy.odrl.documents.turtle_in import graph_of_turtle
from policy.odrl.model import PolicyError

TURTLE = frozenset({"text/turtle", "application/x-turtle", "application/n-triples", "text/plain"})
JSON = frozenset({"application/ld+json", "application/json"})
ACCEPTED = (
    "accepted are Turtle (text/turtle), N-Triples (application/n-triples) and JSON-LD or JSON (application/ld+json)"
)

_FOREIGN = (
    ("<?xml", "RDF/XML"),
    ("<rdf:", "RDF/XML"),
    ("<!DOCTYPE", "HTML or XML"),
    ("%YAML", "YAML"),
    ("---", "YAML"),
)


def read_document(text: str | bytes, media_type: str | None = None) -> Document:
    """Return every policy of a text and the rest of what it says.

    Without a media type the text is JSON if it begins with a brace or a square bracket, else Turtle. JSON without any
    ``@context`` is read as the wire form: bare names are ODRL's. A text without a policy is a document without one.
    Raises :class:`PolicyError` that says where (line and column, or a pointer) and why.
    """
    source = text_of(text)
    if not _is_json(source, media_type):
        return from_graph(graph_of_turtle(source, "" if media_type else f"; {ACCEPTED}"))
    value = parsed(source)
    try:
        graph, unread = graph_of_json(with_contexts(value))
    except NoIriError as error:
        raise NoIriError(error.text, error.pointer or pointer_of(value, error.text)) from None
    return from_graph(graph, unread)


def _is_json(source: str, media_type: str | None) -> bool:
    begin = source.lstrip()
    if media_type is None:
        foreign = next((name for sign, name in _FOREIGN if begin.startswith(sign)), None)
        if foreign:
            raise PolicyError(f"{foreign} is not accepted; {ACCEPTED}")
        return begin.startswith("{") or (begin.startswith("[") and not _is_turtle(begin))
    name = media_type.partition(";")[0].strip().lower()
    if name not in TURTLE | JSON:
        raise PolicyError(f"{name[:100] or 'no media type'} is not accepted; {ACCEPTED}")
    return name in JSON


def _is_turtle(begin: str) -> bool:
    # A Turtle text may begin with a blank node; JSON goes on with a value, and no value of it begins like a property.
    following = begin[1:].lstrip()
    return not following.startswith(("{", "[", "]", '"')) or following.startswith("] ")
