"""What claims state: roles by name or path, and whose sign-in a logout token ends."""

from datetime import UTC, datetime

import pytest

from connector.identity.people.id_token import IdTokenProblem
from connector.identity.people.stated import BACK_CHANNEL, claimed, is_logout, read_logout

LOGOUT = {"sub": "s", "sid": "d", "jti": "j", "exp": 4102444800, "events": {BACK_CHANNEL: {}}}


@pytest.mark.parametrize(
    ("claims", "name", "roles"),
    [
        ({"roles": ["a", "b"]}, "roles", ("a", "b")),
        ({"roles": "a"}, "roles", ("a",)),
        ({"roles": []}, "roles", ()),
        ({"roles": {"a": 1}}, "roles", ()),
        ({"roles": ["a", 7, None, "b" * 201]}, "roles", ("a",)),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"https://x.example/roles": ["a"]}, "https://x.example/roles", ("a",)),
        ({"a.b": ["plain"], "a": {"b": ["path"]}}, "a.b", ("plain",)),
        ({"roles": ["a"]}, "groups", None),
        ({"realm_access": "roles"}, "realm_access.roles", None),
        ({}, "a.b.c", None),
    ],
)
def test_roles_are_read_by_name_or_by_path_and_anything_else_is_none(claims, name, roles):
    assert claimed(claims, name) == roles


def test_a_logout_token_names_whose_sign_in_is_over():
    assert read_logout(LOGOUT) == ("s", "d", "j", datetime(2100, 1, 1, tzinfo=UTC))
    assert is_logout(LOGOUT)


@pytest.mark.parametrize(
    "changes",
    [
        {"events": {}}, {"events": "x"}, {"events": {BACK_CHANNEL: True}}, {"nonce": "n"}, {"jti": ""}, {"jti": 7},
        {"sub": "", "sid": ""}, {"sub": ["s"]}, {"sid": "d" * 201},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_logout_token_is_refused(changes):
    with pytest.raises(IdTokenProblem):
        read_logout(LOGOUT | changes)
