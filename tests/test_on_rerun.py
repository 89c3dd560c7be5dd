"""`kreg_ipython.on_rerun` in real kernels: cells, modules, emptied cells, reloading the extension."""

from __future__ import annotations

import pytest

DECLARES = """
import kreg_ipython
@kreg_ipython.on_rerun
def stop(): log.append('NAME')
"""


def declares(name: str) -> str:
    return DECLARES.replace("NAME", name)


@pytest.fixture
def log(nb):
    nb.run("log", "log = []")
    return lambda: nb.value("log")


def test_a_function_is_called_before_its_cell_runs_again(nb, log):
    nb.run("a", declares("one") + declares("two"))
    nb.run("b", "x = 1")
    assert log() == []
    nb.run("a", "log.append('again')" + declares("three"))
    assert log() == ["two", "one", "again"]
    nb.run("a", "1 / 0", fails=True)
    nb.run("a", "x = 1")
    assert log() == ["two", "one", "again", "three"]


@pytest.mark.parametrize("source", ["", "   \n"])
def test_an_emptied_cell_calls_it(nb, log, source):
    nb.run("a", declares("one"))
    nb.run("a", source)
    nb.run("a", "x = 1")
    assert log() == ["one"]


def test_a_cell_that_does_not_compile_has_not_run(nb, log):
    nb.run("a", declares("one"))
    nb.run("a", "def (", fails=True)
    assert log() == []
    nb.run("a", "x = 1")
    assert log() == ["one"]


def test_an_error_is_one_line_and_the_cell_runs(nb, log):
    nb.run("a", "import kreg_ipython\n@kreg_ipython.on_rerun\ndef stop(): 1 / 0")
    outcome = nb.run("a", "log.append('ran')")
    assert log() == ["ran"]
    assert outcome.stderr == "kreg: on_rerun: __main__.stop raised ZeroDivisionError: division by zero\n"


def test_a_module_calls_it_when_it_is_reloaded(nb, log, files):
    files.write(
        {
            "PKGserver.py": "import __main__, kreg_ipython\nkreg_ipython.on_rerun(lambda: __main__.log.append('module'))\n"
        }
    )
    nb.run("i", "import PKGserver, importlib")
    nb.run("i", "import PKGserver, importlib")
    assert log() == []
    nb.run("r", "importlib.reload(PKGserver)")
    assert log() == ["module"]


def test_it_outlives_reloading_the_extension_and_switching_it(nb, log):
    nb.run("a", declares("one"))
    nb.run("b", "%reload_ext kreg_ipython")
    nb.run("c", "%kreg off\n%kreg on")
    nb.run("a", declares("two"))
    assert log() == ["one"]
    nb.run("b", "%kreg off")
    nb.run("a", "x = 1")
    assert log() == ["one"]
    nb.run("b", "%kreg on")
    nb.run("a", "x = 1")
    assert log() == ["one", "two"]


@pytest.mark.parametrize("what", ["3", "stop()"])
def test_what_cannot_be_called_is_refused(nb, what):
    outcome = nb.run(
        "a",
        f"import kreg_ipython\nasync def stop(): pass\nkreg_ipython.on_rerun({'stop' if '(' in what else what})",
        fails=True,
    )
    assert outcome.error.startswith("TypeError: on_rerun takes a function")


def test_without_the_extension_it_is_nothing(stock_nb):
    stock_nb.run("a", "import kreg_ipython\n@kreg_ipython.on_rerun\ndef stop(): 1 / 0")
    stock_nb.run("a", "assert stop.__name__ == 'stop'")
