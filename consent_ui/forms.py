"""Forms as people fill them in: read with limits, checked field by field, shown again with what was typed.

A form never loses what was typed: it is rendered from the same `Form` it was read into, with one sentence per error,
which the template links to its field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

BYTES_AT_MOST = 64 * 1024
FIELDS_AT_MOST = 2000
UPLOAD_AT_MOST = 11 * 1024 * 1024
MULTIPART = "multipart/form-data"
CONTROLS = {code: None for code in range(32) if code not in (9, 10)}
DATE_PARTS = ("day", "month", "year")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as a browser sent it: what it says the kind is, and the bytes."""

    media_type: str
    body: bytes


@dataclass(slots=True)
class Form:
    """What was typed (`fields`, every value as sent) and what is wrong with it (`errors`, field -> one sentence).

    `files` are those that were chosen, by field; only some pages take any.
    """

    fields: dict[str, list[str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The value of a field without surrounding space or control characters; empty when it was not sent."""
        values = self.fields.get(name)
        return values[0].translate(CONTROLS).replace("\r", "").strip() if values else ""

    def every(self, name: str) -> list[str]:
        """All values of a field that can be sent more than once, such as ticked boxes."""
        return self.fields.get(name, [])

    def has(self, name: str, value: str) -> bool:
        """Whether this value was chosen."""
        return value in self.fields.get(name, [])

    def refuse(self, name: str, sentence: str) -> None:
        """Note what is wrong with a field; the first sentence about a field stays."""
        self.errors.setdefault(name, sentence)

    def required(self, name: str, sentence: str, longest: int = 2000) -> str:
        """The value of a field that must be filled in, at most `longest` characters."""
        value = self.text(name)
        if not value:
            self.refuse(name, sentence)
        elif len(value) > longest:
            self.refuse(name, f"Use at most {longest} characters here; this has {len(value)}")
        return value

    def chosen(self, name: str, allowed: Iterable[str], sentence: str) -> str:
        """One of the offered values, else an error on the field."""
        value = self.text(name)
        if value not in allowed:
            self.refuse(name, sentence)
            return ""
        return value

    def day(self, name: str, sentence: str, needed: bool = True) -> date | None:
        """A date typed as day, month and year in three fields; None when left empty or not a date."""
        parts = [self.text(f"{name}-{part}") for part in DATE_PARTS]
        if not any(parts):
            if needed:
                self.refuse(name, sentence)
            return None
        try:
            typed_day, typed_month, typed_year = (int(part) for part in parts)
            if typed_year > 1000:
                return date(typed_year, typed_month, typed_day)
        except ValueError:
            pass
        self.refuse(name, "Write a real date as day, month and year, for example 21 11 2026")
        return None

    def set_day(self, name: str, value: date | None) -> None:
        """Fill in the three fields of a date."""
        for part in DATE_PARTS if value else ():
            self.fields[f"{name}-{part}"] = [str(getattr(value, part))]

    def hidden(self, *skipped: str) -> list[tuple[str, str]]:
        """Every (name, value) as sent, for carrying an answer on to the next question."""
        return [(name, value) for name, values in self.fields.items() if name not in skipped for value in values]


def filled(values: Mapping[str, str | Iterable[str]]) -> Form:
    """A form that starts with these values."""
    return Form({name: [value] if isinstance(value, str) else list(value) for name, value in values.items()})


async def read(request: Request) -> Form:
    """The form a browser sent; 413 when too large, 415 when it is no plain form, 400 when it cannot be read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BYTES_AT_MOST:
            raise HTTPException(413)
    return parsed(bytes(body))


async def read_with_file(request: Request) -> Form:
    """The same where one file may come along; 413 when too large or of unknown size, 400 when it cannot be read."""
    announced = request.headers.get("content-length", "")
    if not announced.isdigit() or int(announced) > UPLOAD_AT_MOST:
        raise HTTPException(413)
    form = Form()
    async with request.form(max_files=1, max_fields=FIELDS_AT_MOST, max_part_size=BYTES_AT_MOST) as sent:
        for name, value in sent.multi_items():
            if isinstance(value, str):
                form.fields.setdefault(name, []).append(value)
            elif value.filename:
                form.files[name] = Upload((value.content_type or "").partition(";")[0].strip(), await value.read())
    return form


def parsed(body: bytes) -> Form:
    """The fields of a URL-encoded body, in the order sent."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_AT_MOST, errors="strict")
    except ValueError as unreadable:
        raise HTTPException(400) from unreadable
    form = Form()
    for name, value in pairs:
        form.fields.setdefault(name, []).append(value)
    return form
