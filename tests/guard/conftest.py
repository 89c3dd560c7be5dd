"""The fixtures of the tests of the guard."""

from __future__ import annotations

import gc

import pytest
from guarding import Lab

from kreg_ipython.guard import ways


@pytest.fixture(scope="package", autouse=True)
def _quick_collections():
    """Leave what the process has loaded before out of garbage collections: a guard that is detached makes one."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def lab(monkeypatch):
    """A process with a framework of dicts and lists, a notebook, and a guard."""
    ways.forget_texts()  # the files of two tests may have one name
    made = Lab(monkeypatch, notes=hasattr(BaseException, "add_note"))
    yield made
    made.guard.detach()
    assert made.runs == []
