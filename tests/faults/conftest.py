"""The network of tests/func, the load of tests/crash, and a disk that fails."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "crash"), str(HERE.parent / "func")]

from net import Net  # noqa: E402


@pytest.fixture
def net():
    made = Net()
    yield made
    made.close()
