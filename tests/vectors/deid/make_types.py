"""Makes `connector/deidentify/foreign/data/types-*.json` from HL7's own StructureDefinitions.

    python -m tests.vectors.deid.make_types JAR [FOLDER]

JAR is `hapi-fhir-validation-resources-r4` (or `-dstu3`) from Maven Central, in which the definitions of the release
lie unchanged; FOLDER is where the table goes. A table is {"primitives": [...], "resources": [...], "any": "every type
that an extension may hold", "types": {type: [base, {element: what it is}]}}. The elements of the base (itself a type,
or "") come besides. What an element is: `Period`, `string*` (repeats), `boolean|dateTime` (a choice, named
`deceased[x]`), `*` (any).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

HL7 = "{http://hl7.org/fhir}"
FILES = ("profiles-types.xml", "profiles-resources.xml")
RELEASES = {"r4": "R4", "dstu3": "STU3"}
BASES = ("DomainResource", "Resource", "BackboneElement", "Element")
Table = dict[str, dict[str, str]]


def main(arguments: list[str]) -> None:
    """Read one jar, write one table."""
    jar = ZipFile(arguments[0])
    folder = Path(arguments[1]) if len(arguments) > 1 else Path("connector/deidentify/foreign/data")
    inside = next(name for name in jar.namelist() if name.endswith(f"/profile/{FILES[0]}"))
    release = RELEASES[inside.split("/")[3]]
    primitives, resources, types = set[str](), set[str](), Table()
    for file in FILES:
        document = ElementTree.fromstring(jar.read(inside.replace(FILES[0], file)))
        for definition in document.iter(f"{HL7}StructureDefinition"):
            name = _value(definition, "type")
            if _value(definition, "derivation") == "constraint" or name != _value(definition, "name"):
                continue
            kind = _value(definition, "kind")
            if kind == "primitive-type":
                primitives.add(name)
            elif kind in ("complex-type", "resource") and name not in ("Element",):
                _add(types, definition)
                if kind == "resource" and _value(definition, "abstract") != "true":
                    resources.add(name)
    held = types["Extension"]["value[x]"]
    for elements in types.values():
        elements.update({name: "*" for name, what in elements.items() if name.endswith("[x]") and what == held})
    for name in resources:
        types[name]["id"] = "id"
    types["Element"] = {name: types["Coding"][name] for name in ("id", "extension")}
    table = {
        "release": release, "primitives": sorted(primitives), "resources": sorted(resources),
        "any": held, "types": {name: _own(types, name) for name in sorted(types)},
    }  # fmt: skip
    _written(folder / f"types-{release.lower()}.json", table)


def _own(types: Table, name: str) -> list[object]:
    """The base of a type, and its elements beside those of the base."""
    for base in BASES[BASES.index(name) + 1 if name in BASES else 0 :]:
        if types[base].items() <= types[name].items():
            return [base, {key: what for key, what in types[name].items() if key not in types[base]}]
    return ["", types[name]]


def _written(path: Path, table: dict[str, object]) -> None:
    """One type a line: short, and a difference can be read."""
    types = table.pop("types")
    assert isinstance(types, dict)
    lines = [f"{json.dumps(name)}:{json.dumps(elements, separators=(',', ':'))}" for name, elements in types.items()]
    head = json.dumps(table, separators=(",", ":"))[:-1]
    path.write_text(head + ',"types":{\n' + ",\n".join(lines) + "\n}}\n", "utf-8")


def _add(types: Table, definition: ElementTree.Element) -> None:
    snapshot = definition.find(f"{HL7}snapshot")
    assert snapshot is not None
    elements = list(snapshot.iter(f"{HL7}element"))
    paths = [_value(element, "path") for element in elements]
    parents = {path.rpartition(".")[0] for path in paths}
    types.setdefault(paths[0], {})
    for element, path in zip(elements[1:], paths[1:], strict=True):
        parent, _, name = path.rpartition(".")
        if _value(element, "max") == "0":
            continue
        many = "*" if _value(element, "max") != "1" else ""
        types.setdefault(parent, {})[name] = (path if path in parents else _what(element, paths[0])) + many


def _what(element: ElementTree.Element, root: str) -> str:
    reference = _value(element, "contentReference")
    if reference:
        found = reference.rpartition("#")[2]
        # STU3 names the element by its id, which is its path
        return found if found.startswith(root) else f"{root}.{found}"
    return "|".join(dict.fromkeys(_types(element)))


def _types(element: ElementTree.Element) -> Iterator[str]:
    path = _value(element, "path")
    for one in element.findall(f"{HL7}type"):
        code = _value(one, "code")
        if "/" not in code and code:
            yield {"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity"}.get(code, code)
        else:  # the id of an element and the value of a primitive are types of FHIRPath's own
            yield {"Extension.url": "uri", "Resource.id": "id", "DomainResource.id": "id"}.get(path, "string")


def _value(element: ElementTree.Element, name: str) -> str:
    found = element.find(f"{HL7}{name}")
    return "" if found is None else found.get("value", "")


if __name__ == "__main__":
    main(sys.argv[1:])
