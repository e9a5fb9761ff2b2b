"""Fixtures: a network of real daemons for one test, or for one file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from net import Net  # noqa: E402


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
