"""Access tokens for pulling data."""

from datetime import timedelta

import pytest

from connector.identity.access import check_access, grant, new_token, token_hash
from connector.identity.faults import Unauthenticated

HOUR = timedelta(hours=1)


def refused(*args) -> str:
    with pytest.raises(Unauthenticated) as caught:
        check_access(*args)
    return caught.value.code


def test_a_token_opens_its_own_transfer_until_its_last_moment(now) -> None:
    token, stored = grant("urn:uuid:t1", now, HOUR)
    for moment in (now, now + HOUR - timedelta(microseconds=1)):
        check_access(token, stored, "urn:uuid:t1", moment)
    for moment in (now + HOUR, now + HOUR + timedelta(seconds=1)):
        assert refused(token, stored, "urn:uuid:t1", moment) == "expired"


def test_a_token_opens_nothing_else(now) -> None:
    token, stored = grant("urn:uuid:t1", now, HOUR)
    assert refused(token, stored, "urn:uuid:t2", now) == "access-token"
    assert refused(token, None, "urn:uuid:t1", now) == "access-token"
    assert refused(new_token(), stored, "urn:uuid:t1", now) == "access-token"
    assert refused("", stored, "urn:uuid:t1", now) == "access-token"
    assert refused(stored.token_hash, stored, "urn:uuid:t1", now) == "access-token"


def test_the_token_itself_is_not_stored(now) -> None:
    token, stored = grant("urn:uuid:t1", now, HOUR)
    assert token not in repr(stored)
    assert stored.token_hash == token_hash(token)
    assert len({new_token() for _ in range(100)}) == 100
