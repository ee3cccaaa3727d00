"""The embedded development provider: a real authorization-code flow with PKCE, for machines without a real provider.

It signs in whoever is chosen from a list, so it refuses to exist where anybody but its developer could choose: outside
development, on a bind address or an issuer that is not loopback.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from connector.identity.access import token_hash
from connector.identity.people.accounts import Account, Client
from connector.identity.people.answers import Asked, Json, Page, ProviderAnswer, Redirect, single
from connector.identity.people.authorization import (
    Authorization,
    NobodyToTell,
    ToldToClient,
    at_client,
    read_authorization,
)
from connector.identity.people.codes import CodeGrant, CodeStore
from connector.identity.people.issuing import CODE_LIFETIME, Issuing, about
from connector.identity.people.picker import picker_page, problem_page, signed_out_page
from connector.outbound.origins import Origin, is_loopback_host
from connector.ports import Signer

_Answering = Callable[[Asked, datetime], Awaitable[ProviderAnswer]]
_STRANGER = "The page that sent you here is not known to this sign-in, or asked for something it may not ask."


class DevelopmentProviderRefused(Exception):
    """The development provider may not run here; says why."""


class DevelopmentProvider:
    """Answers everything below its issuer address (for example `http://127.0.0.1:8080/idp`).

    Raises DevelopmentProviderRefused unless `environment` is development or test and both the address the server
    binds to and the issuer are loopback.
    """

    def __init__(
        self,
        issuer: str,
        *,
        environment: str,
        bind_host: str,
        accounts: Iterable[Account],
        clients: Iterable[Client],
        signer: Signer,
        store: CodeStore,
    ) -> None:
        _refuse_in_earnest(issuer, environment, bind_host)
        self.issuer = issuer
        self._accounts = {account.subject: account for account in accounts}
        self._clients = {client.client_id: client for client in clients}
        self._signer = signer
        self._store = store
        self._issuing = Issuing(issuer, self._accounts, store, signer)
        self._routes: dict[tuple[str, str], _Answering] = {
            ("GET", "/.well-known/openid-configuration"): self._discovery,
            ("GET", "/jwks"): self._jwks,
            ("GET", "/authorize"): self._ask,
            ("POST", "/authorize"): self._chosen,
            ("POST", "/token"): self._token,
            ("GET", "/userinfo"): self._userinfo,
            ("POST", "/userinfo"): self._userinfo,
            ("GET", "/end-session"): self._end_session,
            ("POST", "/end-session"): self._end_session,
        }

    async def answer(self, asked: Asked, now: datetime) -> ProviderAnswer:
        """Answer one request."""
        route = self._routes.get((asked.method, asked.path))
        if route is not None:
            return await route(asked, now)
        known = any(path == asked.path for _, path in self._routes)
        return problem_page("There is no such page here.", 405 if known else 404)

    async def _discovery(self, _asked: Asked, _now: datetime) -> Json:
        return Json(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/jwks",
                "end_session_endpoint": f"{self.issuer}/end-session",
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "scopes_supported": ["openid", "profile"],
                "claims_supported": ["sub", "name", "preferred_username", "roles", "acr", "auth_time"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "token_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _jwks(self, _asked: Asked, _now: datetime) -> Json:
        return Json({"keys": [dict(self._signer.public_jwk)]})

    async def _ask(self, asked: Asked, _now: datetime) -> ProviderAnswer:
        request = self._read(asked)
        if not isinstance(request, Authorization):
            return request
        back_to = str(Origin.parse(request.redirect_uri))
        action = f"{self.issuer}/authorize"
        return picker_page(self._accounts.values(), request.fields(), request.login_hint, action, back_to)

    async def _chosen(self, asked: Asked, now: datetime) -> ProviderAnswer:
        chosen = [value for name, value in asked.form if name == "account"]
        rest = [(name, value) for name, value in asked.form if name != "account"]
        request = self._read(Asked("POST", asked.path, query=rest))
        if not isinstance(request, Authorization):
            return request
        if len(chosen) != 1 or chosen[0] not in self._accounts:
            return problem_page("There is no such person here.")
        grant = CodeGrant(
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            challenge=request.challenge,
            nonce=request.nonce,
            scope=request.scope,
            subject=chosen[0],
            auth_time=now,
            expires_at=now + CODE_LIFETIME,
        )
        code = await self._issuing.new_code(grant)
        return Redirect(at_client(request.redirect_uri, code=code, state=request.state, iss=self.issuer))

    def _read(self, asked: Asked) -> Authorization | ProviderAnswer:
        try:
            return read_authorization(asked.query, self._clients)
        except NobodyToTell:
            return problem_page(_STRANGER)
        except ToldToClient as told:
            return Redirect(at_client(told.redirect_uri, error=told.error, state=told.state, iss=self.issuer))

    async def _token(self, asked: Asked, now: datetime) -> Json:
        return await self._issuing.exchange(asked, now)

    async def _userinfo(self, asked: Asked, now: datetime) -> Json:
        kind, _, token = asked.authorization.partition(" ")
        grant = await self._store.token(token_hash(token)) if kind.lower() == "bearer" else None
        account = self._accounts.get(grant.subject) if grant else None
        if grant is None or account is None or now >= grant.expires_at:
            return Json({"error": "invalid_token"}, 401, {"www-authenticate": "Bearer", "cache-control": "no-store"})
        return Json(about(account, grant.scope))

    async def _end_session(self, asked: Asked, _now: datetime) -> Page | Redirect:
        fields = single(asked.form or asked.query) or {}
        client = self._clients.get(fields.get("client_id", ""))
        back = fields.get("post_logout_redirect_uri", "")
        if client is not None and back in client.after_sign_out:
            state = fields.get("state", "")
            return Redirect(at_client(back, state=state) if state else back)
        return signed_out_page()


def _refuse_in_earnest(issuer: str, environment: str, bind_host: str) -> None:
    if environment not in ("development", "test"):
        raise DevelopmentProviderRefused("The development sign-in runs in development only: set `oidc_issuer`")
    if not is_loopback_host(bind_host):
        raise DevelopmentProviderRefused("The development sign-in runs on a loopback address only: set `oidc_issuer`")
    if not Origin.parse(issuer).is_loopback:
        raise DevelopmentProviderRefused("The development sign-in is for this machine only: set `oidc_issuer`")
