"""Profiles are read strictly: what a reviewer got wrong is said when the file is read, not when data flows."""

import importlib
import re
from collections.abc import Iterator

import pytest

from connector.deidentify import Deidentifier, ProfileError, load_profile, read_profile
from connector.deidentify.shapes import Element, Shape, read_shapes
from tests.unit.connector.deidentify.coders import AS_OF

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
    with pytest.raises(ProfileError, match="device-stream, research-minimal, research-standard, safe-harbor"):
        load_profile("../profiles/research-standard")


ALL = [
    (name, release) for name in ("research-standard", "research-minimal", "safe-harbor") for release in ("R4B", "R5")
]


def _model(name: str, release: str) -> type:
    """The class of fhir.resources for a type. Its plain modules are R5."""
    package = "fhir.resources" if release == "R5" else f"fhir.resources.{release}"
    return getattr(importlib.import_module(f"{package}.{name.lower()}"), name)


def _part_of(model: type, element: str, release: str) -> type:
    """The model of an element that has parts of its own, from the type its annotation names."""
    field = next(f for n, f in model.model_fields.items() if (f.alias or n) == element)
    name = re.search(r"abc\.(\w+?)Type\b", str(field.annotation))[1]
    return getattr(importlib.import_module(model.__module__), name, None) or _model(name, release)


def _walk(shape: Shape, model: type, path: str, release: str) -> Iterator[tuple[str, Element, type]]:
    for element in shape.elements:
        yield f"{path}.{element.name}", element, model
        if element.shape is not None:
            part = _part_of(model, element.name, release)
            yield from _walk(element.shape, part, f"{path}.{element.name}", release)


def _elements(name: str, release: str) -> Iterator[tuple[str, Element, type]]:
    for kind, shape in load_profile(name).shapes(release).items():
        yield from _walk(shape, _model(kind, release), kind, release)


@pytest.mark.parametrize(("name", "release"), ALL)
def test_every_listed_element_is_one_of_fhir_and_repeats_as_fhir_says(name, release):
    """The twin is fhir.resources (R4B has the same elements as R4 for these types)."""
    wrong = []
    for path, element, model in _elements(name, release):
        fields = {(f.alias or n): str(f.annotation) for n, f in model.model_fields.items()}
        if element.name not in fields or ("List[" in fields[element.name]) is not element.many:
            wrong.append(path)
    assert wrong == []


@pytest.mark.parametrize(("name", "release"), ALL)
def test_an_instant_is_told_whole_or_not_at_all(name, release):
    """FHIR allows a year or a month in place of a date, but not of an instant."""
    for path, element, model in _elements(name, release):
        field = next(f for n, f in model.model_fields.items() if (f.alias or n) == element.name)
        assert "Instant" not in str(field.annotation) or element.rule == "date", path


@pytest.mark.parametrize(("name", "release"), ALL)
def test_what_fhir_requires_is_kept_or_masked(name, release):
    missing, seen = [], {}
    for path, element, model in _elements(name, release):
        seen.setdefault((path.rpartition(".")[0], model), {})[element.name] = element
    for (path, model), listed in seen.items():
        for name_, field in model.model_fields.items():
            extra = field.json_schema_extra or {}
            needed = field.is_required() or (isinstance(extra, dict) and extra.get("element_required"))
            element = listed.get(field.alias or name_)
            if needed and element is None:
                missing.append(f"{path}.{field.alias or name_}")
            elif needed and not (element.required or element.rule or "." in element.shape.name):
                missing.append(f"{path}.{element.name}: lacks its !")
    assert missing == []


def test_a_profile_that_says_nothing_about_a_release_refuses_it():
    small = read_profile(SMALL)
    assert small.releases == ("R4", "R4B")
    assert small.shapes("R4B").keys() == {"Observation"}
    for asked in (small.shapes, small.fits, lambda release: Deidentifier(small, None, as_of=AS_OF, release=release)):
        with pytest.raises(ProfileError, match="R4 and R4B, not for R5"):
            asked("R5")
    with pytest.raises(ProfileError, match="no such FHIR release"):
        read_shapes({}, "STU3")


def test_later_tables_are_laid_over_the_others_and_can_take_out():
    later = (
        SMALL
        + """
[r5.types.Coding]
display = "remove"
[r5.resources.Observation]
status = "remove"
issued = "date"
[r5.resources.Flag]
id = "id"
subject = "subject"
"""
    )
    shapes = {release: read_profile(later).shapes(release) for release in ("R4", "R5")}
    assert [element.name for element in shapes["R5"]["Observation"].elements] == ["id", "subject", "code", "issued"]
    assert [element.name for element in shapes["R5"]["Observation"].elements[2].shape.elements] == ["system", "code"]
    assert shapes["R5"]["Observation"].removed == {"status"}
    assert [element.name for element in shapes["R4"]["Observation"].elements] == ["id", "status", "subject", "code"]
    assert list(shapes["R4"]) == ["Observation"]
    assert list(shapes["R5"]) == ["Observation", "Flag"]


def test_every_fault_of_a_file_is_told_at_once():
    wrong = SMALL.replace('"label"', '"lable"').replace('"Coding!"', '"Codng!"').replace('version = "1"', "")
    with pytest.raises(ProfileError) as problem:
        read_profile(wrong + '[r5.resources.Observation]\nissued = "dat"\n[typos]\n')
    places = {fault.where for fault in problem.value.faults}
    assert {"types.Coding.display", "resources.Observation.code", "version", "typos"} <= places
    assert "resources.Observation.issued" in places


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ('extension = "Coding"', "a list of tables"),
        ('extension = [{ valueCode = "label" }]', "a list of tables"),
        ('extension = [{ url = "a", valueCode = "label" }, { url = "a", valueCode = "label" }]', "a list of tables"),
        ('extension = [{ url = "a", valueCode = "label", valueString = "label" }]', "one value"),
        ('extension = [{ url = "a", thing = "label" }]', "one value"),
        ('extension = [{ url = "a", valueCode = "labl" }]', "no such rule"),
        ('postal = "postcode"', "needs the country"),
        ('born = "band of 7"', "no such rule"),
        ('note = ["text"]', "does not repeat"),
    ],
)
def test_a_wrong_use_of_the_further_rules_is_refused(added, said):
    with pytest.raises(ProfileError, match=said):
        read_profile(SMALL + added)


@pytest.mark.parametrize(
    "table",
    [
        "keep = 0", "keep = true", 'keep = 3\nsmall = ["1"]', "keep = 3\nsmall = [1]", 'keep = 3\nform = "["',
        'keep = 3\ncountries = []', 'keep = 3\nsource = ""', "keep = 3\nwhere = 1",
    ],
)  # fmt: skip
def test_a_table_of_postcodes_is_whole_or_refused(table):
    given = dict(line.split(" = ") for line in ('countries = ["US"]', 'form = "[0-9]{5}"', 'source = "Census"'))
    given |= dict(line.split(" = ") for line in table.split("\n"))
    with pytest.raises(ProfileError, match="postcodes"):
        read_profile(SMALL + "[[postcodes]]\n" + "\n".join(f"{key} = {value}" for key, value in given.items()))
