"""One description as RDF: DCAT-AP 3.0.1 and HealthDCAT-AP Release 8, non-public. Off the hot path: rdflib is heavy.

Parts of the dataset get addresses made from its own (`<id>#publisher`), so that two exports of one description are the
same graph. Authority codes are typed where they are used, because a document is checked without the code lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from catalog.description import DatasetDescription, Kind
from catalog.fields import HEALTH_CATEGORIES, LANGUAGES, Contact
from policy.categories import words

if TYPE_CHECKING:
    from rdflib import Graph, URIRef
    from rdflib.term import Node

EHDS = "http://data.europa.eu/eli/reg/2025/327/oj"
"""The European Health Data Space regulation, as the law a health dataset is described under."""

_AUTHORITY = "http://publications.europa.eu/resource/authority"
_HEALTH_AUTHORITY = "https://hdeu-dcat.data.health.europa.eu/resource/authority"
_PREFIXES = {
    "adms": "http://www.w3.org/ns/adms#",
    "csvw": "http://www.w3.org/ns/csvw#",
    "cv": "http://data.europa.eu/m8g/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "eli": "http://data.europa.eu/eli/ontology#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geodcatap": "http://data.europa.eu/930/",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_LABELS = {"HEAL": "Health", "PERSONAL_DATA": "Personal data"}
_MEDIA_TYPE = {Kind.RECORDS: "application/fhir+ndjson", Kind.STREAM: "application/x-ndjson"}
_COLUMNS = (
    ("person", "Person", "string", "The code of the person, made for one contract only."),
    ("start", "Start", "dateTime", "When what is described began, shifted for each person."),
    ("record", "Record", "json", "The whole record, pseudonymised: a FHIR R4 resource or an Open mHealth data point."),
)


def export(about: DatasetDescription, access_url: str, form: Literal["turtle", "json-ld"] = "turtle") -> str:
    """Return the description as text in Turtle or JSON-LD. `access_url` is where a researcher asks for the data."""
    return dataset_graph(about, access_url).serialize(format=form)


def dataset_graph(about: DatasetDescription, access_url: str) -> Graph:
    """Return the description as an rdflib graph with one `dcat:Dataset`."""
    writer = _Writer(about)
    writer.say("", _about(about))
    writer.say("", _lists(about))
    writer.say("#distribution", _distribution(about, access_url))
    _people(writer, about)
    _variables(writer, about)
    return writer.graph


class _Writer:
    """Adds statements about one dataset and its parts; a part is named by what follows the dataset's address."""

    def __init__(self, about: DatasetDescription) -> None:
        from rdflib import Graph

        self.graph = Graph()
        for prefix, namespace in _PREFIXES.items():
            self.graph.bind(prefix, namespace, override=True)
        self._id = about.id

    def say(self, part: str, statements: Iterator[tuple[str, str, str]]) -> None:
        """Add statements (term, how, value) about a part. `how` is the meaning of the value, see `_node`."""
        from rdflib import URIRef

        subject = URIRef(self._id + part)
        for term, how, value in statements:
            node = self._node(how, value)
            self.graph.add((subject, _iri(term), node))
            if ":" in how:
                self.graph.add((node, _iri("rdf:type"), _iri(how)))
            if how == "skos:Concept":
                self.graph.add((node, _iri("skos:prefLabel"), self._node("english", _label(value))))

    def _node(self, how: str, value: str) -> Node:
        """Make the object of a statement; `how` says what `value` is.

        `plain` words of the steward (whatever the language), `english` words of ours, `part` of this dataset, `iri` an
        address, `name` a prefixed name, `xsd date` and so on a typed literal, a class an address of it.
        """
        from rdflib import Literal as Text
        from rdflib import URIRef

        if how in {"plain", "english"}:
            return Text(value, lang="en" if how == "english" else None)
        if how.startswith("xsd "):
            return Text(value, datatype=_iri(how.replace(" ", ":")))
        if how == "name":
            return _iri(value)
        return URIRef(self._id + value if how == "part" else value)


def _label(concept: str) -> str:
    """The English label of a concept; of one we do not know, the last part of its address."""
    code = re.split(r"[/#:]", concept)[-1]
    return _LABELS.get(code) or HEALTH_CATEGORIES.get(code) or code


def _iri(name: str) -> URIRef:
    from rdflib import URIRef

    prefix, _, local = name.partition(":")
    return URIRef(_PREFIXES[prefix] + local)


def _about(about: DatasetDescription) -> Iterator[tuple[str, str, str]]:
    yield "rdf:type", "name", "dcat:Dataset"
    yield "dct:identifier", "plain", about.id
    yield "dct:title", "plain", about.title
    yield "dct:description", "plain", about.description
    yield "dct:issued", "xsd dateTime", about.issued.isoformat()
    yield "dct:modified", "xsd dateTime", about.modified.isoformat()
    yield "dcat:version", "plain", about.version
    yield "dct:accessRights", "dct:RightsStatement", f"{_AUTHORITY}/access-right/NON_PUBLIC"
    yield "dcatap:applicableLegislation", "eli:LegalResource", EHDS
    yield "dct:type", "skos:Concept", f"{_AUTHORITY}/dataset-type/PERSONAL_DATA"
    yield "dct:provenance", "part", "#provenance"
    yield "dct:publisher", "part", "#publisher"
    yield "geodcatap:custodian", "part", "#publisher"
    yield "dcat:contactPoint", "part", "#contact"
    yield "dcat:distribution", "part", "#distribution"
    yield "healthdcatap:healthCategory", "skos:Concept", f"{_HEALTH_AUTHORITY}/healthcategories/{about.health_category}"
    yield "healthdcatap:hasStructuredData", "xsd boolean", "true"
    yield "healthdcatap:hasVariables", "part", "#variables"
    if about.number_of_people:
        yield "healthdcatap:numberOfUniqueIndividuals", "xsd nonNegativeInteger", str(about.number_of_people)
    if about.access_body:
        yield "healthdcatap:hdab", "part", "#access-body"


def _lists(about: DatasetDescription) -> Iterator[tuple[str, str, str]]:
    yield from (("dcat:keyword", "plain", keyword) for keyword in about.keywords)
    yield from (("dcat:theme", "skos:Concept", theme) for theme in about.themes)
    yield from (("dct:language", "dct:LinguisticSystem", _language(code)) for code in about.languages)
    yield from (("dct:spatial", "dct:Location", f"{_AUTHORITY}/country/{code}") for code in about.spatial)
    yield from (("dpv:hasLegalBasis", "dpv:LegalBasis", basis) for basis in about.legal_basis)
    if about.period_start or about.period_end:
        yield "dct:temporal", "part", "#period"


def _distribution(about: DatasetDescription, access_url: str) -> Iterator[tuple[str, str, str]]:
    yield "rdf:type", "name", "dcat:Distribution"
    yield "dct:title", "plain", about.title
    yield "dcat:accessURL", "iri", access_url
    yield "dcatap:applicableLegislation", "eli:LegalResource", EHDS
    yield "dct:license", "dct:LicenseDocument", about.licence
    media_type = f"http://www.iana.org/assignments/media-types/{_MEDIA_TYPE[about.kind]}"
    yield "dcat:mediaType", "dct:MediaType", media_type


def _people(writer: _Writer, about: DatasetDescription) -> None:
    writer.say("#publisher", _agent(about.publisher_name, "#publisher-contact"))
    writer.say("#publisher-contact", _contact_point(about.contact))
    writer.say("#contact", _card(about.contact))
    writer.say("#provenance", iter([("rdf:type", "name", "dct:ProvenanceStatement")]))
    writer.say("#provenance", iter([("rdfs:label", "plain", about.provenance)]))
    if about.access_body:
        writer.say("#access-body", _agent(about.access_body.name, "#access-body-contact"))
        writer.say("#access-body-contact", _contact_point(about.access_body))
    if about.period_start or about.period_end:
        writer.say("#period", _period(about))


def _agent(name: str, contact: str) -> Iterator[tuple[str, str, str]]:
    yield "rdf:type", "name", "foaf:Agent"
    yield "foaf:name", "plain", name
    yield "cv:contactPoint", "part", contact


def _contact_point(contact: Contact) -> Iterator[tuple[str, str, str]]:
    yield "rdf:type", "name", "cv:ContactPoint"
    yield "cv:email", "plain", contact.email
    if contact.page:
        yield "cv:contactPage", "iri", contact.page


def _card(contact: Contact) -> Iterator[tuple[str, str, str]]:
    yield "rdf:type", "name", "vcard:Kind"
    yield "vcard:fn", "plain", contact.name
    yield "vcard:hasEmail", "iri", f"mailto:{contact.email}"
    if contact.page:
        yield "vcard:hasURL", "iri", contact.page


def _period(about: DatasetDescription) -> Iterator[tuple[str, str, str]]:
    yield "rdf:type", "name", "dct:PeriodOfTime"
    if about.period_start:
        yield "dcat:startDate", "xsd date", about.period_start.isoformat()
    if about.period_end:
        yield "dcat:endDate", "xsd date", about.period_end.isoformat()


def _variables(writer: _Writer, about: DatasetDescription) -> None:
    writer.say("#variables", iter([("rdf:type", "name", "csvw:TableGroup"), ("dct:title", "plain", about.title)]))
    for key in about.categories:
        writer.say("#variables", iter([("csvw:table", "part", f"#table-{key}")]))
        writer.say(f"#table-{key}", _table(key))
    for name, title, datatype, meaning in _COLUMNS:
        writer.say(f"#column-{name}", _column(name, title, datatype, meaning))


def _table(category: str) -> Iterator[tuple[str, str, str]]:
    yield "rdf:type", "name", "csvw:Table"
    yield "dct:title", "english", words(category)
    yield from (("csvw:column", "part", f"#column-{name}") for name, *_ in _COLUMNS)


def _column(name: str, title: str, datatype: str, meaning: str) -> Iterator[tuple[str, str, str]]:
    yield "rdf:type", "name", "csvw:Column"
    yield "csvw:name", "plain", name
    yield "csvw:title", "english", title
    yield "csvw:datatype", "plain", datatype
    yield "dct:description", "english", meaning


def _language(code: str) -> str:
    return f"{_AUTHORITY}/language/{LANGUAGES[code]}"
