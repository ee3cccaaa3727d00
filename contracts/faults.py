"""What is wrong with a body somebody sent: one line, naming the place and what would be accepted, never the value."""

from __future__ import annotations

from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

SHAPE = "shape"
"""The pydantic error type by which our own checks say `at`, `what` and `accepted` themselves."""

_WHAT = {
    "missing": ("is missing", ""),
    "string_type": ("is not a string", "a string"),
    "string_unicode": ("is not valid Unicode", "a string"),
    "string_too_short": ("is empty", "a string with at least one character"),
    "string_too_long": ("is too long", ""),
    "string_pattern_mismatch": ("is not in the accepted form", ""),
    "int_type": ("is not a whole number", "a whole number"),
    "int_from_float": ("is not a whole number", "a whole number"),
    "bool_type": ("is not true or false", "true or false"),
    "greater_than_equal": ("is too small", ""),
    "less_than_equal": ("is too large", ""),
    "tuple_type": ("is not an array", "an array"),
    "too_short": ("has too few entries", "an array with at least one entry"),
    "too_long": ("has too many entries", ""),
    "dict_type": ("is not an object", "an object"),
    "model_type": ("is not an object", "an object"),
    "model_attributes_type": ("is not an object", "an object"),
    "enum": ("is not a known value", ""),
    "literal_error": ("is not a known value", ""),
}


class MessageError(ValueError):
    """A body that is not the message it should be.

    `path` is a JSON pointer to the place ("" is the whole body), `what` says what is wrong there, `accepted` what would
    be right.
    """

    def __init__(self, path: str, what: str, accepted: str) -> None:
        super().__init__(f"{path or 'the body'} {what}; accepted: {accepted}")
        self.path = path
        self.what = what
        self.accepted = accepted


def shape_fault(at: tuple[str | int, ...], what: str, accepted: str) -> PydanticCustomError:
    """An error one of our own validators raises, `at` being relative to the value it was given."""
    return PydanticCustomError(SHAPE, "is not in the accepted form", {"at": at, "what": what, "accepted": accepted})


def pointer(at: tuple[str | int, ...]) -> str:
    """A JSON pointer (RFC 6901) to the place `at`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in at)


def first_fault(model: type[BaseModel], error: ValidationError) -> MessageError:
    """The first thing that is wrong, as one clear line. Unknown keys are not repeated: they are the sender's words."""
    found = error.errors(include_url=False, include_input=False)[0]
    at, field, holder = _walk(model, found["loc"])
    if found["type"] == "extra_forbidden":
        return MessageError(pointer(at), "has a key that is not known", "only " + ", ".join(_keys(holder)))
    if found["type"] == SHAPE:
        context = found.get("ctx", {})
        return MessageError(pointer(at + tuple(context["at"])), context["what"], context["accepted"])
    what, accepted = _WHAT.get(found["type"], ("is not in the accepted form", ""))
    return MessageError(pointer(at), what, _accepted(found, field) or accepted or "see the message's schema")


def _accepted(found: ErrorDetails, field: FieldInfo | None) -> str:
    if found["type"] in {"enum", "literal_error"}:
        return "one of " + str(found.get("ctx", {}).get("expected", "")).replace("'", "")
    return (field.description or "") if field else ""


def _walk(
    model: type[BaseModel], location: tuple[int | str, ...]
) -> tuple[tuple[int | str, ...], FieldInfo | None, type[BaseModel]]:
    """Follows a pydantic location through the models; what is neither a key of ours nor an index is left out."""
    at: tuple[int | str, ...] = ()
    field: FieldInfo | None = None
    holder = model
    for part in location:
        if isinstance(part, int):
            at += (part,)
            continue
        known = next((info for name, info in holder.model_fields.items() if part in {info.alias, name}), None)
        if known is None:
            continue
        at, field = (*at, part), known
        holder = _model_in(known.annotation) or holder
    return at, field, holder


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]
