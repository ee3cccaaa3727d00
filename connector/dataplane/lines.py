"""Whose line is this: the code of the person in one received line of NDJSON."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from connector.dataplane.naming import PERSON_EXTENSION

PERSON_TAG = "urn:concord:term:person"
"""System of the tag on a Bundle of deletions whose code is the person's."""
_SUBJECTS = ("subject", "patient", "beneficiary")
_PREFIX = "Patient/"


def code_of(line: bytes) -> str | None:
    """The code in a de-identified FHIR resource, a Bundle of deletions or an Open mHealth data point; else None."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict):
        return None
    if "resourceType" in value:
        return _of_resource(value)
    header = value.get("header")
    return _text(header.get("user_id")) if isinstance(header, dict) else None


def _of_resource(resource: Mapping[str, object]) -> str | None:
    if resource["resourceType"] == "Patient":
        return _text(resource.get("id"))
    if resource["resourceType"] == "Bundle":
        return _tagged(resource.get("meta"))
    for name in _SUBJECTS:
        if name in resource:
            return _referred(resource[name])
    extensions = resource.get("extension")
    for extension in extensions if isinstance(extensions, list) else []:
        if isinstance(extension, dict) and extension.get("url") == PERSON_EXTENSION:
            return _referred(extension.get("valueReference"))
    return None


def _tagged(meta: object) -> str | None:
    """Whose deletions a Bundle holds: the code of its one tag of ours."""
    tags = meta.get("tag") if isinstance(meta, dict) else None
    codes = [
        one.get("code") for one in tags or () if isinstance(one, dict) and one.get("system") == PERSON_TAG
    ] if isinstance(tags, list) else []  # fmt: skip
    return _text(codes[0]) if len(codes) == 1 else None


def _referred(reference: object) -> str | None:
    text = _text(reference.get("reference")) if isinstance(reference, dict) else None
    return text.removeprefix(_PREFIX) or None if text is not None and text.startswith(_PREFIX) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
