"""What Eclipse EDC (0.14, DSP 2025-1) needs beyond the specification: the one place that knows its own spellings.

EDC writes and reads a data address only as named properties below its own namespace, asks for a push with a `baseUrl`,
sends a filter with every request for a catalogue, also when it wants all of it, and needs a moment before it is spoken
to again. What else it does differently is
met by rules that are not about EDC; docs/divergences/eclipse-edc.md lists all of it. What is read here is never more
than a peer that keeps to the specification could have said as well, and where both spellings are there the
specification's counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from contracts.messages.transfer import DataAddress, EndpointProperty

NAMESPACE: Final = "https://w3id.org/edc/v0.0.1/ns/"
"""Where EDC's names of properties live; also written `edc:`."""
PUSH_TYPE: Final = "HttpData"
"""The `endpointType` without which EDC takes no address to push to; its pull addresses use the specification's."""
QUERY: Final = "QuerySpec"
"""The type of EDC's filters."""
SETTLING: Final = 0.05
"""Seconds to wait before a message that follows one of theirs: EDC answers before it has stored its own step, and a
message that meets the old state costs it more than the 409 it answers with (it sends a second agreement)."""
_PREFIXES: Final = (NAMESPACE, "edc:")
_HEADER: Final = re.compile(r"[!-~]([ -~]{0,8190}[!-~])?")
"""What can stand in a header as it is."""
_NOT_DONE: Final = ("path", "secretName")
"""Properties of a push address that would change where or how bytes go, and that we do not follow."""


class Reach(NamedTuple):
    """How to reach what a data address names: the URL, and the whole value of `Authorization` (None: send none)."""

    endpoint: str
    authorization: str | None


def read_address(address: DataAddress) -> Reach | None:
    """Where a pull goes. None when no endpoint is named, or the credential cannot stand in a header.

    The specification's `authorization` is a token and goes out as `authType` says (`bearer` unless it says otherwise);
    EDC's is the header's value already.
    """
    endpoint = address.endpoint or _edc(address, "endpoint")
    if not endpoint:
        return None
    return _reach(endpoint, _standard_credential(address) or _edc(address, "authorization"))


def read_push(address: DataAddress) -> Reach | None:
    """Where a provider is asked to push. None when there is no endpoint, or something is asked for that we do not do.

    EDC names `baseUrl`, the header's name in `authKey` and its value in `authCode`.
    """
    method = _edc(address, "method")
    if any(_edc(address, name) for name in _NOT_DONE) or (method or "POST").upper() != "POST":
        return None
    if (_edc(address, "authKey") or "Authorization").lower() != "authorization":
        return None
    endpoint = address.endpoint or _edc(address, "baseUrl")
    if not endpoint:
        return None
    return _reach(endpoint, _standard_credential(address) or _edc(address, "authCode"))


def both_forms(address: DataAddress) -> DataAddress:
    """The same pull address with EDC's properties beside the specification's members; unchanged where they are there.

    The token is written bare in both: EDC's clients send it as it is, and our data door takes it with or without
    `Bearer`.
    """
    token, kind = address.value_of("authorization"), address.value_of("authType")
    said = {
        "endpointType": address.endpoint_type, "endpoint": address.endpoint, "authorization": token, "authType": kind,
    }  # fmt: skip
    return _with_properties(address, said)


def push_address(endpoint: str, token: str) -> DataAddress:
    """Where a provider, EDC or not, shall push to, and the bearer token it shall send."""
    standard = DataAddress(
        endpoint_type=PUSH_TYPE,
        endpoint=endpoint,
        endpoint_properties=(
            EndpointProperty(name="authorization", value=token),
            EndpointProperty(name="authType", value="bearer"),
        ),
    )
    return _with_properties(standard, {"baseUrl": endpoint, "authKey": "Authorization", "authCode": f"Bearer {token}"})


def without_query(filter: Sequence[object] | None) -> list[object] | None:
    """The filter of a catalogue request without EDC's way of asking for everything from the beginning; None for none.

    A query that leaves datasets out or begins later stays in, and is refused like any filter we do not know: its
    `limit` is not, since a page of ours may have any size and says whether more follow.
    """
    if filter is None:
        return None
    kept = [one for one in filter if not _asks_for_everything(one)]
    return kept or None


def _asks_for_everything(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.get("@type") != QUERY:
        return False
    others = {key: value for key, value in entry.items() if key not in {"@type", "limit", "sortOrder"}}
    return others in ({}, {"offset": 0}, {"filterExpression": []}, {"offset": 0, "filterExpression": []})


def _reach(endpoint: str, authorization: str | None) -> Reach | None:
    if authorization is not None and not _HEADER.fullmatch(authorization):
        return None
    return Reach(endpoint, authorization)


def _standard_credential(address: DataAddress) -> str | None:
    token = address.value_of("authorization")
    if not token:
        return None
    kind = (address.value_of("authType") or "bearer").strip()
    return f"{'Bearer' if kind.lower() == 'bearer' else kind} {token}"


def _edc(address: DataAddress, name: str) -> str | None:
    """The first value of EDC's property `name`; a bare name is the specification's and not looked at here."""
    spelled = {prefix + name for prefix in _PREFIXES}
    return next((one.value for one in address.endpoint_properties or () if one.name in spelled and one.value), None)


def _with_properties(address: DataAddress, said: dict[str, str | None]) -> DataAddress:
    standing = tuple(address.endpoint_properties or ())
    added = tuple(
        EndpointProperty(name=NAMESPACE + name, value=value)
        for name, value in said.items()
        if value and _edc(address, name) is None
    )
    return address.model_copy(update={"endpoint_properties": (*standing, *added) or None})
