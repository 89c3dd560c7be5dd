"""The file of an exported module: written as a whole or not at all, and over no work of the user's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kreg_ipython.export import file
from kreg_ipython.export.file import CannotWrite, checked, with_header, write
from kreg_ipython.export.module import Module

MODULE = Module("def f():\n    return 1\n", ("P>f",), (2, 3), ())


def export(path: Path, module: Module = MODULE, *, force: bool = False) -> str:
    where = checked(str(path), force=force)
    write(where, with_header(module, "here.ipynb"))
    return path.read_text()


def test_the_header_says_how_the_file_was_made(tmp_path):
    text = export(tmp_path / "mine.py")
    assert text.startswith("# Made by %kreg export from cells [2] and [3] of here.ipynb: ")
    assert text.endswith("\n\ndef f():\n    return 1\n") and "import kreg" not in text


def test_a_module_of_no_cell_has_a_header(tmp_path):
    assert "from no cell of here.ipynb: " in export(tmp_path / "mine.py", Module("import math\n", (), (), ()))


def test_what_we_wrote_is_overwritten_and_what_was_edited_is_not(tmp_path):
    path = tmp_path / "mine.py"
    first = export(path)
    assert export(path) == first
    path.write_text(first.replace("\n", "\r\n"), newline="")  # an editor's, or git's
    export(path)
    path.write_text(first.replace("return 1", "return 2"))
    with pytest.raises(CannotWrite, match="edited since; --force overwrites it"):
        export(path)
    assert export(path, force=True) == first
    path.write_text("MINE = 1\n")
    with pytest.raises(CannotWrite, match="written by somebody else"):
        export(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CannotWrite, match="written by somebody else"):
        export(path)


def test_a_link_stays_a_link_and_a_file_keeps_its_permissions(tmp_path):
    path, link = tmp_path / "mine.py", tmp_path / "link.py"
    export(path)
    path.chmod(0o640)
    link.symlink_to(path)
    export(link)
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (".", "is a directory; name a file in it"),
        ("no/such/mine.py", "there is no directory .*no/such; make it first"),
        ("mine", "'mine' cannot be imported"),
        ("my-layers.py", "'my-layers.py' cannot be imported"),
        ("1st.py", r"'1st\.py' cannot be imported; the name of a module is a Python name"),
        ("__main__.py", "cannot be imported"),
        ("class.py", r"'class\.py' cannot be imported; class is a word of Python's own; give it another name"),
        ("lambda.py", "lambda is a word of Python's own"),
        ("None.py", "None is a word of Python's own"),
        ("json.py", r"json\.py would stand in the way of the module json that is installed"),
        ("sys.py", "would stand in the way of the module sys"),
    ],
)
def test_a_path_that_cannot_be_a_module_is_refused(tmp_path, name, message):
    with pytest.raises(CannotWrite, match=message) as refused:
        export(tmp_path / name)
    assert "\n" not in str(refused.value)


@pytest.mark.needs("/dev/full")  # a device that is always full
def test_a_full_disk_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    before = export(path)
    full = os.open("/dev/full", os.O_WRONLY)
    made = str(tmp_path / "new")
    Path(made).touch()
    monkeypatch.setattr(file.tempfile, "mkstemp", lambda **options: (full, made))
    with pytest.raises(CannotWrite, match=r"no space is left in .*; nothing was written"):
        export(path)
    assert path.read_text() == before and os.listdir(tmp_path) == ["mine.py"]


def test_a_directory_that_cannot_be_written_to_is_told():
    with pytest.raises(CannotWrite, match=r"/proc cannot be written to|/proc/mine\.py cannot be written"):
        export(Path("/proc/mine.py"))


def test_a_text_that_is_no_text_is_told(tmp_path):
    with pytest.raises(CannotWrite, match="a character in them that cannot be written"):
        write(str(tmp_path / "mine.py"), "x = '\ud800'")
    assert os.listdir(tmp_path) == []
