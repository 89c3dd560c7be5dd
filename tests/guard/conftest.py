"""The fixtures of the tests of the guard."""

from __future__ import annotations

import pytest
from guarding import Lab


@pytest.fixture
def lab(monkeypatch):
    """A process with a framework of dicts and lists, a notebook, and a guard."""
    made = Lab(monkeypatch, notes=hasattr(BaseException, "add_note"))
    yield made
    made.guard.detach()
    assert made.runs == []
