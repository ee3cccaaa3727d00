"""Lines of de-identified FHIR as one flat table, and that table as a Parquet file.

One row per record, and one more for each component of an Observation (`part` 1, 2, ...; the record itself is 0). A
number stands twice: with the digits it was sent with (`value_text`), and as a double for counting (`value`). What has
no column is in `raw`, the whole record as it was sent, so nothing is lost by choosing this form. A record that has
another shape than FHIR gives its kind still has its row, with `type`, `id`, `person` and `raw`.

The same lines give the same bytes: no time, name or number of a run goes into a file. pyarrow is loaded with the first
table, not before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from connector.dataplane.columns_shapes import NULL, Coding, Concept, Quantity, Record, Value, read

if TYPE_CHECKING:
    import pyarrow

MEDIA_TYPE = "application/vnd.apache.parquet"
ROWS = 1024
"""Lines of one batch: few enough that their texts are still near when they become columns."""
_TOGETHER = 16
"""Batches of one row group in a file."""
_TEXTS = (
    "type", "id", "person", "status", "category", "date", "until", "system", "code", "display", "value_text",
)  # fmt: skip
_AFTER = ("comparator", "unit", "unit_system", "unit_code", "value_system", "value_code", "value_display", "raw")
COLUMNS = (*_TEXTS[:2], "part", *_TEXTS[2:], "value", *_AFTER)
"""The columns, in order: texts, but for `part` (a number from 0) and `value` (a double)."""
_REPEATING = [
    "type", "person", "status", "category", "system", "code", "display", "comparator", "unit", "unit_system",
    "unit_code", "value_system", "value_code", "value_display",
]  # fmt: skip
_GENDER = "http://hl7.org/fhir/administrative-gender"
_PERSON = "urn:concord:term:person"

Row = tuple[Any, ...]


class NotColumnsError(ValueError):
    """A line is no JSON object, so it has no row. It is not repeated."""


def schema() -> pyarrow.Schema:
    """The schema of every table made here."""
    import pyarrow

    kinds = {"part": pyarrow.int32(), "value": pyarrow.float64()}
    return pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS])


def parquet(lines: Iterable[bytes]) -> bytes:
    """A Parquet file (zstd) of NDJSON lines, with or without line ends. Blocks. Raises `NotColumnsError`."""
    import pyarrow
    from pyarrow import parquet as files

    made, waiting = pyarrow.BufferOutputStream(), batches(lines)
    with files.ParquetWriter(
        made, schema(), compression="zstd", compression_level=1, use_dictionary=_REPEATING, version="2.6",
        store_schema=False, write_page_index=False,
    ) as writer:  # fmt: skip
        while some := list(islice(waiting, _TOGETHER)):
            writer.write_table(pyarrow.Table.from_batches(some))
    return bytes(made.getvalue())


def batches(lines: Iterable[bytes], rows: int = ROWS) -> Iterator[pyarrow.RecordBatch]:
    """The same as record batches of about so many rows, for as many lines as there are. Raises `NotColumnsError`."""
    import pyarrow

    kinds = [field.type for field in schema()]
    waiting = iter(lines)
    while taken := list(islice(waiting, rows)):
        found = list(rows_of(taken))
        if found:
            columns = zip(zip(*found, strict=True), kinds, strict=True)
            arrays = [pyarrow.array(column, kind) for column, kind in columns]
            yield pyarrow.RecordBatch.from_arrays(arrays, schema=schema())


def rows_of(lines: Iterable[bytes]) -> Iterator[Row]:
    """The rows of lines, in the order of `COLUMNS`; empty lines have none. Raises `NotColumnsError`."""
    for line in lines:
        body = line.rstrip(b"\r\n")
        if not body:
            continue
        try:
            record, raw = read(body), body.decode()
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise NotColumnsError("a line is no JSON object in UTF-8") from None
        head = (record.resource_type, record.id)
        yield (*head, 0, *_of_record(record), raw)
        if record.component:
            about = (_person(record), record.status or None, _category(record), *_dates(record))
            for part, one in enumerate(record.component, 1):
                yield (*head, part, *about, *_coded(_first(one.code)), *_valued(one), None)


def _of_record(one: Record) -> Row:
    status = one.status or _code(one.clinical_status)
    return _person(one), status, _category(one), *_dates(one), *_meant(one), *_valued(one)


def _person(one: Record) -> str | None:
    if one.resource_type == "Patient":
        return one.id
    reference = one.subject or one.patient or one.beneficiary or one.individual
    if reference is not None and reference.reference:
        kind, _, code = reference.reference.partition("/")
        return code if kind == "Patient" else None
    for extension in one.extension:
        if extension.url == _PERSON and extension.value_reference is not None:
            return extension.value_reference.reference.removeprefix("Patient/") or None
    return next((tag.code for tag in one.meta.tag if tag.system == _PERSON), None) if one.meta else None


def _dates(one: Record) -> tuple[str | None, str | None]:
    """When it was, or began, and until when: the first that the record states, of those its kind can have."""
    if one.resource_type == "Patient":
        return one.birth_date or None, one.deceased_date_time or None
    for moment in (
        one.effective_date_time, one.effective_instant, one.onset_date_time, one.performed_date_time,
        one.occurrence_date_time,
    ):  # fmt: skip
        if moment:
            return moment, one.abatement_date_time or None
    for span in (
        one.effective_period, one.period, one.onset_period, one.performed_period, one.occurrence_period,
        one.billable_period,
    ):  # fmt: skip
        if span is not None:
            return span.start or None, span.end or None
    return one.authored_on or one.recorded_date or one.started or one.created or None, one.abatement_date_time or None


def _category(one: Record) -> str | None:
    found = one.category
    if isinstance(found, list):
        found = found[0] if found else None
    return found if isinstance(found, str) else _code(found)


def _meant(one: Record) -> tuple[str | None, str | None, str | None]:
    """What the record is about: the code of a finding, illness, treatment, medicine, vaccine or visit; a sex."""
    if one.resource_type == "Patient":
        return (_GENDER, one.gender, None) if one.gender else (None, None, None)
    if isinstance(one.code, str):
        return None, one.code, None
    concept = one.code or one.medication_codeable_concept or one.vaccine_code
    if concept is None and one.medication is not None:
        concept = one.medication.concept
    return _coded(_first(concept) or _listed(one.type) or _listed(one.class_))


def _listed(found: Concept | list[Concept] | str | None) -> Coding | None:
    if isinstance(found, str):
        return Coding("", found)
    if isinstance(found, list):
        return _first(found[0]) if found else None
    return _first(found)


def _first(concept: Concept | None) -> Coding | None:
    """The first coding that has a code; a concept that is one coding itself (Encounter.class of R4) is that."""
    if concept is None:
        return None
    for one in concept.coding:
        if one.code:
            return one
    return Coding(concept.system, concept.code, concept.display) if concept.code else None


def _coded(one: Coding | None) -> tuple[str | None, str | None, str | None]:
    return (one.system or None, one.code, one.display or None) if one else (None, None, None)


def _code(concept: Concept | None) -> str | None:
    found = _first(concept)
    return found.code if found else None


_NONE: Row = (None,) * 9


def _valued(one: Value) -> Row:
    """value_text, value, comparator, unit, unit_system, unit_code, value_system, value_code, value_display."""
    if one.value_quantity is not None:
        return _measured(one.value_quantity)
    if one.value_codeable_concept is not None:
        return (*_NONE[:6], *_coded(_first(one.value_codeable_concept)))
    if one.value_boolean is not None:
        return ("true" if one.value_boolean else "false", *_NONE[1:])
    if said := one.value_string or one.value_date_time or one.value_time:
        return (said, *_NONE[1:])
    return (*_number(one.value_integer), *_NONE[2:])


def _measured(one: Quantity) -> Row:
    unit = (one.comparator or None, one.unit or None, one.system or None, one.code or None)
    return (*_number(one.value), *unit, None, None, None)


def _number(digits: msgspec.Raw) -> tuple[str | None, float | None]:
    """The digits as they stand, and the nearest double; neither for what is no number."""
    if digits is NULL:
        return None, None
    text = bytes(digits).decode()
    try:
        number = float(text)
    except ValueError:
        return None, None
    return text, number if isfinite(number) else None
