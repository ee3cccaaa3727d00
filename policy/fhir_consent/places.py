"""Taking values out of a resource of which only the shape we write is accepted."""

from collections.abc import Mapping
from typing import Any

from policy.consent import ConsentError


def step(value: Any, *path: str | int) -> Any:
    """Return the value at a path; its absence, or another shape on the way, is a missing element."""
    for name in path:
        known = isinstance(value, Mapping) and name in value
        if not known and not (isinstance(value, list) and name == 0 and len(value) == 1):
            raise ConsentError("missing-element", "".join(f"/{one}" for one in path))
        value = value[name]
    return value


def listed(value: object, name: str) -> list[Any]:
    """Return a list that may be absent."""
    found = value.get(name, []) if isinstance(value, Mapping) else []
    if not isinstance(found, list):
        raise ConsentError("not-a-consent", f"/{name}")
    return found


def url_of(extension: object) -> str:
    """Return the address of an extension, or none."""
    found = extension.get("url") if isinstance(extension, Mapping) else None
    return found if isinstance(found, str) else ""
