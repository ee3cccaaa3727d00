"""What goes wrong, as a value: one `Problem` per refusal, turned into a problem document (RFC 9457) at the edge.

A problem says what is wrong, where, and what would be accepted. It never carries a value from a health record.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Problem(Exception):
    """A refusal with a stable code. `status` is the HTTP status the API door answers with.

    `retry_after`: seconds after which it makes sense to come again, where that is known.
    """

    status: int
    code: str
    title: str
    detail: str = ""
    where: str | None = None
    accepted: str | None = None
    retry_after: int | None = None

    def __str__(self) -> str:
        """One clear line for the CLI and for logs."""
        parts = [self.title]
        if self.detail:
            parts.append(self.detail)
        if self.where:
            parts.append(f"at {self.where}")
        if self.accepted:
            parts.append(f"accepted: {self.accepted}")
        return "; ".join(parts)

    def document(self) -> dict[str, object]:
        """The body of an `application/problem+json` answer (RFC 9457, section 3)."""
        body: dict[str, object] = {
            "type": f"urn:concord:problem:{self.code}",
            "title": self.title,
            "status": self.status,
        }
        body |= {
            key: value
            for key, value in (("detail", self.detail), ("where", self.where), ("accepted", self.accepted))
            if value
        }
        return body


def invalid(detail: str, where: str | None = None, accepted: str | None = None, code: str = "invalid") -> Problem:
    """The input is wrong (400)."""
    return Problem(400, code, "The input cannot be accepted", detail, where, accepted)


def unauthenticated(
    detail: str = "A valid token of a known participant is needed", code: str = "unauthenticated"
) -> Problem:
    """Nobody we know is asking (401)."""
    return Problem(401, code, "We do not know who is asking", detail)


def forbidden(detail: str, code: str = "forbidden") -> Problem:
    """The one who asks may not do this (403)."""
    return Problem(403, code, "This is not allowed", detail)


def missing(detail: str, code: str = "not-found") -> Problem:
    """There is no such thing for the one who asks (404)."""
    return Problem(404, code, "Not found", detail)


def conflict(detail: str, code: str = "conflict", accepted: str | None = None) -> Problem:
    """The step does not fit the present state (409)."""
    return Problem(409, code, "This step does not fit the present state", detail, None, accepted)


def unavailable(detail: str, code: str = "unavailable") -> Problem:
    """Something we depend on does not answer; nothing was done (503)."""
    return Problem(503, code, "Something we depend on does not answer", detail)
