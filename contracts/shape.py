"""What every wire object shares: how it is read (tolerantly), how it refuses, and how it is written (bare DSP context).

On receipt unknown keys are ignored, other string contexts beside the DSP one are ignored, and `null` is never a value.
What the JSON Schemas refuse is refused; the package's docstring lists the few places where more is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from contracts.faults import MessageError, first_fault, shape_fault
from contracts.names import CONTEXT_URL, MessageType

Json = dict[str, object]
"""A JSON object as parsed."""

T = TypeVar("T")
Identifier = Annotated[
    StrictStr,
    Field(
        min_length=1,
        max_length=2048,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="an identifier of 1 to 2048 characters, none of them a control character",
    ),
]
"""An id, pid or address: opaque, compared as written, never resolved against a base."""
Text = Annotated[StrictStr, Field(description="a string")]
Listed = Annotated[tuple[T, ...], Field(min_length=1, description="an array with at least one entry")]
"""An array that, if it is there, has entries: an empty one is refused."""
Reasons = Listed[object]
"""Why, in the sender's own words: anything JSON."""

_READING: Final = "reading"


class Shape(BaseModel):
    """An object on the wire. Built in Python by snake_case names; read and written by the specification's names."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, hide_input_in_errors=True
    )
    TYPE: ClassVar[str] = ""
    TYPE_IS: ClassVar[Literal["required", "checked", "ignored"]] = "required"
    """Whether `@type` must be there, must be right if it is there, or is not looked at (as the schemas have it)."""

    @classmethod
    def read(cls, body: object) -> Self:
        """Reads a parsed JSON body. Raises MessageError."""
        try:
            return cls.model_validate(body, context=_READING, by_alias=True, by_name=False)
        except ValidationError as error:
            raise first_fault(cls, error) from None

    def wire(self) -> Json:
        """The JSON object to send. Policies inside are this message's own, not copies."""
        written: Json = {"@type": str(self.TYPE)} if self.TYPE else {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is not None:
                written[field.alias or name] = _plain(value)
        return written | (self.model_extra or {})

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, value: object, info: ValidationInfo) -> object:
        """On reading only: the `@type` rule, and no `null`."""
        if info.context != _READING or not isinstance(value, Mapping):
            return value
        cls._check_type(value)
        for name, field in cls.model_fields.items():
            key = field.alias or name
            if key in value and value[key] is None:
                raise shape_fault((key,), "is null", field.description or "a value, or the key left out")
        if cls.model_config.get("extra") == "allow":
            return {key: entry for key, entry in value.items() if key not in {"@type", "@context"}}
        return value

    @classmethod
    def _check_type(cls, value: Mapping[str, object]) -> None:
        if not cls.TYPE or cls.TYPE_IS == "ignored":
            return
        if "@type" not in value and cls.TYPE_IS == "required":
            raise shape_fault(("@type",), "is missing", cls.TYPE)
        if value.get("@type", cls.TYPE) != cls.TYPE:
            raise shape_fault(("@type",), "is not the type expected here", cls.TYPE)


class Strict(BaseModel):
    """An object of ours, on the wire or inside a JWS: no unknown key, and none missing (an absent value is `null`).

    What was read is written again exactly as it came, so a digest over a message read is the one over what was signed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    LATER: ClassVar[tuple[str, ...]] = ()
    """Keys that a later edition added: left out while they say nothing, so that what was signed keeps its digest."""

    @classmethod
    def read(cls, body: object) -> Self:
        """Reads a parsed JSON body. Raises MessageError, with one clear line that never repeats a value."""
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            raise first_fault(cls, error) from None

    def wire(self) -> Json:
        """The JSON object to send, sign or hash; every key is there but those of `LATER` that say nothing."""
        written: Json = self.model_dump(mode="json")
        return {name: value for name, value in written.items() if value or name not in self.LATER}


class Message(Shape):
    """An object that travels by itself, with the DSP context."""

    @classmethod
    def read(cls, body: object) -> Self:
        """Reads a parsed JSON body, which must name the DSP context. Raises MessageError."""
        if not isinstance(body, Mapping):
            raise MessageError("", "is not an object", f"a JSON object with @type {cls.TYPE}")
        check_context(body)
        return super().read(body)

    def wire(self) -> Json:
        """The JSON object to send, with the DSP context and no other."""
        return {"@context": [CONTEXT_URL], **super().wire()}


class Posted(Message):
    """A message one side posts to the other. Its `@id` tells a repeat from a second message."""

    id: Identifier | None = Field(None, alias="@id", description="an identifier, unique to this message")

    def wire(self) -> Json:
        """The JSON object to send. Raises ValueError when no `id` was given: every message we send has its own."""
        if self.id is None:
            message = f"a {self.TYPE} to be sent needs an id of its own; accepted: id='urn:uuid:...'"
            raise ValueError(message)
        return super().wire()


def check_context(body: Mapping[str, object]) -> None:
    """`@context` must be an array of strings that holds the DSP address; others are ignored. Raises MessageError."""
    accepted = f"an array of strings that holds {CONTEXT_URL}"
    if "@context" not in body:
        raise MessageError("/@context", "is missing", accepted)
    context = body["@context"]
    if not isinstance(context, list) or not all(isinstance(entry, str) for entry in context):
        raise MessageError("/@context", "is not an array of strings", accepted)
    if CONTEXT_URL not in context:
        raise MessageError("/@context", "does not hold the DSP 2025-1 context", accepted)


_TYPES: Final = {str(one): one for one in MessageType}


def type_of(body: object) -> MessageType | None:
    """The message type a body claims to be, or None."""
    claimed = body.get("@type") if isinstance(body, Mapping) else None
    return _TYPES.get(claimed) if isinstance(claimed, str) else None


def _plain(value: object) -> object:
    if isinstance(value, Shape | Strict):
        return value.wire()
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value.value if isinstance(value, StrEnum) else value
