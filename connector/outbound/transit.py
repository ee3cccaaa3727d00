"""A key service spoken to over HTTP: the engine *transit* of HashiCorp Vault and OpenBao (API v1).

Implements `connector.vault.KeyService`. `token` is asked for every request, so that an agent may
renew it. An answer's own words are never passed on: they may name policies and paths of somebody's infrastructure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import orjson

from connector.outbound.answer import Answer, Caps
from connector.outbound.client import Outbound
from connector.outbound.faults import OutboundRefused, Unreachable
from connector.outbound.guard import Destination
from connector.outbound.origins import NamedOrigin
from connector.vault.errors import KeyServiceError

_CAPS = Caps(body=64 * 1024)
_SAYS = {
    400: "does not take our request: is there a key of this name, and is it for encryption?",
    403: "refuses our token",
    404: "knows no such engine",
    429: "is too busy",
    503: "is sealed",
}


class Transit:
    """One key of one transit engine; `token` gives ours. Raises OutboundRefused for an address we may not call."""

    def __init__(
        self,
        outbound: Outbound,
        url: str,
        key: str,
        token: Callable[[], str],
        *,
        mount: str = "transit",
        allow_http: bool = False,
    ) -> None:
        named = NamedOrigin.parse(url, allow_http=allow_http)
        self._outbound = outbound
        self._to = Destination.of_operator(named)
        self._base = f"{url.rstrip('/')}/v1/{mount}"
        self._key = key
        self._token = token
        self.name = f"transit:{mount}/{key}"

    async def wrap(self, secret: bytes) -> str:
        """See the port."""
        data = await self._call("encrypt", {"plaintext": base64.b64encode(secret).decode()})
        return _text(data, "ciphertext")

    async def unwrap(self, wrapped: str) -> bytes:
        """See the port."""
        data = await self._call("decrypt", {"ciphertext": wrapped})
        try:
            return base64.b64decode(_text(data, "plaintext"), validate=True)
        except binascii.Error:
            raise KeyServiceError("the key service answers in a way we do not understand") from None

    async def _call(self, verb: str, body: dict[str, str]) -> dict[str, Any]:
        headers = {"x-vault-token": self._token(), "x-vault-request": "true", "content-type": "application/json"}
        try:
            answer = await self._outbound.send(
                "POST", f"{self._base}/{verb}/{self._key}", to=self._to, headers=headers, content=orjson.dumps(body),
                caps=_CAPS,
            )  # fmt: skip
        except Unreachable:
            raise KeyServiceError("the key service cannot be reached") from None
        except OutboundRefused as refused:
            raise KeyServiceError(f"the key service may not be called: {refused}") from None
        return _data(answer)


def _data(answer: Answer) -> dict[str, Any]:
    if not answer.ok:
        raise KeyServiceError(f"the key service {_SAYS.get(answer.status, f'answers with status {answer.status}')}")
    try:
        data = orjson.loads(answer.body)["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        data = None
    if not isinstance(data, dict):
        raise KeyServiceError("the key service answers in a way we do not understand")
    return data


def _text(data: dict[str, Any], name: str) -> str:
    if not isinstance(data.get(name), str):
        raise KeyServiceError("the key service answers in a way we do not understand")
    return str(data[name])
