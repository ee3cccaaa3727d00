"""Writes the built files of `policy/data` anew from the published vocabularies (see policy/data/SOURCE.md).

Run: python tests/unit/policy/build_vocabularies.py FOLDER [OUTPUT]
where FOLDER holds vocab/ODRL22.ttl, vocab/duo.csv, vocab/dpv-2.3/{purposes,eu-ehds,sector-health}.ttl and
duo-odrl/duodrl.ttl, as the project's test material does.
"""

import csv
import json
import re
import sys
from pathlib import Path

from rdflib import RDF, RDFS, Graph, Namespace, URIRef
from rdflib.namespace import DCTERMS, SKOS

DPV = Namespace("https://w3id.org/dpv#")
ODRL = Namespace("http://www.w3.org/ns/odrl/2/")
DUODRL = Namespace("https://w3id.org/duodrl#")
MODULES = ("purposes.ttl", "eu-ehds.ttl", "sector-health.ttl")
PACKAGED = Path(__file__).parents[3] / "policy" / "data"

# DUODRL states that its purposes have research as skos:narrower, and GSG has GS. Taken by the letter, all research
# would lie within research into one disease, and an offer for one disease would be an offer for everything; the labels
# and the notes of the published policies say the opposite. It is read in the direction that is meant. Only clinical
# care is left without a place: it is no kind of research in either direction.
WITHOUT_A_PLACE = {DUODRL.CC}

# "EHDS Art.53.1(e)(ii)" -> "e"
_ARTICLE = re.compile(r"EHDS Art\.53\.1\(([a-f])\)")
_KINDS = {"data use permission": "permission", "data use modifier": "modifier"}


def purposes(folder: Path) -> dict:
    """Every dpv:Purpose of the modules and of DUODRL, and their root: {iri: {label, broader, same?, article53?}}."""
    graph = Graph()
    for module in MODULES:
        graph.parse(folder / "vocab" / "dpv-2.3" / module)
    found = {URIRef(subject) for subject in graph.subjects(RDF.type, DPV.Purpose)} | {DPV.Purpose}
    stated = {str(node): _purpose(graph, node) for node in found}
    return dict(sorted((stated | _duodrl(folder)).items()))


def _purpose(graph: Graph, node: URIRef) -> dict:
    article = _ARTICLE.match(str(graph.value(node, DCTERMS.source) or ""))
    return {
        "label": str(graph.value(node, SKOS.prefLabel)),
        "broader": sorted(str(broader) for broader in graph.objects(node, SKOS.broader)),
        **({"article53": article[1]} if article else {}),
    }


def _duodrl(folder: Path) -> dict:
    graph = Graph().parse(folder / "duo-odrl" / "duodrl.ttl")
    return {str(node): _duo_purpose(graph, node) for node in graph.subjects(RDF.type, DPV.Purpose)}


def _duo_purpose(graph: Graph, node: URIRef) -> dict:
    same = graph.value(node, SKOS.exactMatch)
    wider = set() if node in WITHOUT_A_PLACE else set(graph.objects(node, SKOS.narrower))
    words = str(graph.value(node, RDFS.label) or graph.value(node, SKOS.prefLabel))
    return {
        "label": re.sub(r" purpose( \(\w+\))?$| \(\w+\)$|\.$", "", words),
        "broader": sorted(str(one) for one in wider or {DPV.Purpose}),
        **({"same": str(same)} if same else {}),
    }


def codes(folder: Path) -> dict:
    """The codes of GA4GH DUO: {DUO_0000006: {shorthand, label, definition, kind: permission, modifier or heading}}."""
    with (folder / "vocab" / "duo.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["id"])
    return {row["id"].replace(":", "_"): _code(row) for row in rows}


def _code(row: dict) -> dict:
    kinds = [kind for words, kind in _KINDS.items() if row["description"].lower().startswith(f"this {words}")]
    names = {name: row[name] for name in ("shorthand", "label")}
    return names | {"definition": row["description"], "kind": kinds[0] if kinds else "heading"}


def actions(folder: Path) -> dict:
    """ODRL actions placed under use or transfer: {includedIn: {iri: iri or ""}, same: {deprecated iri: iri}}."""
    graph = Graph().parse(folder / "vocab" / "ODRL22.ttl")
    parents = {str(node): str(parent) for node, parent in graph.subject_objects(ODRL.includedIn)}
    parents |= {str(ODRL.use): "", str(ODRL.transfer): ""}
    same = {
        str(node): str(current)
        for node, current in graph.subject_objects(SKOS.exactMatch)
        if (node, RDF.type, ODRL.Action) in graph and str(current) in parents and str(node) not in parents
    }
    return {"includedIn": dict(sorted(parents.items())), "same": dict(sorted(same.items()))}


def texts(folder: Path) -> dict[str, str]:
    """The whole text of each built file, by name."""
    values = {"purposes.json": purposes(folder), "actions.json": actions(folder), "duo.json": codes(folder)}
    return {name: json.dumps(value, indent=0, ensure_ascii=False) + "\n" for name, value in values.items()}


if __name__ == "__main__":
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else PACKAGED
    for name, text in texts(Path(sys.argv[1])).items():
        (output / name).write_text(text, encoding="utf-8")
        print(output / name)
