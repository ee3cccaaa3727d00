"""The kinds of value a record field may hold, and how a field asks for an index."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

Json = dict[str, Any]
"""A JSON object, stored as JSON text."""

T = TypeVar("T")
INDEX = "index"
Indexed = Annotated[T, INDEX]
"""A field the store keeps an index on. For several fields together a record class names them in `indexes`."""
