"""Reading JSON that decides about trust: one meaning or none.

UTF-8, one object, no name twice, no NaN, no fraction, integers every reader holds exactly, at most 64 levels.
"""

import json
from typing import Any, NoReturn

from policy.canonical import LARGEST_INTEGER

MAX_DEPTH = 64


class NotStrict(ValueError):
    """The bytes are not a JSON object with exactly one meaning; says why without quoting them."""


def read_object(data: bytes) -> dict[str, Any]:
    """The object in `data`. Raises NotStrict."""
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise NotStrict("not UTF-8") from None
    except RecursionError:
        raise NotStrict("nested too deeply") from None
    except json.JSONDecodeError:
        raise NotStrict("not JSON") from None
    if not isinstance(value, dict):
        raise NotStrict("not a JSON object")
    _check_depth(value, MAX_DEPTH)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrict("a name stands twice in one object")
    return found


def _no_constant(_: str) -> NoReturn:
    raise NotStrict("a number is not finite")


def _no_fraction(_: str) -> NoReturn:
    raise NotStrict("a number has a fraction")


def _whole(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST_INTEGER:
        raise NotStrict("an integer is too large")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_no_fraction, parse_int=_whole
)
"""Made once: `json.loads` makes another every time."""


def _check_depth(value: object, left: int) -> None:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if inner and not left:
        raise NotStrict("nested too deeply")
    for item in inner:
        _check_depth(item, left - 1)
