"""A push to an object store as its provider keeps it: where it goes in clear, what opens it sealed in the vault."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import orjson

from connector.problems import Problem, invalid
from connector.records import Dataset
from connector.services.context import Context
from connector.services.processes.answers import Refusal
from connector.vault.errors import VaultError, VaultLockedError
from contracts.messages import DataAddress, MessageError
from contracts.object_store import NotAStore, ObjectStore, read_store, store_address

_BOX = "object-store"
_SEALED = "urn:concord:term:sealed"


def named(**said: str) -> ObjectStore:
    """A store as people name it. Raises Problem 400, which repeats no value."""
    try:
        return ObjectStore(**said)
    except NotAStore as fault:
        raise invalid("This names no object store", fault.field, fault.accepted) from None


def store_refusal(dataset: Dataset | None, address: DataAddress | None) -> str | None:
    """Why a push to this store is not taken, in words for the consumer; None when it is."""
    if dataset is not None and dataset.kind == "stream":
        return "a stream is not pushed"
    if address is None:
        return "/dataAddress is missing; a push needs one"
    try:
        read_store(address)
    except NotAStore as fault:
        return f"/dataAddress names no object store: {fault.field}; accepted: {fault.accepted}"
    return None


def sealed_store(context: Context, pid: str, address: DataAddress) -> dict[str, Any]:
    """The address as `Transfer.push_to` keeps it. Raises Refusal, 503 while the vault is locked: it is sent again."""
    try:
        store = read_store(address)
        sealed = context.vault.box(_BOX).seal(pid, orjson.dumps(store_address(store).wire()))
    except NotAStore as fault:
        raise Refusal(400, "format-not-offered", f"/dataAddress names no object store: {fault.field}") from None
    except VaultLockedError:
        raise Refusal(503, "vault-locked", "the keys of this participant cannot be used now") from None
    return {"endpoint": store.place, _SEALED: b64encode(sealed).decode()}


def opened_store(context: Context, pid: str, kept: dict[str, Any] | None) -> ObjectStore:
    """The store again. Raises Problem 410 when nothing is kept or it does not open, VaultLockedError."""
    try:
        text = context.vault.box(_BOX).open(pid, b64decode(str((kept or {})[_SEALED]), validate=True))
        return read_store(DataAddress.read(orjson.loads(text)))
    except VaultLockedError:
        raise
    except (KeyError, ValueError, VaultError, MessageError):
        raise Problem(410, "not-open", "Where this release shall go cannot be read any more") from None
