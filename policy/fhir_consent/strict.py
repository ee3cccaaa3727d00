"""Refusing whatever we would not have written for the same record: it could narrow the consent (reference S1)."""

from collections.abc import Mapping

from policy.consent import ConsentError
from policy.instants import instant, span

MAX_DEPTH = 16
_MODIFIERS = frozenset({"modifierExtension", "_modifierExtension", "implicitRules", "_implicitRules"})


def refuse_modifiers(value: object, pointer: str = "", depth: int = 0) -> None:
    """Refuse a resource with a modifier anywhere in it, or one that is nested too deep."""
    if depth > MAX_DEPTH:
        raise ConsentError("too-deep", pointer)
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in _MODIFIERS:
                raise ConsentError("unknown-modifier", f"{pointer}/{name}")
            refuse_modifiers(inner, f"{pointer}/{name}", depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            refuse_modifiers(inner, f"{pointer}/{index}", depth + 1)


def compare(given: object, written: object, pointer: str) -> None:
    """Refuse anything given that we would not write for the same record, so that nothing said is passed over."""
    if isinstance(given, Mapping) and isinstance(written, Mapping):
        for name in sorted(given.keys() | written.keys()):
            if name not in written:
                raise ConsentError("unknown-element", f"{pointer}/{name}")
            if name not in given:
                raise ConsentError("missing-element", f"{pointer}/{name}")
            compare(given[name], written[name], f"{pointer}/{name}")
    elif isinstance(given, list) and isinstance(written, list) and len(given) == len(written):
        for index, (one, other) in enumerate(zip(given, written, strict=True)):
            compare(one, other, f"{pointer}/{index}")
    elif not _alike(given, written, pointer):
        raise ConsentError("contradiction", pointer)


def _alike(given: object, written: object, pointer: str) -> bool:
    if type(given) is type(written) and given == written:
        return True
    # A date may be given in part, an instant in another offset: alike if both mean the same.
    edge = {"start": 0, "end": 1}.get(pointer.rpartition("/")[2])
    try:
        if "/dataPeriod/" in pointer and edge is not None:
            return span(given)[edge] == span(written)[edge]
        return instant(given) == instant(written)
    except ValueError:
        return False
