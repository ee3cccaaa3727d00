"""Writes `policy/data/*.json` anew from the W3C's Turtle files (see policy/data/SOURCE.md).

Run: python tests/unit/policy/build_vocabularies.py FOLDER [OUTPUT]
where FOLDER holds ODRL22.ttl and dpv-2.3/{purposes,eu-ehds,sector-health}.ttl.
"""

import json
import sys
from pathlib import Path

from rdflib import RDF, Graph, Namespace, URIRef
from rdflib.namespace import SKOS

DPV = Namespace("https://w3id.org/dpv#")
ODRL = Namespace("http://www.w3.org/ns/odrl/2/")
MODULES = ("purposes.ttl", "eu-ehds.ttl", "sector-health.ttl")
PACKAGED = Path(__file__).parents[3] / "policy" / "data"


def purposes(folder: Path) -> dict:
    """Every dpv:Purpose of the three modules and their root: {iri: {label, broader: [iri]}}, sorted."""
    graph = Graph()
    for module in MODULES:
        graph.parse(folder / "dpv-2.3" / module)
    found = {URIRef(subject) for subject in graph.subjects(RDF.type, DPV.Purpose)} | {DPV.Purpose}
    return {
        str(node): {
            "label": str(graph.value(node, SKOS.prefLabel)),
            "broader": sorted(str(broader) for broader in graph.objects(node, SKOS.broader)),
        }
        for node in sorted(found)
    }


def actions(folder: Path) -> dict:
    """ODRL actions placed under use or transfer: {includedIn: {iri: iri or ""}, same: {deprecated iri: iri}}."""
    graph = Graph().parse(folder / "ODRL22.ttl")
    parents = {str(node): str(parent) for node, parent in graph.subject_objects(ODRL.includedIn)}
    parents |= {str(ODRL.use): "", str(ODRL.transfer): ""}
    same = {
        str(node): str(current)
        for node, current in graph.subject_objects(SKOS.exactMatch)
        if (node, RDF.type, ODRL.Action) in graph and str(current) in parents and str(node) not in parents
    }
    return {"includedIn": dict(sorted(parents.items())), "same": dict(sorted(same.items()))}


def texts(folder: Path) -> dict[str, str]:
    """The whole text of each packaged file, by name."""
    values = {"purposes.json": purposes(folder), "actions.json": actions(folder)}
    return {name: json.dumps(value, indent=0, ensure_ascii=False) + "\n" for name, value in values.items()}


if __name__ == "__main__":
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else PACKAGED
    for name, text in texts(Path(sys.argv[1])).items():
        (output / name).write_text(text, encoding="utf-8")
        print(output / name)
