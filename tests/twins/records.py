"""Any record of any kind, drawn from the annotations of its definition."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_WHOLE = st.integers(-(2**63), 2**63 - 1)
_JSON = st.dictionaries(
    _TEXT,
    st.recursive(
        st.none() | st.booleans() | _WHOLE | _TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
        max_leaves=4,
    ),
    max_size=3,
)
_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXT, int: _WHOLE, bool: st.booleans(), bytes: st.binary(max_size=60), date: st.dates(), dict: _JSON,
    datetime: st.datetimes(timezones=st.just(UTC)),
}  # fmt: skip


def records(kind: type) -> st.SearchStrategy[Any]:
    """Records of one kind, every field any value its annotation allows."""
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{field.name: _values(hints[field.name]) for field in fields(kind)})


def _values(hint: Any) -> st.SearchStrategy[Any]:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        [some] = [arg for arg in get_args(hint) if arg is not type(None)]
        return st.none() | _values(some)
    return _VALUES[get_origin(hint) or hint]
