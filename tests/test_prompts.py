"""Prompts: terminal IPython, which sends no cell ids; an extension that is always on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kernels import PATIENCE, Kernel
from traitlets.config import PyFileConfigLoader

from kreg_ipython.__main__ import LINE, disable, enable, main, status
from kreg_ipython.session.recalls import is_edit

LIBRARY = """
import kreg_ipython
TABLE = {}
def register(thing):
    TABLE[thing.__name__] = thing
    return thing
class Base:
    def __init_subclass__(cls):
        register(cls)
kreg_ipython.register_adapter(kreg_ipython.DictRegistry(
    "things", "things:TABLE", [kreg_ipython.Gate("things:register", lambda thing: (thing.__name__, thing))]))
"""
THING = "@things.register\nclass NAME:\n    def call(self, x):\n        return 2 * x\n"


@pytest.fixture
def ipython(tmp_path: Path):
    """Type inputs at the prompt of a terminal IPython of its own; return what it says."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "things.py").write_text(LIBRARY)
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path), "PYTHONPATH": f"{tmp_path / 'lib'}:{os.getcwd()}"}

    def ipython(*inputs: str) -> str:
        command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit"]
        typed = "\n".join(each if each.endswith("\n") else f"{each}\n" for each in inputs) + "\n"
        done = subprocess.run(
            command,
            input=typed,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.stdout + done.stderr

    return ipython


def test_an_edited_recall_of_a_former_input_is_offered_and_not_guessed(ipython):
    one, two = THING.replace("NAME", "One"), THING.replace("NAME", "Two")
    other = "@things.register\nclass Other:\n    words = ['something', 'else', 'altogether']\n"
    show = "print(list(things.TABLE))"
    said = ipython("%load_ext kreg_ipython", "import things", one, one, two, other, show, "%kreg clear One", show)
    assert "kreg: run [5] looks like an edit of cell [4], which registered more: %kreg clear One\n" in said
    assert said.count("looks like") == 1 and "['One', 'Two', 'Other']" in said and "['Two', 'Other']" in said


@pytest.mark.parametrize(
    ("former", "text", "edit"),
    [
        ("class A: x = 1\nclass B: x = 2", "class A: x = 1\nclass C: x = 3", True),
        (THING.replace("NAME", "A"), THING.replace("NAME", "B"), True),
        (THING.replace("NAME", "A"), THING.replace("NAME", "B").replace("2 *", "3 *"), True),
        (THING.replace("NAME", "A"), "class B:\n    def build(self): self.units = [Dense(8), Dense(2)]", False),
        ("class A: pass", "x = 1", False),
        ("x = 1", "x = 2", False),
    ],
)
def test_an_edit_defines_the_same_or_the_same_under_another_name(former, text, edit):
    assert is_edit(former, text) is edit


# -- always on


def test_enabled_it_is_loaded_in_each_new_shell_and_disabled_the_file_is_as_before(
    ipython, tmp_path, monkeypatch, capsys
):
    def command(*words: str) -> str:
        assert main([*words]) == 0
        return capsys.readouterr().out

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    file = tmp_path / "profile_default" / "ipython_config.py"
    assert command("status") == f"kreg: not enabled in {file}\n"
    assert command("enable").endswith(f"The line is in {file}\n")
    assert command("status") == f"kreg: enabled in {file}\n"
    assert "other" in command("status", "--profile", "other")
    assert "0 entries of yours" in ipython("%kreg status")
    said = ipython("import runpy, sys; sys.argv[1:] = ['disable']", "runpy.run_module('kreg_ipython', {}, '__main__')")
    assert f"kreg: disabled: the line is out of {file}\n" in said and not file.exists()


def test_a_kernel_of_jupyters_has_it_too(tmp_path):
    enable(tmp_path / "profile_default" / "ipython_config.py")
    kernel = Kernel(IPYTHONDIR=str(tmp_path), PYTHONPATH=os.getcwd())
    try:
        assert "0 entries of yours" in kernel.run("a", "%kreg").text
    finally:
        kernel.close()


@pytest.mark.parametrize(
    "text",
    [
        "c = get_config()\nc.X.y = 1\n",
        "c.X.y = 1",
        "c.X.y = 1\r\nc.X.z = 2\r\n",
        "from __future__ import annotations\nc.X.y = 1\n",
        "\ufeffc.X.y = 1\n",
        "",
        None,
    ],
)
def test_a_configuration_keeps_what_it_says(tmp_path, text):
    file = tmp_path / "profile_default" / "ipython_config.py"
    if text is not None:
        file.parent.mkdir()
        file.write_bytes(text.encode())
    assert "enabled" in enable(file) and "already" in enable(file)
    assert file.read_text().splitlines()[-1] == LINE and status(file) == f"kreg: enabled in {file}"
    config = loaded(file)
    assert "".join(config.InteractiveShellApp.extensions.get_value([])) == "kreg_ipython"
    disable(file)
    assert disable(file) == f"kreg: not enabled in {file}"
    left = file.read_bytes().decode() if file.exists() else ""
    assert left.strip() == (text or "").strip()


def loaded(file: Path) -> Any:
    """Return what IPython makes of a configuration."""
    return PyFileConfigLoader(file.name, path=str(file.parent)).load_config()


def test_a_link_to_a_configuration_stays_one(tmp_path):
    real, file = tmp_path / "dotfiles.py", tmp_path / "profile_default" / "ipython_config.py"
    real.write_text("c = get_config()\n")
    file.parent.mkdir()
    file.symlink_to(real)
    enable(file)
    assert file.is_symlink() and LINE in real.read_text()
    disable(file)
    assert file.is_symlink() and real.read_text() == "c = get_config()\n"


def test_what_cannot_be_enabled_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    file = tmp_path / "profile_default" / "ipython_config.py"
    file.parent.mkdir()
    file.write_text("c.InteractiveShellApp.extensions = ('autoreload',)\n")
    assert main(["enable"]) == 1 and "a tuple; add 'kreg_ipython' to it" in capsys.readouterr().err
    file.write_bytes(b"# caf\xe9\n")
    assert main(["enable"]) == 1 and str(file) in capsys.readouterr().err
    assert main(["enable", "--profile", "tpyo"]) == 1 and "no profile 'tpyo'" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["profile_default"]


def test_a_line_of_the_users_own_counts(tmp_path):
    file = tmp_path / "profile_default" / "ipython_config.py"
    file.parent.mkdir()
    file.write_text("c.InteractiveShellApp.extensions = ['autoreload', 'kreg_ipython']\n")
    assert "enabled in" in status(file) and "already" in enable(file)
    assert "a line of your own" in disable(file)


def test_where_kreg_is_not_installed_the_line_does_nothing(tmp_path, monkeypatch):
    file = tmp_path / "profile_default" / "ipython_config.py"
    enable(file)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not loaded(file)
