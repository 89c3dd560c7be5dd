"""Load kreg in every notebook, console and engine: ``python -m kreg_ipython enable``, ``disable``, ``status``."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

LINE = (
    'if __import__("importlib.util").util.find_spec("kreg_ipython"): '
    'c.InteractiveShellApp.extensions.append("kreg_ipython")  # python -m kreg_ipython disable takes this line out'
)
"""The line that `enable` adds to a profile's configuration. Environments without kreg may share the profile."""
_FILE = "ipython_config.py"
"""The configuration that a terminal, a kernel and an engine of a profile have in common."""
_BY_HAND = re.compile(r"^[^#\n]*\bextensions\b[^#\n]*[\"']kreg_ipython[\"']", re.MULTILINE)
"""A line of the user's that loads it."""
_TUPLE = re.compile(r"^[^#\n]*InteractiveShellApp\.extensions\s*=\s*\(", re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m kreg_ipython", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("command", choices=["enable", "disable", "status"])
    parser.add_argument("--profile", default="default", help="the IPython profile (default)")
    args = parser.parse_args(arguments)
    try:
        print(_COMMANDS[args.command](config_file(args.profile)))
    except (OSError, UnicodeError, Refused) as error:
        where = f"{config_file(args.profile)}: " if isinstance(error, UnicodeError) else ""
        print(f"kreg: {where}{error}", file=sys.stderr)
        return 1
    return 0


class Refused(Exception):
    """A configuration that is not changed. The text is one line that says why, and what to do instead."""


def config_file(profile: str) -> Path:
    """Return the configuration file of a profile, which need not exist."""
    from IPython.paths import get_ipython_dir

    return Path(get_ipython_dir(), f"profile_{profile}", _FILE)


def enable(file: Path) -> str:
    """Add the line to a configuration; return what was done.

    Raises:
        Refused: if there is no such profile, or the line would not work in the file.
    """
    text = _text(file)
    if _is_enabled(text):
        return f"kreg: already enabled in {file}"
    profile = file.parent.name.removeprefix("profile_")
    if profile != "default" and not file.parent.exists():
        raise Refused(f"there is no profile {profile!r}; ipython profile create {profile} makes one")
    if _TUPLE.search(text):
        raise Refused(
            f"{file} makes InteractiveShellApp.extensions a tuple; add 'kreg_ipython' to it, or make it a list"
        )
    end = "\r\n" if "\r\n" in text else "\n"
    text = text or f"c = get_config(){end}"  # where a file does not say so, IPython gives it c all the same
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(file, f"{text}{'' if text.endswith(end) else end}{LINE}{end}")
    return f"kreg: enabled: new kernels, consoles and engines load it. The line is in {file}"


def disable(file: Path) -> str:
    """Take the line out of a configuration again; return what was done."""
    text = _text(file)
    rest = [each for each in text.splitlines(keepends=True) if each.rstrip("\r\n") != LINE]
    if "".join(rest) == text:
        by_hand = ": a line of your own loads it, which stays" if _is_enabled(text) else ""
        return f"kreg: not enabled in {file}{by_hand}"
    if "".join(rest).strip() == "c = get_config()" and not file.is_symlink():
        file.unlink()
    else:
        _write(file, "".join(rest))
    return f"kreg: disabled: the line is out of {file}"


def status(file: Path) -> str:
    """Return whether a configuration loads it, and which file it is."""
    return f"kreg: {'enabled' if _is_enabled(_text(file)) else 'not enabled'} in {file}"


def _is_enabled(text: str) -> bool:
    return LINE in text.splitlines() or _BY_HAND.search(text) is not None


_COMMANDS = {"enable": enable, "disable": disable, "status": status}


def _text(file: Path) -> str:
    if not file.exists():
        return ""
    with file.open(encoding="utf-8", newline="") as opened:
        return opened.read()


def _write(file: Path, text: str) -> None:
    """Write a file, whole or not at all; behind a link, the file that it leads to."""
    file = file.resolve()
    new = file.with_name(f"{file.name}.kreg")
    with new.open("w", encoding="utf-8", newline="") as opened:
        opened.write(text)
    if file.exists():
        new.chmod(file.stat().st_mode & 0o7777)
    new.replace(file)


if __name__ == "__main__":
    sys.exit(main())
