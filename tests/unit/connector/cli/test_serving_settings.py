"""What `concord serve` asks of its server."""

from connector.api.heads import HTTP
from connector.cli.serving import _config
from connector.settings import load


def test_every_connection_has_the_guard_and_a_short_queue(hospital):
    assert _config(load(hospital))["http"] == HTTP
