"""The embedded development sign-in at `/idp`: for one machine, in development, where no OIDC issuer is configured.

Whom it offers are the accounts of this participant as they are at that moment. Codes and its signing key live in
memory: a restart ends every sign-in under way, and nothing else. Where several processes serve the participant, both
are kept in the store (`connector.services.sign_in_codes`), so that any of them may answer.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from connector.api.bodies import read_bytes
from connector.api.doors import participant_of
from connector.identity.people.accounts import Account, Client
from connector.identity.people.answers import Asked, Page, Pairs, ProviderAnswer, Redirect
from connector.identity.people.codes import CodeStore, MemoryCodeStore
from connector.identity.people.passing_key import PassingKey
from connector.identity.people.provider import DevelopmentProvider, DevelopmentProviderRefused
from connector.problems import Problem
from connector.services.accounts import AccountRow
from connector.services.context import Context
from connector.services.sign_in_codes import StoredCodes, seed_of
from connector.services.signing_in import CALLBACK

PREFIX = "/idp"
_FORM_LIMIT = 65_536


class Embedded:
    """Builds the provider anew for each request, from the accounts of now and what must outlive a request."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._key = PassingKey("ES256")
        self._store: CodeStore = MemoryCodeStore()
        self._shared: asyncio.Lock | None = asyncio.Lock()
        self.provider([])

    async def share(self, context: Context) -> None:
        """Keep in the store what other processes of this participant need; once is enough."""
        if self._shared is None or not context.gate.several:
            return
        async with self._shared:
            self._key = PassingKey("ES256", await seed_of(context))
            self._store = StoredCodes(context)
        self._shared = None

    def provider(self, accounts: list[AccountRow]) -> DevelopmentProvider:
        """Raises Problem 400 where it may not run."""
        settings = self._settings
        client = Client(
            settings.oidc_client_id, (f"{settings.public_url}{CALLBACK}",), (f"{settings.public_url}/",)
        )  # fmt: skip
        try:
            return DevelopmentProvider(
                f"{settings.public_url}{PREFIX}", environment=settings.environment, bind_host=settings.bind_host,
                accounts=[Account(one.subject, one.name, one.roles) for one in accounts], clients=[client],
                signer=self._key, store=self._store,
            )  # fmt: skip
        except DevelopmentProviderRefused as refused:
            raise Problem(
                400, "development-sign-in-refused", "People could not sign in safely here", str(refused),
                "concord.toml", "oidc_issuer set, or portal = false",
            ) from None  # fmt: skip


def install(app: FastAPI, settings: Any) -> None:
    """Mount the provider if people sign in here and no issuer is configured. Raises Problem where it may not run."""
    if settings.oidc_issuer or not settings.portal:
        return
    embedded = Embedded(settings)
    router = APIRouter(prefix=PREFIX, include_in_schema=False)

    @router.api_route("/{path:path}", methods=["GET", "POST"])
    async def answer(request: Request, path: str) -> Response:
        participant = participant_of(request)
        await embedded.share(participant.context)
        provider = embedded.provider(await participant.services.accounts.offered())
        return _sent(await provider.answer(await _asked(request, path), participant.context.clock()))

    app.include_router(router)


async def _asked(request: Request, path: str) -> Asked:
    form: Pairs = ()
    if request.method == "POST":
        form = _pairs(await read_bytes(request, _FORM_LIMIT))
    return Asked(
        request.method, f"/{path}", query=_pairs(request.url.query.encode()), form=form,
        authorization=request.headers.get("authorization", ""),
    )  # fmt: skip


def _pairs(encoded: bytes) -> Pairs:
    try:
        return parse_qsl(encoded.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise Problem(400, "invalid", "The form cannot be read", accepted="a form of at most 50 fields") from None


def _sent(answer: ProviderAnswer) -> Response:
    headers = dict(answer.headers)
    if isinstance(answer, Page):
        return HTMLResponse(answer.html, answer.status, headers)
    if isinstance(answer, Redirect):
        return RedirectResponse(answer.location, answer.status, headers)
    return JSONResponse(dict(answer.body), answer.status, headers)
