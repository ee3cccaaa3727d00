"""What of a FHIR record goes into columns, of any kind and of R4, R4B and R5: everything else is not even decoded."""

from __future__ import annotations

import msgspec

NULL = msgspec.Raw(b"null")
"""A number that is not stated."""


class Coding(msgspec.Struct, gc=False):
    """A code and who gave it out."""

    system: str = ""
    code: str = ""
    display: str = ""


class Concept(msgspec.Struct, gc=False):
    """A CodeableConcept; or a Coding, where R4 has one and R5 the other (Encounter.class)."""

    coding: tuple[Coding, ...] = ()
    system: str = ""
    code: str = ""
    display: str = ""


class Reference(msgspec.Struct, gc=False):
    """Whom or what it is about."""

    reference: str = ""


class Period(msgspec.Struct, gc=False):
    """From when until when."""

    start: str = ""
    end: str = ""


class Quantity(msgspec.Struct, gc=False):
    """A measured value; its number stays as it is written."""

    value: msgspec.Raw = NULL
    comparator: str = ""
    unit: str = ""
    system: str = ""
    code: str = ""


class Extension(msgspec.Struct, rename="camel", gc=False):
    """An extension that leads to a person."""

    url: str = ""
    value_reference: Reference | None = None


class Meta(msgspec.Struct, gc=False):
    """Tags of a record."""

    tag: tuple[Coding, ...] = ()


class Medication(msgspec.Struct, gc=False):
    """CodeableReference (R5)."""

    concept: Concept | None = None


class Value(msgspec.Struct, rename="camel", gc=False):
    """Value[x] of an Observation or of one of its components."""

    value_quantity: Quantity | None = None
    value_codeable_concept: Concept | None = None
    value_string: str = ""
    value_boolean: bool | None = None
    value_integer: msgspec.Raw = NULL
    value_date_time: str = ""
    value_time: str = ""


class Component(Value, rename="camel", gc=False):
    """A component of an Observation."""

    code: Concept | None = None


class Record(Value, rename="camel", kw_only=True, gc=False):
    """A record of any kind; what kind it is tells which of these it has."""

    resource_type: str
    id: str | None = None
    meta: Meta | None = None
    extension: tuple[Extension, ...] = ()
    subject: Reference | None = None
    patient: Reference | None = None
    beneficiary: Reference | None = None
    individual: Reference | None = None
    status: str = ""
    clinical_status: Concept | None = None
    category: Concept | list[Concept | str] | str | None = None
    code: Concept | str | None = None
    type: Concept | list[Concept] | str | None = None
    class_: Concept | list[Concept] | None = msgspec.field(default=None, name="class")
    medication_codeable_concept: Concept | None = None
    medication: Medication | None = None
    vaccine_code: Concept | None = None
    gender: str = ""
    birth_date: str = ""
    deceased_date_time: str = ""
    effective_date_time: str = ""
    effective_instant: str = ""
    effective_period: Period | None = None
    onset_date_time: str = ""
    onset_period: Period | None = None
    abatement_date_time: str = ""
    performed_date_time: str = ""
    performed_period: Period | None = None
    occurrence_date_time: str = ""
    occurrence_period: Period | None = None
    period: Period | None = None
    billable_period: Period | None = None
    authored_on: str = ""
    recorded_date: str = ""
    started: str = ""
    created: str = ""
    component: tuple[Component, ...] = ()


class _Plain(msgspec.Struct, rename="camel", gc=False):
    """Of a record in another shape than its kind has: what it is and about whom, as far as that can be read."""

    resource_type: msgspec.Raw = msgspec.Raw(b'""')
    id: msgspec.Raw = msgspec.Raw(b'""')
    subject: msgspec.Raw = NULL
    patient: msgspec.Raw = NULL


_decode = msgspec.json.Decoder(Record).decode
_decode_plainly = msgspec.json.Decoder(_Plain).decode


def read(line: bytes) -> Record:
    """A record from its line. Raises msgspec.DecodeError for what is no JSON object."""
    try:
        return _decode(line)
    except msgspec.ValidationError:
        plain = _decode_plainly(line)
        return Record(
            resource_type=_text(plain.resource_type), id=_text(plain.id) or None,
            subject=_reference(plain.subject), patient=_reference(plain.patient),
        )  # fmt: skip


def _reference(raw: msgspec.Raw) -> Reference | None:
    try:
        return msgspec.json.decode(raw, type=Reference)
    except msgspec.ValidationError:
        return None


def _text(raw: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.ValidationError:
        return ""
