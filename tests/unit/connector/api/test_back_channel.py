"""The realm file that is published, and the door at which a provider tells of a sign-out."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from connector.api import back_channel
from connector.identity.people.relying_party import SignedIn
from connector.problems import Problem
from connector.records import Session
from connector.services.signing_in import CALLBACK

FILE = Path(__file__).parents[4] / ".container" / "keycloak" / "concord-realm.json"
REALM = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("client", REALM["clients"], ids=lambda one: one["clientId"])
def test_a_client_of_the_realm_comes_back_only_to_its_portal_and_with_pkce(client):
    name = client["clientId"].removeprefix("concord-").upper()
    assert len(client["redirectUris"]) == 1
    assert client["redirectUris"][0].startswith(f"${{CONCORD_{name}_ORIGIN:http://127.0.0.1:")
    assert client["redirectUris"][0].endswith(f"}}{CALLBACK}")
    assert client["attributes"]["backchannel.logout.url"].endswith(f"}}{back_channel.PATH}")
    assert client["attributes"]["pkce.code.challenge.method"] == "S256"
    flows = ("implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled", "fullScopeAllowed")
    assert [client[flow] for flow in flows] == [False] * 4


def test_the_realm_holds_no_person_and_no_secret():
    assert "users" not in REALM
    text = FILE.read_text(encoding="utf-8").lower()
    assert not [word for word in ("secret", "password", "credential", "privatekey") if word in text]


def test_there_is_a_role_for_staff_of_each_portal_and_none_that_two_portals_share():
    assert set(REALM["roles"]) == {"client"}
    assert set(REALM["roles"]["client"]) == {client["clientId"] for client in REALM["clients"]}
    for client in REALM["clients"]:
        [mapper] = client["protocolMappers"]
        assert mapper["config"]["usermodel.clientRoleMapping.clientId"] == client["clientId"]
        assert mapper["config"]["claim.name"] == "concord_roles"


def paths(hospital, **changes: object) -> set[str]:
    app = FastAPI()
    back_channel.install(app, hospital.participant.settings.model_copy(update=changes))
    return {getattr(route, "path", "") for route in app.routes} & {back_channel.PATH}


async def test_the_door_is_there_only_where_people_sign_in_at_a_provider_of_the_operators(hospital):
    assert paths(hospital) == set()
    assert paths(hospital, oidc_issuer="https://login.example", portal=False) == set()


@pytest.mark.parametrize(
    "body", ["", "logout_token=", "logout_token=a.b.c", "logout_token=a&logout_token=b", "token=a", "\xff"]
)
async def test_what_is_no_logout_token_is_answered_400_and_ends_nothing(hospital, body):
    app = FastAPI()
    app.state.participant = hospital.participant
    app.include_router(back_channel.router)
    accounts = hospital.services.accounts
    accounts.signing_in.issuer = Refusing()
    await accounts.open_account(hospital.actor("operator"), "an", "An", ["steward"])
    await accounts.sign_in(SignedIn(hospital.participant.settings.issuer, "an", "An", (), "", None))
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.post(back_channel.PATH, content=body.encode("latin-1"), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.headers["cache-control"] == "no-store"
    assert len(await hospital.context.store.read(lambda tx: tx.find(Session))) == 1


class Refusing:
    """A provider to whom no token is its own."""

    async def dismissed(self, token, now):
        raise Problem(400, "token-id-token-malformed", "The token was not accepted")
