"""Runs the benchmarks and writes docs/benchmarks.md, and a line of the README: ``make bench``.

``python tests/benchmarks/page.py restart`` measures and writes only what a restart costs, ``… cells`` all but that.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
README = HERE.parents[1] / "README.md"
ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "PYTHONDONTWRITEBYTECODE": "",  # a user's installation is compiled once, not with each load
}

CELL = {
    "empty": "empty, no code",
    "pass": "`pass`",
    "pass, dict held": "`pass`, a variable holds the custom objects",
    "layer": "registers a layer of 18 lines",
    "class": "registers a class without a body",
    "import": "imports a module anew, which registers that layer",
    "model": "builds and compiles a model of two layers, which get their names again",
}
TARGET = {"empty": 1.05, "pass": 1.10, "layer": 1.20, "class": 1.20}
"""Up to 1,000 entries; beyond, a figure a further entry is meant."""

TEXT = """# Benchmarks

Written by `make bench`, on {cores} cores, Python {python}, TensorFlow {tensorflow}, Keras {keras}, IPython {ipython}, with
TensorFlow, Keras and tf_keras imported.

## What a restart costs
{restart}
## Cells

Blocks of cells with kreg_ipython on and off alternate in one process; a ratio is the median over the pairs of
neighbouring blocks, with its quartiles. The time is that of the shell's thread: the messages of a front end, which are
the same with and without, are not in it.

{cells}

A class without a body is the least that a cell can register. kreg_ipython's share is about the same for any cell that
registers one object, so this is where its ratio is the highest. A kernel takes longer for any cell: see below.

"Entries" are the user's own custom objects, half of them registered by the decorator and half written to the dict.
"Cells" have registered one function each. If a variable holds the dict of custom objects, as `objects =
get_custom_objects()` makes it, each cell's end looks whether it is what it was. A further entry costs {held} then;
comparing that dict with a copy of it (`==`) takes {compared} here, so this is {comparisons} of a dict comparison, and
the target is one. Otherwise a further entry costs {further}.

`%autoreload 2` looks at all imported modules before each cell: it adds {reload} to a `pass`, kreg_ipython
{added}, which is 1/{times} of it.

## Cells in a kernel

The same cells, asked of a real kernel as JupyterLab asks. The time is that of all threads of the kernel's process: this
is what a user has of it.

{kernel}

## Many registrations in one cell

What each registration adds to a cell that makes so many of them: when it is made, when the cell runs again, when it is
edited, and when it is dropped. An edit of all names is a registration, a removal and a sweep each. The target is 60 µs
for each of the three.

{many}

## Once in a process

| what | without | with kreg_ipython | |
| --- | ---: | ---: | --- |
| `import tensorflow` | {import_bare} | {import_guarded} | {import_ratio}; target 1.02 |
| `%load_ext kreg_ipython`, frameworks imported | | {load} | target 60 ms |

## Memory

What the process grows by while a cell that defines a layer runs 10,000 times, and how many of its classes are alive then.

| | grows by | classes alive |
| --- | ---: | ---: |
{memory}
"""
RESTART = """
Seconds from an edit to a correct state, in this repository's notebooks. Each cell that registers something is edited; where
there is none, one that builds a model. With kreg_ipython the edited cell runs again, and the later ones that use what it
defines. By restart a new kernel starts, imports the frameworks, and runs all cells up to the last of those. Both end with
the same registries. Medians of {repeats} runs.

{table}

Of all {edits} edits the median is {ours} with kreg_ipython, and {restart} by restart, {ratio} times as long.
"""
LINE = (
    "After an edit in this repository's notebooks the state is right in {ours}; by restarting and running all cells up to \
there it takes {restart}, {ratio} times as long ([median of {edits} edits](docs/benchmarks.md#what-a-restart-costs))."
)
MODES = {
    "unregistered": "not registered at all: IPython's own history",
    "bare": "registered, without kreg_ipython",
    "guarded": "registered, with kreg_ipython",
}


def rows(script: str) -> list[dict[str, Any]]:
    """Return what a benchmark prints, and show it meanwhile."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / script)], stdout=subprocess.PIPE, text=True, env={**os.environ, **ENVIRONMENT}
    )
    assert process.stdout is not None
    found = []
    for line in process.stdout:
        if line.startswith("{"):
            found.append(json.loads(line))
            print({key: value for key, value in found[-1].items() if key not in ("ratios", "pairs")}, flush=True)
    if process.wait():
        raise SystemExit(f"{script} failed")
    return found


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs"


def nanoseconds(seconds: float) -> str:
    return f"{seconds * 1e9:.1f} ns"


def spread(ratios: list[float]) -> str:
    """The median, and the quartiles around it."""
    low, _, high = statistics.quantiles(ratios, n=4)
    return f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"


def table(cells: Iterable[dict[str, Any]]) -> str:
    lines = ["| cell | entries | cells | bare | with kreg_ipython | ratio | target |", "| --- " + "| ---: " * 6 + "|"]
    for row in cells:
        target = f"{TARGET[row['kind']]:.2f}" if row["kind"] in TARGET and row["entries"] <= 1_000 else ""
        lines.append(f"| {CELL[row['kind']]} | {row['entries']:,} | {row['cells']:,} | {compared(row)} | {target} |")
    return "\n".join(lines)


def kernel_table(cells: Iterable[dict[str, Any]]) -> str:
    lines = ["| cell | bare | with kreg_ipython | ratio |", "| --- " + "| ---: " * 3 + "|"]
    return "\n".join([*lines, *(f"| {CELL[row['kind']]} | {compared(row)} |" for row in cells)])


def compared(row: dict[str, Any]) -> str:
    return f"{microseconds(row['bare'])} | {microseconds(row['guarded'])} | {spread(row['ratios'])}"


def many_table(rows: Iterable[dict[str, Any]]) -> str:
    """The cells that register much."""
    steps = ("registered", "again", "edited", "dropped")
    lines = [f"| cell | registrations | {' | '.join(steps)} |", "| --- " + "| ---: " * 5 + "|"]
    for row in rows:
        each = " | ".join(microseconds(max(row[step], 0)) for step in steps)
        lines.append(f"| {row['what']} | {row['count']:,} | {each} |")
    return "\n".join(lines)


def further(cells: list[dict[str, Any]], kind: str) -> float:
    """Seconds that each further entry adds to a cell, from 1,000 to 100,000."""
    few, many = (
        next(row for row in cells if (row["kind"], row["entries"]) == (kind, entries)) for entries in (1_000, 100_000)
    )
    added = [row["bare"] * (statistics.median(row["ratios"]) - 1) for row in (few, many)]
    return max(added[1] - added[0], 0) / 99_000


def write_restart() -> None:
    """Measure what a restart costs, and write it into the page and the README."""
    found = rows("restart.py")
    lines = ["| notebook | edits | with kreg_ipython | by restart | of it start | imports | cells | ratio |"]
    lines.append("| --- " + "| ---: " * 7 + "|")
    for row in found:
        ours, restart = statistics.median(row["ours"]), statistics.median(row["restarts"])
        parts = (ours, restart, row["start"], row["imports"], restart - row["start"] - row["imports"])
        seconds = " | ".join(f"{each:.2f} s" for each in parts)
        lines.append(f"| {row['notebook'].replace('_', ' ')} | {row['edits']} | {seconds} | {restart / ours:.0f} |")
    ours, restart = (statistics.median(each for row in found for each in row[kind]) for kind in ("ours", "restarts"))
    facts = {
        "edits": sum(row["edits"] for row in found),
        "ours": f"{ours:.1f} s",
        "restart": f"{restart:.1f} s",
        "ratio": f"{round(restart, 1) / round(ours, 1):.0f}",  # of what is printed
    }
    repeats = len(found[0]["ours"]) // found[0]["edits"]
    head, _, rest = PAGE.read_text(encoding="utf-8").partition("## What a restart costs\n")
    section = RESTART.format(repeats=repeats, table="\n".join(lines), **facts)
    after = rest.partition("\n## ")[2]
    PAGE.write_text(f"{head}## What a restart costs\n{section}\n## {after}", encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    marked = r"(?s)(?<=<!-- make bench writes this -->\n).*?(?=\n<!-- to here -->)"
    README.write_text(re.sub(marked, textwrap.fill(LINE.format(**facts), 120), text), encoding="utf-8")


def write_cells() -> None:
    """Measure all but what a restart costs, and write it into the page."""
    cells, kernel, processes = rows("cells.py"), rows("kernel.py"), rows("processes.py")
    comparison = cells.pop()["an entry"]
    many, cells = ([row for row in cells if (row["kind"] == "many") is wanted] for wanted in (True, False))
    held = further(cells, "pass, dict held")
    passed = [row for row in cells if "autoreload adds" in row]
    reload = statistics.median(row["autoreload adds"] for row in passed)
    added = statistics.median(row["bare"] * (statistics.median(row["ratios"]) - 1) for row in passed)
    pairs = next(row["pairs"] for row in processes if row["kind"] == "import tensorflow")
    loads = next(row["seconds"] for row in processes if row["kind"] == "load")
    memory = [
        f"| {MODES[row['mode']]} | {row['MB']:.0f} MB | {row['classes']:,} |"
        for row in processes
        if row["kind"] == "memory"
    ]
    PAGE.write_text(
        TEXT.format(
            cores=os.cpu_count(),
            python=platform.python_version(),
            restart=restart_section(),
            **{name: version(name) for name in ("tensorflow", "keras", "ipython")},
            cells=table(cells),
            many=many_table(many),
            kernel=kernel_table(kernel),
            held=nanoseconds(held),
            compared=nanoseconds(comparison),
            comparisons=f"{held / comparison:.2f}",
            further=nanoseconds(further(cells, "pass")),
            reload=f"{reload * 1e3:.1f} ms",
            added=microseconds(added),
            times=f"{reload / max(added, 1e-7):,.0f}",
            import_bare=f"{statistics.median(bare for bare, _ in pairs):.2f} s",
            import_guarded=f"{statistics.median(guarded for _, guarded in pairs):.2f} s",
            import_ratio=spread([guarded / bare for bare, guarded in pairs]),
            load=f"{statistics.median(loads) * 1e3:.0f} ms",
            memory="\n".join(memory),
        ),
        encoding="utf-8",
    )


def restart_section() -> str:
    """Return what the page says of a restart."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition("## What a restart costs\n")
    return rest.partition("\n## ")[0]


for part, write in {"cells": write_cells, "restart": write_restart}.items():
    if sys.argv[1:] in ([], [part]):
        write()
        print(f"written: {PAGE.relative_to(HERE.parents[1])}")
