"""The IRIs a document is read and written by, and which properties only describe."""

import re
from typing import TypeAlias

from rdflib import OWL, RDFS, SKOS, BNode, URIRef
from rdflib import Literal as Text

from policy.odrl.model import Kind
from policy.odrl.reading import FUNCTIONS as WIRE_FUNCTIONS
from policy.odrl.reading import RELATIONS as WIRE_RELATIONS
from policy.odrl.vocabulary import LOGICAL, ODRL, PREFIXES

Node: TypeAlias = URIRef | BNode | Text
Triple: TypeAlias = tuple[Node, URIRef, Node]


def odrl(name: str) -> URIRef:
    """Return the IRI of a term of ODRL."""
    return URIRef(ODRL + name)


UID, PROFILE, CONFLICT, INHERITS = odrl("uid"), odrl("profile"), odrl("conflict"), odrl("inheritFrom")
ACTION, TARGET, ASSIGNER, ASSIGNEE = odrl("action"), odrl("target"), odrl("assigner"), odrl("assignee")
CONSTRAINT, REFINEMENT, SOURCE, PART_OF = odrl("constraint"), odrl("refinement"), odrl("source"), odrl("partOf")
LEFT, OPERATOR, UNIT, STATUS = odrl("leftOperand"), odrl("operator"), odrl("unit"), odrl("status")
RIGHT, REFERENCED = odrl("rightOperand"), odrl("rightOperandReference")
DATATYPE, CONTEXT_DATATYPE = odrl("dataType"), odrl("datatype")
"""The ontology's name of the property and the one that the W3C context writes."""
SLIPS = {str(odrl("neg")): str(odrl("neq")), str(odrl("industry:")): str(odrl("industry"))}
"""Terms that the W3C context gives an IRI of their own by a slip of the pen, and the terms that are meant."""
DUTY, REMEDY, CONSEQUENCE = odrl("duty"), odrl("remedy"), odrl("consequence")

RULES = {
    "permissions": (odrl("permission"), Kind.PERMISSION),
    "prohibitions": (odrl("prohibition"), Kind.PROHIBITION),
    "obligations": (odrl("obligation"), Kind.DUTY),
}
"""The properties of a policy that lead to a rule, by the field of the model they fill."""

BELOW = {"duties": DUTY, "remedies": REMEDY, "consequences": CONSEQUENCE}
BELOW_OF = {Kind.PERMISSION: DUTY, Kind.PROHIBITION: REMEDY, Kind.DUTY: CONSEQUENCE}
"""The properties of a rule that lead to a duty: all of them, and the one that each kind of rule may have."""

KINDS = ("Agreement", "Offer", "Request", "Ticket", "Assertion", "Privacy", "Set")
POLICY_TYPES = {odrl(name): name for name in KINDS} | {odrl("Policy"): "Set"}
RULE_TYPES = {kind: frozenset({odrl("Rule"), odrl(kind.value.capitalize())}) for kind in Kind}
TERM_TYPES = frozenset({odrl("Constraint"), odrl("AtomicConstraint"), odrl("LogicalConstraint")})
ASSETS, PARTIES = odrl("AssetCollection"), odrl("PartyCollection")
COLLECTIONS = frozenset({ASSETS, PARTIES})
ENTITY_TYPES = COLLECTIONS | {odrl("Asset"), odrl("Party")}
ACTION_TYPES = frozenset({odrl("Action")})
LOGICAL_IRIS = {odrl(name): name for name in sorted(LOGICAL)}

FUNCTION, RELATION = odrl("function"), odrl("relation")
FUNCTIONS = frozenset(URIRef(iri) for iri in WIRE_FUNCTIONS) | {FUNCTION, odrl("payeeParty")}
RELATIONS = frozenset(URIRef(iri) for iri in WIRE_RELATIONS) | {RELATION}
INVERSE = {odrl("hasPolicy"): TARGET, odrl("assignerOf"): ASSIGNER, odrl("assigneeOf"): ASSIGNEE}
"""Properties by which an asset or a party names the policy, and what the policy would say itself."""

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.")
_DCT = (
    *("title", "description", "abstract", "creator", "contributor", "publisher", "issued", "created", "modified"),
    *("identifier", "source", "subject", "bibliographicCitation"),
)
DESCRIBING = frozenset(
    [
        *(URIRef(PREFIXES["dct"] + name) for name in _DCT),
        *(URIRef(f"http://purl.org/dc/elements/1.1/{name}") for name in ("title", "description", "creator")),
        *(RDFS.label, RDFS.comment, RDFS.seeAlso, RDFS.isDefinedBy, OWL.versionInfo),
        *(SKOS.prefLabel, SKOS.altLabel, SKOS.definition, SKOS.note, SKOS.scopeNote, SKOS.editorialNote, SKOS.example),
        *(SKOS.exactMatch, SKOS.closeMatch, SKOS.historyNote, SKOS.changeNote, SKOS.inScheme),
        URIRef("https://w3id.org/dspace/2025/1/timestamp"),
    ]
)
"""Properties that can neither widen nor narrow what they describe."""


def is_absolute(iri: str) -> bool:
    """Whether an IRI has a scheme."""
    return _ABSOLUTE.match(iri) is not None


def shown(term: object) -> str:
    """Return an IRI or a value the way notes name it: a term of ODRL by its bare name."""
    return str(term).removeprefix(ODRL)
