"""Every way in which a well-formed message can lack a part or carry a wrong one, made from the message itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

Place = tuple[str, ...]
WRONG: tuple[Any, ...] = (None, 7, True, [], {}, "", [[]], {"@value": "x"}, "\x00")


def broken(body: Mapping[str, Any], keys: Mapping[Place, tuple[Any, ...]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Named copies of `body`: each key taken out, and each given every one of its wrong values."""
    for place, wrong in keys.items():
        yield f"without {'/'.join(place)}", _changed(body, place)
        for value in wrong:
            yield f"{'/'.join(place)} = {value!r}", _changed(body, place, value)


def _changed(body: Mapping[str, Any], place: Place, *value: Any) -> dict[str, Any]:
    copy = deepcopy(dict(body))
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    if value:
        inner[place[-1]] = value[0]
    else:
        del inner[place[-1]]
    return copy
