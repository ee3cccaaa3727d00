"""The four participants as the story calls them: every act looks first whether it is done, so none is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import NAMESPACE_URL, uuid5

from connector.demo.desk import Interrupted, Staff, Unfulfilled, again, until
from connector.problems import Problem

Json = dict[str, Any]
RECORDS_SOURCE, DEVICE_SOURCE = "Health records", "Lumen bands"
_WAIT = 30
_RUNNING = ("started", "requested", "suspended")


class Office:
    """One participant, with the people who work there."""

    def __init__(self, staff: Staff) -> None:
        self.staff = staff
        self.id = staff.id
        self.name = staff.name
        self.role = staff.served.home.character.role

    @property
    def url(self) -> str:
        """Its origin."""
        return self.staff.url

    async def fingerprint(self) -> str:
        """Of its key, as its people would read it out on the telephone."""
        return str((await self.staff.get("/api/participant"))["fingerprint"])

    async def trust(self, other: Office) -> None:
        """Listen to another participant at the address it has now."""
        fingerprint = await other.fingerprint()

        async def look() -> bool | None:
            members = await self.staff.get("/api/members")
            return any(one["id"] == other.id and one["url"] == other.url for one in members) or None

        body = {"url": other.url, "fingerprint": fingerprint, "allow_http": True}
        await self.staff.ensure(look, "/api/members", body, f"{self.name} trusts {other.name}")

    async def open_account(self, subject: str, name: str, roles: tuple[str, ...]) -> None:
        """Let somebody of the staff sign in."""

        async def look() -> bool | None:
            known = await self.staff.get("/api/accounts")
            return any(one["subject"] == subject and set(roles) <= set(one["roles"]) for one in known) or None

        body = {"subject": subject, "name": name, "roles": list(roles)}
        await self.staff.ensure(look, "/api/accounts", body, f"{name} may sign in")

    async def reached(self, about: str, states: str) -> Json:
        """What `about` names, once it is in one of these states. Raises Unfulfilled."""

        async def look() -> Json | None:
            query = urlencode({"about": about, "for": states, "timeout": _WAIT})
            found: Json = await self.staff.get(f"/api/wait?{query}")
            return found if found["reached"] else None

        return await until(look, f"{states} at {self.name}")

    async def log_entries(self, kind: str, since: datetime) -> list[Json]:
        """Entries of one kind that were written after a time."""
        found: list[Json] = []
        after = -1
        while page := await self.staff.get("/api/audit/entries", after=after, limit=500):
            found += [one for one in page if one["kind"] == kind and moment(one["at"]) > since]
            places = [one["index"] for one in page if one["index"] is not None]
            if not places or len(places) < len(page):
                break
            after = max(places)
        return found


class Holder(Office):
    """A hospital or a vendor."""

    async def import_bundles(self, path: Path) -> Json:
        """Take records in; the report of the import. Again from the start when the process goes away meanwhile."""

        async def attempt() -> Json:
            report: Json | None = None
            body = {"path": str(path), "source": RECORDS_SOURCE}
            async for line in self.staff.lines("/api/imports", body):
                if "problem" in line:
                    told = line["problem"]
                    raise Problem(int(told["status"]), "import", str(told["title"]), str(told.get("detail", "")))
                report = line.get("report", report)
            if report is None:
                raise Interrupted
            return report

        return await again(attempt, "the import")

    async def patients(self) -> list[Json]:
        """The people whose records are kept."""
        found: list[Json] = await self.staff.get("/api/patients")
        return found

    async def publish(self, draft: Mapping[str, object]) -> str:
        """A dataset with this title in the catalogue; returns its id."""

        async def look() -> str | None:
            rows = await self.staff.get("/api/datasets")
            fitting = (one["id"] for one in rows if one["title"] == draft["title"] and one["state"] == "published")
            return next(fitting, None)

        return await self.staff.ensure(look, "/api/datasets", draft, f"{draft['title']} is published")

    async def register_wearer(self, number: str, name: str) -> str:
        """A person's device; returns the token it shows."""
        body = {"source": DEVICE_SOURCE, "name": name, "source_id": number}

        async def attempt() -> str:
            return str((await self.staff.once("POST", "/api/devices", body))["token"])

        return await again(attempt, f"a device at {self.name}")

    async def source(self, name: str) -> str:
        """The id of the source with this name."""
        return next(str(one["id"]) for one in await self.staff.get("/api/sources") if one["name"] == name)

    async def link_code(self, number: str) -> str | None:
        """A one-time code for the person with this number; None when nobody here has it."""
        found = next((one for one in await self.patients() if one["number"] == number), None)
        if found is None:
            return None
        path = f"/api/patients/{quote(found['id'], safe=':')}/link-code"

        async def attempt() -> str:
            return str((await self.staff.once("POST", path, {}))["code"])

        return await again(attempt, "a link code")

    async def approve_study(self, study: str) -> None:
        """The steward says yes to a study request once it has arrived."""
        path = f"/api/study-requests/{quote(study, safe=':')}/decision"

        async def look() -> bool | None:
            rows = await self.staff.get("/api/study-requests")
            found = next((one for one in rows if one["id"] == study), None)
            if found is None:
                return None
            if found["state"] == "waiting":
                await self.staff.once("POST", path, {"approve": True, "reason": ""})
                return None
            return True

        await until(lambda: again(look, "the steward's yes"), f"{self.name} approves the study")

    async def releases(self, transfer_of: str) -> list[Json]:
        """What left under a contract, newest first, with exact numbers."""
        found: list[Json] = await self.staff.get("/api/releases", agreement=transfer_of)
        return found

    async def consented(self, study: str, dataset: str) -> int:
        """How many people's standing answer to a study allows something of a dataset."""
        found = await self.staff.get("/api/received-consents", study=study)
        return sum(one["state"] == "given" and dataset in one["datasets"] for one in found)


class Wallet(Office):
    """The patients' wallet."""

    async def host(self, subject: str, name: str, born: str | None) -> str:
        """A person's account; returns its id."""

        async def look() -> str | None:
            people = await self.staff.get("/api/people")
            return next((str(one["id"]) for one in people if one["subject"] == subject), None)

        body = {"name": name, "subject": subject, "born": born}
        return await self.staff.ensure(look, "/api/people", body, f"{self.name} hosts a person")

    async def study_is_shown(self, study: str, approvals: int) -> None:
        """Wait until the approvals of all holders are here."""

        async def look() -> bool | None:
            query = urlencode({"about": study, "for": "shown", "timeout": _WAIT})
            found = await self.staff.get(f"/api/wait?{query}")
            return len(found["row"]["approvals"]) >= approvals or None

        await until(lambda: _patiently(look), "the wallet shows the study")

    async def answer_as_proxy(self, account: str, study: str, yes: bool, authority: str) -> None:
        """Staff record what a parent or guardian says."""
        page = await self.staff.get(f"/api/people/{account}/studies/{quote(study, safe=':')}")
        if page["answered"] is not None:
            return
        datasets = {one["dataset"]: None for one in page["datasets"] if one["linked"]} if yes else {}
        body = {"account": account, "study": study, "decision": "yes" if yes else "no", "datasets": datasets}

        async def look() -> bool | None:
            known = await self.staff.get("/api/consents", account=account)
            return any(one["study"] == study for one in known) or None

        await self.staff.ensure(look, "/api/consents", body | {"authority": authority}, "a proxy's answer")

    async def all_answers_arrived(self, accounts: list[str], study: str) -> None:
        """Wait until every answer to a study has been acknowledged by the holder it is for."""
        numbers = [
            number
            for account in accounts
            for card in await self.staff.get("/api/consents", account=account)
            if card["study"] == study
            for number in card["consent_ids"]
        ]
        await asyncio.gather(*(self.reached(number, "acknowledged,refused") for number in numbers))

    async def progress(self, account: str, study: str) -> Json:
        """How far a withdrawal got."""
        found: Json = await self.staff.get("/api/consents/progress", account=account, study=study)
        return found


class ResearchGroup(Office):
    """Who asks for data."""

    async def study_titles(self) -> list[str]:
        """What was asked for before."""
        return [str(one["title"]) for one in await self.staff.get("/api/studies")]

    async def publish_study(self, draft: Mapping[str, object]) -> str:
        """A study request with this title; returns its id."""

        async def look() -> str | None:
            rows = await self.staff.get("/api/studies")
            return next((str(one["id"]) for one in rows if one["title"] == draft["title"]), None)

        return await self.staff.ensure(look, "/api/studies", draft, "the study request is published")

    async def catalogue_entry(self, provider: str, dataset: str) -> Json:
        """A dataset in a provider's catalogue."""
        entry: Json = await self.staff.get("/api/catalog/dataset", provider=provider, dataset=dataset)
        return entry

    async def negotiate(self, provider: str, dataset: str, study: str, purpose: str) -> str:
        """Ask for a contract, unless one is being negotiated for this study; returns the process's id."""
        body = {"provider": provider, "dataset": dataset, "study": study, "purpose": purpose}

        async def look() -> str | None:
            for row in await self.staff.get("/api/negotiations", role="consumer"):
                view = await self.staff.get(f"/api/negotiations/{row['pid']}")
                if (view["dataset_id"], view["study"]) == (dataset, study) and view["state"] != "terminated":
                    return str(row["pid"])
            return None

        return await self.staff.ensure(look, "/api/negotiations", body, "a negotiation begins")

    async def agreed(self, pid: str) -> Json:
        """The negotiation, once it is over."""
        row: Json = (await self.reached(pid, "finalized,terminated"))["row"]
        return row

    async def request_transfer(self, agreement: str, known: set[str]) -> str:
        """Ask for the data of a contract; returns the id of a transfer that is not among those known."""

        async def look() -> str | None:
            rows = await self.staff.get("/api/transfers", agreement=agreement)
            return next((str(one["pid"]) for one in rows if one["pid"] not in known), None)

        return await self.staff.ensure(look, "/api/transfers", {"agreement": agreement}, "a transfer begins")

    async def transfer(self, pid: str) -> Json:
        """One transfer as it stands."""
        row: Json = await self.staff.get(f"/api/transfers/{quote(pid, safe=':')}")
        return row

    async def received(self, pid: str) -> Json:
        """A transfer of records, once it has been checked."""
        row: Json = (await self.reached(pid, "complete,ended,terminated"))["row"]
        if row["manifest_verified"] is None:
            raise Unfulfilled(f"the release did not arrive whole: {row['finding'] or row['state']}")
        return row

    async def end_transfer(self, pid: str) -> None:
        """End a transfer, if it still runs."""
        if (await self.transfer(pid))["state"] in _RUNNING:
            await again(lambda: self.staff.once("POST", f"/api/transfers/{quote(pid, safe=':')}/end", {}), "an end")

    async def end_running_transfers(self) -> None:
        """End what still runs, such as the stream of an earlier round."""
        for row in await self.staff.get("/api/transfers"):
            if row["state"] in _RUNNING:
                await self.end_transfer(str(row["pid"]))

    async def erasures(self, agreement: str) -> list[Json]:
        """What we were asked to delete under a contract, and what our ledger says arrived too late."""
        found: list[Json] = await self.staff.get("/api/erasures", agreement=agreement)
        return found


def moment(text: str | None) -> datetime:
    """A time in an answer."""
    return datetime.fromisoformat(text or "1970-01-01T00:00:00Z")


def wearer_number(person: str) -> str:
    """What the vendor calls somebody: nothing that the hospital knows them by."""
    return f"lumen-{uuid5(NAMESPACE_URL, person).hex[:12]}"


async def _patiently(look: Any) -> Any:
    try:
        return await look()
    except Problem as problem:
        if problem.status == 404:
            return None
        raise
