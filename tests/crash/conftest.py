"""The network of tests/func, and a shim that kills."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "func")]

from net import BIN, Net  # noqa: E402
from order import Page  # noqa: E402


@pytest.fixture
def net():
    made = Net()
    yield made
    made.close()


@pytest.fixture
def page(net):
    """Arms the shim; page.env is what a daemon is started with."""
    return Page(net.folder / "crash", BIN / "crash-shim.so")
