"""Taking out what de-identification left empty: FHIR allows no empty object or array (R4, 2.6.2 and ele-1)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Raw

from connector.deidentify.rules import MASKED
from connector.deidentify.shapes import Element, Shape

_EMPTY_MEMBER = b'":{}'
_encode = msgspec.json.Encoder().encode


def tidy(body: bytes, shape: Shape, *, optional: bool) -> bytes:
    """The resource without empty objects. A required element that is empty is masked instead.

    `optional` says that only optional elements were left empty; then cutting them out of the text is mostly enough.
    """
    if optional:
        body = _cut(body)
        if b"{}" not in body:
            return body
    resource = json.loads(body, parse_int=_digits, parse_float=_digits)
    _prune(resource, shape)
    return _encode(resource)


def _cut(body: bytes) -> bytes:
    """The text without its members `"name":{}`; what they leave empty in turn stays."""
    pieces, done = list[bytes](), 0
    at = body.find(_EMPTY_MEMBER)
    while at >= 0:
        start, end = body.rfind(b'"', 0, at), at + len(_EMPTY_MEMBER)
        # A quote after a backslash is inside a text.
        if body[at - 1 : at] != b"\\":
            if start > done and body[start - 1 : start] == b",":
                start -= 1
            elif body[end : end + 1] == b",":
                end += 1
            pieces.append(body[done:start])
            done = end
        at = body.find(_EMPTY_MEMBER, end)
    return b"".join([*pieces, body[done:]])


def _digits(text: str) -> Raw:
    return Raw(text.encode())


def _prune(value: dict[str, Any], shape: Shape) -> bool:
    """Prune in place; whether anything is left."""
    for element in shape.elements:
        if element.name in value:
            _prune_element(value, element)
    if "contained" in value:
        value["contained"] = [_without_empty(resource) for resource in value["contained"]]
    return bool(value)


def _prune_element(value: dict[str, Any], element: Element) -> None:
    items = value[element.name]
    kept = [item for item in (items if element.many else [items]) if _is_left(item, element)]
    if not kept and element.required:
        kept = [MASKED]
    if not kept:
        del value[element.name]
    else:
        value[element.name] = kept if element.many else kept[0]


def _is_left(item: Any, element: Element) -> bool:
    if isinstance(item, dict) and element.shape is not None:
        return _prune(item, element.shape)
    return item not in ({}, [])


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        pruned = {name: _without_empty(part) for name, part in value.items()}
        return {name: part for name, part in pruned.items() if part not in ({}, [])}
    if isinstance(value, list):
        return [part for part in map(_without_empty, value) if part not in ({}, [])]
    return value
