"""The steps of a negotiation as the state line shows them."""

from __future__ import annotations

from dataclasses import replace

from connector.services.rooms.views import Step


def steps(course: list[Step], state: str, consumer: str) -> list[Step]:
    """The steps, with the acceptance that an offer waits for, which is the consumer's, before the agreement."""
    if state != "offered" or any(one.state == "accepted" and one.at is None for one in course):
        return course
    done, ahead = [one for one in course if one.at], [replace(one, waiting=False) for one in course if not one.at]
    return [*done, Step("accepted", None, consumer, True), *ahead]
