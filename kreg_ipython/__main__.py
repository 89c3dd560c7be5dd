"""Load kreg in every notebook, console and engine: ``python -m kreg_ipython enable``, ``disable``, ``status``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

LINE = 'c.InteractiveShellApp.extensions.append("kreg_ipython")  # python -m kreg_ipython disable takes this line out'
"""What `enable` adds to a profile's configuration."""
_FILE = "ipython_config.py"
"""The configuration that a terminal, a kernel and an engine of a profile have in common."""


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m kreg_ipython", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("command", choices=["enable", "disable", "status"])
    parser.add_argument("--profile", default="default", help="the IPython profile (default)")
    args = parser.parse_args(arguments)
    try:
        print(_COMMANDS[args.command](config_file(args.profile)))
    except (OSError, UnicodeError) as error:
        print(f"kreg: {error}", file=sys.stderr)
        return 1
    return 0


def config_file(profile: str) -> Path:
    """Return the configuration file of a profile, which need not exist."""
    from IPython.paths import get_ipython_dir

    return Path(get_ipython_dir(), f"profile_{profile}", _FILE)


def enable(file: Path) -> str:
    """Add the line to a configuration; return what was done."""
    text = _text(file)
    if LINE in text.splitlines():
        return f"kreg: already enabled in {file}"
    if not text:
        text = "c = get_config()\n"
    elif "get_config()" not in text:
        text = f"c = get_config()\n{text}"
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(file, f"{text if text.endswith(chr(10)) else text + chr(10)}{LINE}\n")
    return f"kreg: enabled: new kernels, consoles and engines load it. The line is in {file}"


def disable(file: Path) -> str:
    """Take the line out of a configuration again; return what was done."""
    lines = _text(file).splitlines(keepends=True)
    rest = [each for each in lines if each.rstrip("\r\n") != LINE]
    if len(rest) == len(lines):
        return f"kreg: not enabled in {file}"
    if "".join(rest).strip() == "c = get_config()":
        file.unlink()
    else:
        _write(file, "".join(rest))
    return f"kreg: disabled: the line is out of {file}"


def status(file: Path) -> str:
    """Return whether a configuration has the line, and which file it is."""
    return f"kreg: {'enabled' if LINE in _text(file).splitlines() else 'not enabled'} in {file}"


_COMMANDS = {"enable": enable, "disable": disable, "status": status}


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _write(file: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    new = file.with_name(f"{file.name}.kreg")
    new.write_text(text, encoding="utf-8")
    if file.exists():
        new.chmod(file.stat().st_mode & 0o7777)
    new.replace(file)


if __name__ == "__main__":
    sys.exit(main())
