"""Profiles are read strictly: what a reviewer got wrong is said when the file is read, not when data flows."""

import importlib
import re
from collections.abc import Iterator

import pytest

from connector.deidentify import ProfileError, load_profile, read_profile
from connector.deidentify.shapes import Element, Shape

SMALL = """
name = "small"
version = "1"
format = "fhir-r4"
title = "Small"
summary = "As little as possible."
withheld = ["Practitioner"]
regions = ["Massachusetts"]
[terminologies]
"http://loinc.org" = '[0-9]+-[0-9]'
[types.Coding]
system = "system"
code = "coded"
display = "label"
[resources.Observation]
id = "id"
status = "one of final | amended"
subject = "subject"
code = "Coding!"
"""


def test_the_digest_names_what_the_rules_say_not_how_the_file_is_laid_out():
    same = read_profile("# a comment\n" + SMALL.replace('status = "one', 'status    =    "one'))
    other = read_profile(SMALL.replace("final | amended", "final"))
    assert same.digest == read_profile(SMALL).digest != other.digest


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"label"', '"lable"', "Coding.display"),
        ('"Coding!"', '"Codeing!"', "Observation.code"),
        ('"Coding!"', '["Coding", "Coding"]', "exactly one"),
        ('system = "system"', 'system = "Coding"', "contains itself"),
        ('system = "system"\n', "", "Coding: the rules system and coded"),
        ('code = "coded"', 'code = ["coded"]', "does not repeat"),
        ('status = "one of', 'status = "any of', "Observation.status"),
        ("[0-9]+-[0-9]", "[0-9", "no regular expression"),
        ('["Massachusetts"]', '"Massachusetts"', "regions"),
        ('"fhir-r4"', '"fhir-r5"', "format"),
        ('"Practitioner"', '"Observation"', "Observation"),
        ('version = "1"', "version = 1", "version"),
        ("[resources.Observation]", "[resourced.Observation]", "resources"),
        ("[types.Coding]", "[types.Coding", "not a profile"),
    ],
)
def test_a_wrong_profile_is_refused_with_the_place_of_the_mistake(old, new, said):
    assert old in SMALL
    with pytest.raises(ProfileError, match=said):
        read_profile(SMALL.replace(old, new))


def test_an_unknown_profile_is_refused_and_the_known_ones_are_named():
    with pytest.raises(ProfileError, match="device-stream, research-standard"):
        load_profile("../profiles/research-standard")


def _r4b(name: str) -> type:
    return getattr(importlib.import_module(f"fhir.resources.R4B.{name.lower()}"), name)


def _part_of(model: type, element: str) -> type:
    """The model of an element that has parts of its own, from the type its annotation names."""
    field = next(f for n, f in model.model_fields.items() if (f.alias or n) == element)
    name = re.search(r"abc\.(\w+?)Type\b", str(field.annotation))[1]
    return getattr(importlib.import_module(model.__module__), name, None) or _r4b(name)


def _walk(shape: Shape, model: type, path: str) -> Iterator[tuple[str, Element, type]]:
    for element in shape.elements:
        yield f"{path}.{element.name}", element, model
        if element.shape is not None:
            yield from _walk(element.shape, _part_of(model, element.name), f"{path}.{element.name}")


def test_every_listed_element_is_one_of_fhir_and_repeats_as_fhir_says():
    """The twin is fhir.resources (R4B, the same elements as R4 for these types)."""
    wrong = []
    for kind, shape in load_profile("research-standard").shapes().items():
        for path, element, model in _walk(shape, _r4b(kind), kind):
            fields = {(f.alias or n): str(f.annotation) for n, f in model.model_fields.items()}
            if element.name not in fields or ("List[" in fields[element.name]) is not element.many:
                wrong.append(path)
    assert wrong == []


def test_what_fhir_requires_is_kept_or_masked():
    missing = []
    for kind, shape in load_profile("research-standard").shapes().items():
        seen: dict[tuple[str, type], dict[str, Element]] = {}
        for path, element, model in _walk(shape, _r4b(kind), kind):
            seen.setdefault((path.rpartition(".")[0], model), {})[element.name] = element
        for (path, model), listed in seen.items():
            for name, field in model.model_fields.items():
                extra = field.json_schema_extra or {}
                needed = field.is_required() or (isinstance(extra, dict) and extra.get("element_required"))
                element = listed.get(field.alias or name)
                if needed and element is None:
                    missing.append(f"{path}.{field.alias or name}")
                elif needed and element and not (element.required or element.rule or "." in element.shape.name):
                    missing.append(f"{path}.{element.name}: lacks its !")
    assert missing == []
