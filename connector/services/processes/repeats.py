"""The inbox: the same message gets the same answer (design 3.3). And our own messages, until they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from connector.ports import Transaction
from connector.records import InboxMessage, OutboxMessage
from connector.services.processes.answers import Answer, Refusal
from contracts.messages import Posted

_KEPT = 10_000


def once(
    tx: Transaction,
    now: datetime,
    sender: str,
    message: Posted,
    body: Mapping[str, Any],
    command: Callable[[], tuple[Answer, str]],
) -> tuple[Answer, str]:
    """The answer to a message and the pid it is about: the command's, or the one kept when this `@id` came before.

    A message without `@id` is never known again. Raises Refusal 400 when the `@id` belongs to another message.
    """
    if message.id is None:
        return command()
    digest = sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    seen = tx.get(InboxMessage, sender, message.id)
    if seen is not None:
        if seen.digest != digest:
            raise Refusal(400, "id-reused", "this @id belongs to another message")
        return Answer(seen.status, seen.answer or {}), seen.about
    answer, about = command()
    tx.add(
        InboxMessage(
            sender=sender, message_id=message.id, digest=digest, status=answer.status, answer=answer.body,
            received_at=now, about=about,
        )
    )  # fmt: skip
    return answer, about


class Said:
    """Messages of ours on their way: reading one back from the table costs more than all the rest of settling it."""

    def __init__(self, read: Callable[[Mapping[str, Any]], Posted]) -> None:
        self._read = read
        self._kept: dict[str, Posted] = {}

    def keep(self, message: Posted) -> None:
        """Until it is settled."""
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[message.id or ""] = message

    def take(self, sent: OutboxMessage) -> Posted:
        """What was sent; it is not kept any longer."""
        return self._kept.pop(sent.id, None) or self._read(sent.body or {})
