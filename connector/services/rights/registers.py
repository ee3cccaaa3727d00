"""The register of processing as an officer takes it away: page, table, JSON, signed; each export stands in the log."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from io import StringIO

from connector.problems import invalid
from connector.services.actors import Actor, require
from connector.services.context import Context
from connector.services.exchange import speech
from connector.services.rights.packing import as_file, packed
from connector.services.rights.receipting import public_key
from connector.services.rights.register import Activity, Register, register
from connector.services.rights.sheets import Facts, Grid, Heading, Part, Sheet, Text
from connector.services.rights.typeset import as_html
from connector.services.wallet.receipts import Paper
from policy.instants import instant

FORMS = {
    "html": "text/html; charset=utf-8", "csv": "text/csv; charset=utf-8", "json": "application/json",
    "jws": "application/jose", "zip": "application/zip",
}  # fmt: skip
COLUMNS = (
    "id", "kind", "name", "role", "state", "purposes", "legal_basis", "subjects", "data", "recipients", "abroad",
    "places", "erased", "safety", "terms", "since", "until", "from_record",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run."""


class Registers:
    """Makes the register anew whenever it is asked for."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def show(self, actor: Actor) -> Register:
        """The register as it stands now."""
        require(actor, "dpo")
        context = self._context
        return await context.store.read(lambda tx: register(tx, context))

    async def file(self, actor: Actor, form: str) -> Paper:
        """The register to take away: html, csv, json (with its signature), jws, or zip (all, signed). Problem 400."""
        if form not in FORMS:
            raise invalid("The register has no such form", "format", ", ".join(FORMS))
        found, context = await self.show(actor), self._context
        body = await asyncio.to_thread(_written, context, found, form)
        said = {"by": actor.entry, "format": form, "activities": len(found.activities)}
        await context.store.write(lambda tx: context.log(tx, "register.exported", context.me.id, said))
        return Paper(f"register-of-processing-{found.made_at[:10]}.{form}", FORMS[form], body)


def _written(context: Context, found: Register, form: str) -> bytes:
    if form == "html":
        return as_html(register_sheet(found)).encode()
    if form == "csv":
        return as_csv(found).encode("utf-8-sig")
    if form == "zip":
        parts = {f"register.{one}": _written(context, found, one) for one in ("html", "csv", "json", "jws")}
        return packed(context, found.id, parts, context.clock())
    jws = speech.say(context, speech.REGISTER, found.to_json())
    if form == "jws":
        return jws.encode()
    return as_file({"register": found.to_json(), "signed": jws, "key": public_key(context)})


def as_csv(found: Register) -> str:
    """One activity to a line, lists joined by ` | `; a cell never begins like a formula."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in found.activities:
        writer.writerow([_cell(one, name) for name in COLUMNS])
    return out.getvalue()


def _cell(one: Activity, name: str) -> str:
    value = getattr(one, name)
    if name == "abroad":
        value = [f"{place.recipient}: {place.country} ({place.ground})" for place in one.abroad]
    text = " | ".join(value) if isinstance(value, list) else str(value or "")
    return f"'{text}" if text.startswith(_FORMULA) else text


def register_sheet(found: Register) -> Sheet:
    """The register as a page."""
    count = len(found.activities)
    return Sheet(
        title="Register of processing activities",
        lead=f"{found.controller['name']}, GDPR article 30: {count} activities, generated from the records.",
        issuer=found.controller["name"], at=instant(found.made_at), parts=tuple(_parts(found)),
    )  # fmt: skip


def _parts(found: Register) -> Iterator[Part]:
    controller = found.controller
    yield Facts(
        (("Controller", f"{controller['name']} ({controller['id']})"), ("Address", controller["address"]),
         ("Contact", controller["contact"]), ("Data protection officer", controller["data_protection_officer"]),
         ("Register", found.id))
    )  # fmt: skip
    abroad = tuple(
        (one.name, place.recipient, place.country, place.ground) for one in found.activities for place in one.abroad
    )
    yield Heading("Transfers outside the European Economic Area")
    yield Grid("Transfers", ("Activity", "Recipient", "Country", "Ground"), abroad, "None that is known here.")
    for one in found.activities:
        yield Heading(one.name)
        yield Facts(tuple(activity_facts(one)))
        if one.terms:
            yield Text("Terms: " + " ".join(one.terms), small=True)


def activity_facts(one: Activity) -> Iterator[tuple[str, str]]:
    """One activity in words, as art. 30(1) lists it."""
    yield "What", f"{one.kind}, {one.state}; we are the {one.role}"
    yield "Purposes", "; ".join(one.purposes)
    yield "Legal basis", one.legal_basis
    yield "People", "; ".join(one.subjects)
    yield "Data", "; ".join(one.data)
    yield "Recipients", "; ".join(one.recipients)
    yield "Where data are kept", "; ".join(one.places) or "here"
    yield "Deleted", "; ".join(one.erased)
    yield "Safeguards", "; ".join(one.safety)
    yield "From, until", f"{one.since or 'not recorded'}, {one.until or 'no end'}"
    yield "Generated from", one.from_record
