"""Handlers that pile up: `%config KregMagics.extras`. They are guarded by wish only, and only the user's own."""

from __future__ import annotations

import pytest

LOGGER = "import logging, io\nlogger = logging.getLogger('PKG')\n"
CASES = {
    "logging": (
        LOGGER,
        "class Handler(logging.Handler): version = VERSION\nlogger.addHandler(Handler())",
        "[handler.version for handler in logger.handlers]",
    ),
    "ipython": (
        "events = get_ipython().events",
        "def callback(result): pass\ncallback.version = VERSION\nevents.register('post_run_cell', callback)",
        "[each.version for each in events.callbacks['post_run_cell'] if hasattr(each, 'version')]",
    ),
    "ipywidgets": (
        "import ipywidgets\nbutton = ipywidgets.Button()",
        "def callback(button): pass\ncallback.version = VERSION\nbutton.on_click(callback)",
        "[each.version for each in button._click_handlers.callbacks]",
    ),
    "observers": (
        "import ipywidgets\nslider = ipywidgets.IntSlider()",
        "def callback(change): pass\ncallback.version = VERSION\nslider.observe(callback, 'value')",
        "[each.version for each in slider._trait_notifiers['value']['change'] if hasattr(each, 'version')]",
    ),
}


NEEDS = {"ipywidgets": "ipywidgets", "observers": "ipywidgets"}


@pytest.fixture(params=[pytest.param(each, marks=pytest.mark.needs(NEEDS.get(each, "ipython"))) for each in CASES])
def case(request, nb):
    nb.run("setup", CASES[request.param][0])
    yield nb, *CASES[request.param][1:], NEEDS.get(request.param, request.param)
    nb.silently(
        "[events.unregister('post_run_cell', each) for events in [get_ipython().events] for each in list(events.callbacks['post_run_cell']) if hasattr(each, 'version')]"
    )


def test_a_handler_that_a_cell_adds_again_is_there_once(case):
    nb, source, shown, extra = case
    nb.run("x", f"%config KregMagics.extras = [{extra!r}]")
    for version in (1, 1, 2):
        nb.run("a", source.replace("VERSION", str(version)))
        assert nb.value(shown) == [version]
    nb.run("b", source.replace("VERSION", "3"))
    assert nb.value(shown) == [2, 3]
    nb.run("a", source.replace("VERSION", "4") + "\n1 / 0", fails=True)
    nb.run("a", "1 / 0", fails=True)
    assert sorted(nb.value(shown)) == [3, 4]
    nb.run("a", "x = 1")
    nb.run("b", "x = 1")
    assert nb.value(shown) == []


def test_without_the_wish_they_pile_up_and_it_may_end(case):
    nb, source, shown, extra = case
    faults = "get_ipython().run_line_magic('kreg', '').to_dict()['faults']"
    before = nb.value(faults)
    nb.run("a", source.replace("VERSION", "1"))
    nb.run("a", source.replace("VERSION", "2"))
    assert nb.value(shown) == [1, 2]
    nb.run("x", f"%config KregMagics.extras = [{extra!r}]")
    nb.run("a", source.replace("VERSION", "3"))
    nb.run("x", "%config KregMagics.extras = []")
    nb.run("a", source.replace("VERSION", "4"))
    assert nb.value(shown) == [1, 2, 3, 4]
    assert nb.value(faults) == before


def test_what_a_library_wires_stays(nb, files):
    """The library remembers that it has done it."""
    files.write(
        {
            "site-packages/PKGlib.py": "import logging\ndef setup(): logging.getLogger('PKG').addHandler(logging.NullHandler())\n"
        }
    )
    nb.run("x", "%config KregMagics.extras = ['logging']")
    nb.run("i", f"import logging, sys\nsys.path.insert(0, {str(files.folder / 'site-packages')!r})\nimport PKGlib")
    nb.run("a", "PKGlib.setup()\nlogging.getLogger('PKG').addHandler(logging.StreamHandler())")
    nb.run("a", "x = 1")
    assert nb.value("[type(each).__name__ for each in logging.getLogger('PKG').handlers]") == ["NullHandler"]


def test_an_extra_that_there_is_not_is_one_line(nb):
    outcome = nb.run("x", "%config KregMagics.extras = ['numba']", fails=None)
    assert "numba" in outcome.stderr + outcome.traceback
    assert nb.run("q", "%config KregMagics.extras").text == "[]"


def test_the_wish_outlives_switching_off_and_on(nb):
    nb.run("x", "%config KregMagics.extras = ['logging']\n%kreg off")
    nb.run("x", "%kreg on")
    nb.run("s", LOGGER)
    for _ in range(2):
        nb.run("a", "logger.addHandler(logging.StreamHandler())")
    assert nb.value("len(logger.handlers)") == 1
