"""A document: the policies a text or graph holds, and whatever else it says."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rdflib import BNode, URIRef

from policy.odrl.documents.names import Node, Triple
from policy.odrl.documents.statements import Listed
from policy.odrl.model import Action, Entity, Logical, Policy, Rule, Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How the policies were written where RDF lets the same be said in more than one way.

    `said`: what stood there instead of a statement by which the model would say it. `lists`: values of a node's
    property that stood in an RDF list, as the model says them and as they were written. `subjects`: the nodes of the
    policies whose node is not their id. It only ever chooses between ways to say what the model says.
    """

    said: Mapping[Triple, tuple[Triple, ...]] = field(default_factory=lambda: MappingProxyType({}))
    lists: Mapping[tuple[Node, URIRef], Listed] = field(default_factory=lambda: MappingProxyType({}))
    subjects: Mapping[str, Node] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Document:
    """Policies in the order of their ids, and as `rest` every statement that is no part of what was read as policy.

    The rest holds labels and notes, other things described, and whatever is named in a policy's `unknown`.
    """

    policies: tuple[Policy, ...]
    rest: frozenset[Triple] = frozenset()
    wording: Wording = field(default=Wording(), compare=False, repr=False)
    unread: tuple[str, ...] = ()
    """Places in policies of which no statement came (keys of JSON-LD that stand for no IRI); they cannot be written."""

    def policy(self, uid: str) -> Policy | None:
        """Return the policy with this id, or None."""
        return next((policy for policy in self.policies if policy.uid == uid), None)

    def nodes(self) -> frozenset[Node]:
        """Return every node that stands for something in a policy."""
        named = (URIRef(policy.uid) for policy in self.policies)
        inside = (_node(name) for policy in self.policies for name in _names(policy) if name)
        return frozenset([*named, *inside, *self.wording.subjects.values()])


def _node(name: str) -> Node:
    return BNode(name[2:]) if name.startswith("_:") else URIRef(name)


def _names(side: Policy | Rule) -> Iterator[str]:
    refining: list[Action | Entity] = [*side.actions, *side.targets, *side.assigners, *side.assignees]
    refining += [one for _, entities in (*side.functions, *side.relations) for one in entities]
    yield from (one.node for one in refining)
    yield from _term_names((*side.terms, *(term for one in refining for term in one.refinements)))
    if isinstance(side, Rule):
        yield side.node
        below = (*side.duties, *side.remedies, *side.consequences)
    else:
        below = (*side.permissions, *side.prohibitions, *side.obligations)
    for rule in below:
        yield from _names(rule)


def _term_names(terms: Iterable[Term]) -> Iterator[str]:
    for term in terms:
        yield term.node
        if isinstance(term, Logical):
            yield from _term_names(term.parts)
