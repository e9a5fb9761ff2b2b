"""The network of tests/func, many times over."""

import signal
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "func")]

from net import Net  # noqa: E402


@pytest.fixture(scope="module")
def net():
    made = Net()
    yield made
    made.close()


_lines = []


def report(line):
    """Say it at the end of the run."""
    _lines.append(line)


def pytest_terminal_summary(terminalreporter):
    if _lines:
        terminalreporter.section("simulation")
        for line in _lines:
            terminalreporter.write_line(line)


# Whoever ends us means our daemons as well: fixtures run, as with Ctrl-C.
signal.signal(signal.SIGTERM, signal.default_int_handler)
