"""JSON that decides about trust has one meaning or none."""

import pytest

from connector.identity.strict_json import NotStrict, read_object


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b'{"a":1}x',
        b'{"a":1,"a":1}',
        b'{"b":{"a":1,"\\u0061":2}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":' + b"[" * 65 + b"1" + b"]" * 65 + b"}",
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_json_with_two_meanings_or_none_is_refused(data: bytes) -> None:
    with pytest.raises(NotStrict):
        read_object(data)


def test_an_ordinary_object_is_read() -> None:
    assert read_object(b'{"a":[1,-2,true,null,"\xc3\xa4"],"b":{}}') == {"a": [1, -2, True, None, "\u00e4"], "b": {}}
