"""Fixtures: a network of real daemons for one test, or for one file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from disk import ORIGIN, small_disk  # noqa: E402
from net import Net, item, sha256, until  # noqa: E402


@pytest.fixture
def net():
    """Nodes of this test alone."""
    made = Net()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared():
    """Nodes that the tests of one file share."""
    made = Net()
    yield made
    made.close()


@pytest.fixture
def small(net):
    """A publisher whose state is on a small disk; the last 8 MiB are kept."""
    with small_disk(net.organisation("hotline", ["ncii"], conf="disk-reserve: 8MiB\n")) as node:
        yield node


@pytest.fixture
def follower(net):
    """A publisher, and a provider that follows it on a small disk."""
    hotline = net.node("hotline", ["ncii"])
    provider = net.organisation("provider", conf="disk-reserve: 8MiB\n")
    net.enrol(hotline, provider)
    with small_disk(provider):
        hotline.share("ncii", provider)
        provider.follow(ORIGIN)
        hotline.append("ncii", [item(n) for n in range(500)])
        until(lambda: provider.applied(ORIGIN) == 500 and provider.match(sha256(499)), 30)
        yield hotline, provider
