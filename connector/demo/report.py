"""What the demonstration found out, as numbers, and the promises they must keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

Json = dict[str, Any]
POINTS_PER_SECOND = 5
WITHIN_MILLISECONDS = 1000
"""How soon a running stream must have dropped a person who stops."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise in words, whether it held, and what was found instead."""

    words: str
    holds: bool
    found: str = ""


@dataclass(slots=True)
class Report:
    """Filled in while the story is played; every field is measured, none has a hopeful default."""

    engine: str = "embedded"
    participants: list[Json] = field(default_factory=list)
    patients: int = 0
    consented: int = 0
    expected_yield: str = ""
    negotiation: Json = field(default_factory=dict)
    release: Json = field(default_factory=dict)
    stream: Json = field(default_factory=dict)
    withdrawal: Json = field(default_factory=dict)
    replay: Json = field(default_factory=dict)
    audit: Json = field(default_factory=dict)
    leaks: int = -1
    leak_places: list[Json] = field(default_factory=list)
    restarts: Json = field(default_factory=dict)
    round: int = 1

    def to_json(self) -> Json:
        """The file that `--json` writes."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def claims(self) -> list[Claim]:
        """Every promise of the story."""
        return [*self._flow(), *self._stop(), *self._evidence()]

    def _flow(self) -> Iterator[Claim]:
        release, withheld = self.release, self.release["withheld"]
        pids = [process["pid"] for one in self.participants for process in one["processes"]]
        apart = len(set(pids)) == len(pids) and 0 not in pids
        yield Claim(f"{len(pids)} processes, each its own", apart and len(self.participants) == 4, str(sorted(pids)))
        yield Claim(
            "The negotiation ended finalized", self.negotiation["state"] == "FINALIZED", self.negotiation["state"]
        )
        yield Claim(
            "Everybody was either released or withheld for a reason",
            release["people"] + sum(withheld.values()) == self.patients,
            f"{release['people']} released, {sum(withheld.values())} withheld, {self.patients} patients",
        )
        yield Claim(
            "Only people who consented were released",
            0 < release["people"] <= self.consented,
            f"{release['people']} released, {self.consented} consented",
        )
        yield Claim("The manifest was verified by the recipient", release["manifest_verified"] is True)
        yield Claim("The live stream carried points", self.stream["events"] > 0)

    def _stop(self) -> Iterator[Claim]:
        withdrawal, stream = self.withdrawal, self.stream
        # When a process died in this chapter, what it was doing died with it, and times tell how long it was away.
        undisturbed = not withdrawal["restarted"]
        yield Claim(
            "The person stopped while a stream and a release ran",
            stream["flows_on"] and (withdrawal["releases_running"] > 0 or not undisturbed),
            f"{withdrawal['releases_running']} releases ran",
        )
        pace = stream["points_per_second"]
        yield Claim("At least five of their points a second arrived", pace >= POINTS_PER_SECOND, f"{pace} a second")
        stopped = stream["stopped_milliseconds" if undisturbed else "stopped_after_commit_milliseconds"]
        yield Claim(
            "The running stream dropped the person within a second", 0 <= stopped < WITHIN_MILLISECONDS, f"{stopped} ms"
        )
        reached = withdrawal["reached_milliseconds"]
        yield Claim("Every holder was reached", bool(reached) and None not in reached.values(), str(reached))
        recipients = withdrawal["recipients"]
        done = all(one["stopped"] and one["erased"] and one["statement_verified"] for one in recipients)
        yield Claim("Every recipient stopped, erased and signed for it", bool(recipients) and done, str(recipients))
        yield Claim(
            "Not one byte left after the commit", withdrawal["bytes_after"] == 0, f"{withdrawal['bytes_after']} bytes"
        )
        yield Claim("Nothing of the person is left with the recipient", withdrawal["lines_left"] == 0)
        page = withdrawal["page"]
        yield Claim("The person's page says so, step by step", all(page.values()), str(page))

    def _evidence(self) -> Iterator[Claim]:
        yield Claim("The decision is the same when made again", self.replay["same"] is True)
        yield Claim("The exported log verifies without Concord", self.audit["verified"] is True, str(self.audit))
        yield Claim("No identifier of the input left", self.leaks == 0, f"{self.leaks} found")
