"""Which file a body of code is the text of: told from the code and from what executes it."""

from __future__ import annotations

import os
import pathlib
import sys
from types import CodeType, FrameType
from typing import Any

import pytest

from kreg_ipython.guard.ledger import Owner
from kreg_ipython.session.files import file_of
from kreg_ipython.session.modules import is_gone

TEXT = "def f(x):\n    return x\nlook()\n"


def look() -> None:
    """Note the file of the body that calls."""
    found.append(file_of(sys._getframe(1)))


found: list[str | None] = []


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    found.clear()
    (tmp_path / "a.py").write_text(TEXT)
    return tmp_path / "a.py"


def by_string(path: Any) -> None:
    exec(open(path).read(), {"look": look})  # noqa: SIM115 - as people write it


def by_open_file(path: Any) -> None:
    with open(path) as file:
        exec(file.read(), {"look": look})


def by_name(path: Any) -> None:
    exec(compile(open(path).read(), path, "exec"), {"look": look})  # noqa: SIM115


def by_folder(path: Any) -> None:
    folder = os.path.dirname(path)
    exec(open(os.path.join(folder, "a.py")).read(), {"look": look})  # noqa: SIM115


@pytest.mark.parametrize("execute", [by_string, by_open_file, by_name, by_folder])
@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_the_file_is_what_the_code_or_its_caller_names(path, execute, kind):
    execute(kind(path))
    execute(kind(path))
    assert found == [str(path.resolve())] * 2


def test_a_file_is_told_whatever_future_its_caller_lives_in(path):
    """The text is compiled with the features that this module has asked for."""
    path.write_text("def f(x: int):\n    return x\nlook()\n")
    by_string(str(path))
    exec(compile(path.read_text(), str(path), "exec", dont_inherit=True), {"look": look})
    assert found == [str(path.resolve())] * 2


@pytest.mark.parametrize("text", [TEXT + "x = 1\n", TEXT.replace("return x", "return 1"), "def (", ""])
def test_a_text_that_the_file_does_not_say_is_not_the_files(path, text):
    text, former = TEXT, path.write_text(text)
    exec(compile(text, str(path), "exec"), {"look": look})
    exec(text, {"look": look, "mentioned": str(path)})
    assert found == [None, None] and former is not None


def test_what_is_mentioned_may_be_anything(path):
    odd = [Odd(), b"a.py", str(path.parent), "\0", "x" * 5_000, "no.py", object()]
    Odd.path = str(path)
    by_odd(odd, *odd)
    assert found == [None]


def by_odd(first: Any, *others: Any) -> None:
    exec(TEXT, {"look": look})


class Odd:
    """Something that is no path, and does not say so."""

    path = ""

    @property
    def name(self) -> str:
        raise ValueError

    def readline(self) -> str:
        return ""


def test_a_file_that_is_saved_again_is_read_again(path):
    for number in range(2):
        text = TEXT + f"x = {number}\n"
        path.write_text(text)
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
        by_string(str(path))
    assert found == [str(path.resolve())] * 2


def test_a_body_is_asked_about_once_however_often_it_registers(path, monkeypatch):
    code = compile(TEXT, "<string>", "exec")
    asked: list[CodeType] = []

    def count(body: FrameType) -> Any:
        asked.append(body.f_code)
        return iter(())

    monkeypatch.setattr("kreg_ipython.session.files._candidates", count)
    for _ in range(3):
        exec(code, {"look": look})
    assert (asked, found) == ([code], [None] * 3)


def test_what_is_gone_is_neither_there_nor_in_an_archive_nor_of_an_unknown_folder(path):
    folder = path.parent
    files = {
        path: False,
        path / "in.py": False,
        folder / "no.py": True,
        folder / "no" / "no.py": True,
        pathlib.Path("no.py"): False,
    }
    assert {file: is_gone(Owner("module", "a", file=str(file))) for file in files} == files
    assert {file: is_gone(Owner("script", str(file))) for file in files} == files
    assert not is_gone(Owner("module", "sys")) and is_gone(Owner("module", "nowhere"))
