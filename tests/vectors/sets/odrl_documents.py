"""Published policies without a verdict: DUO codes, ODRE's basic experiments, the IDS policy classes.

A case passes when the file is read, has no error by the Information Model, and is written back the same in Turtle and
in JSON-LD; or, where it is broken, when it is refused with its place. Whether it is broken, and what graph it states,
is said by :mod:`json` and rdflib alone, never by our reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from policy.odrl.documents import Document, read_document, to_graph, write
from policy.odrl.model import PolicyError
from policy.odrl.validation import Severity, problems
from tests.vectors.independent import Fault, difference, graph_of, policy_nodes
from tests.vectors.scoring import Case

FORMS = (("turtle", ".ttl"), ("json-ld", ".jsonld"))


def _cases(folder: str, suffixes: tuple[str, ...]) -> Callable[[Path], Iterator[Case]]:
    def cases(root: Path) -> Iterator[Case]:
        place = root / "odrl" / folder
        for path in sorted(place.rglob("*")) if place.is_dir() else ():
            if path.suffix in suffixes and "LICENSE" not in path.name:
                yield Case(str(path.relative_to(place)), partial(check, path))

    return cases


def check(path: Path) -> None:
    """Raise AssertionError unless the file is read, valid and written back the same, or broken and refused in place."""
    text = path.read_bytes().decode("utf-8")
    stated = graph_of(text, path.suffix)
    if isinstance(stated, Fault):
        refused(text, stated)
        return
    document = read_document(text)
    expected = policy_nodes(stated)
    assert len(document.policies) == len(expected), f"policies: expected {expected}, got {document.policies}"
    assert not (lost := difference(to_graph(document), stated)), f"the graph differs: {lost}"
    found = [problem for policy in document.policies for problem in problems(policy)]
    errors = [problem for problem in found if problem.severity is Severity.ERROR]
    assert not errors, f"expected no error, got {errors}"
    for form, suffix in FORMS:
        written_back(document, form, suffix)


def refused(text: str, fault: Fault) -> None:
    """Raise AssertionError unless the text is refused at the place of the fault."""
    found: PolicyError | Document
    try:
        found = read_document(text)
    except PolicyError as error:
        found = error
    assert isinstance(found, PolicyError), f"broken ({fault.why}), and read as {found}"
    assert found.pointer, f"refused without a place: {found}"
    assert fault.place in {"", found.pointer}, f"expected {fault.place}, got {found}"


def written_back(document: Document, form: str, suffix: str) -> None:
    """Raise AssertionError unless the document is written in a form that states the same graph and the same model."""
    written = write(document, form)
    stated = graph_of(written, suffix)
    assert not isinstance(stated, Fault), f"{form} is written broken: {stated}"
    assert not (lost := difference(to_graph(document), stated)), f"{form} states another graph: {lost}"
    again = read_document(written)
    assert again.policies == document.policies, f"{form} is read as another policy: {again.policies}"


SETS = {
    "odrl/duo": _cases("duo-odrl", (".ttl", ".jsonld")),
    "odrl/odre": _cases("odre-basic", (".json", ".jsonld", ".ttl")),
    "odrl/ids": _cases("ids-policy-classes", (".json", ".jsonld", ".ttl")),
}
