"""What a restart costs: from an edit to a correct state, with the extension, and by "restart, and run all up to here".

Edited is each cell of the repository's notebooks that registers something, or in which the file of a registering module is
written; where there is none, the last one that builds a model. With the extension the edited cell runs, and the later ones
that use what it defines. By restart all cells up to the last of them run. Both must end with the same registries. Prints a
row of JSON for each notebook; ``REPEATS=1 python restart.py quickstart`` measures once, and one of them.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from kernels import Kernel

from kreg_ipython.lib.source import assigned, definitions

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
REPEATS = int(os.environ.get("REPEATS", "5"))
IMPORTS = re.compile(r"^(import|from) \w*(keras|tensorflow)", re.MULTILINE)
STATUS = "get_ipython().run_line_magic('kreg', 'status').to_dict()"


@dataclass
class Cell:
    """A cell: its id, its source, how long its last run took, and the names that it binds and mentions."""

    id: str
    source: str
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.binds = definitions(self.source) | {*assigned(self.source)}
        self.mentions = {*re.findall(r"\w+", self.source)}


def cells_of(notebook: Path) -> list[Cell]:
    """The cells that are run. Those that look at kreg, and those that are to fail, are left out."""
    found = json.loads(notebook.read_text())["cells"]
    code = [(cell["id"], "".join(cell["source"])) for cell in found if cell["cell_type"] == "code"]
    return [Cell(*cell) for cell in code if "kreg" not in cell[1] and "NBVAL_RAISES_EXCEPTION" not in cell[1]]


def run(kernel: Kernel, cell: Cell, more: str = "") -> bool:
    """Run a cell, with more text; whether it succeeded."""
    began = time.monotonic()
    outcome = kernel.run(cell.id, cell.source + more, fails=None)
    cell.seconds = time.monotonic() - began
    return outcome.error is None


def start(folder: str) -> tuple[Kernel, float]:
    """A kernel with the extension, and how long it took until it was ready."""
    began = time.monotonic()
    kernel = Kernel(quiet=True)
    kernel.silently(f"import os; os.chdir({folder!r})\n%load_ext kreg_ipython")
    return kernel, time.monotonic() - began


def edited(status: dict[str, Any], cells: list[Cell]) -> dict[str, str]:
    """The ids of the cells that are edited, and what is added to their text."""
    ids = {cell.id for cell in cells}
    found = {}
    for owner in (entry["owner"] for entry in status["entries"]):
        if owner["kind"] == "cell" and owner["id"] in ids:
            found[owner["id"]] = "\n# edited {}\n"
        elif owner["kind"] == "module":
            module = str(owner["id"]).partition(" ")[0]
            [*_, writer] = [cell.id for cell in cells if f"{module}.py" in cell.source]
            found[writer] = f"\nimport {module}; open({module}.__file__, 'a').write('# edited {{}}\\n')\n"
    building = [cell.id for cell in cells if re.search(r"^model = ", cell.source, re.MULTILINE)]
    return found or {building[-1]: "\n# edited {}\n"}


def users(cells: list[Cell], at: int, keys: set[str]) -> list[Cell]:
    """The later cells that use what a cell defines or registers, directly or not."""
    names, found = cells[at].binds | (keys & cells[at].mentions), []
    for cell in cells[at + 1 :]:
        if names & cell.mentions:
            found.append(cell)
            names |= cell.binds
    return found


def registered(kernel: Kernel) -> list[tuple[str, str]]:
    entries = kernel.value(STATUS)["entries"]
    return sorted((each["registry"], each["key"]) for each in entries if each["state"] in ("current", "kept"))


def measure(notebook: Path, repeats: int = REPEATS) -> dict[str, Any]:
    """The seconds of each edit, both ways, and the parts of a restart."""
    cells = cells_of(notebook)
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for _ in range(repeats):
            kernel, ready = start(folder)
            cells = [cell for cell in cells if run(kernel, cell)]  # what needs a cell that was left out fails
            runs.append((ready, [cell.seconds for cell in cells]))
            fresh = registered(kernel)
            if len(runs) < repeats:
                kernel.close()
        status, by_id = kernel.value(STATUS), {cell.id: at for at, cell in enumerate(cells)}
        keys = {word for entry in status["entries"] for word in re.findall(r"\w+", entry["key"])}
        ours, restarts = [], []
        for cell_id, more in edited(status, cells).items():
            at = by_id[cell_id]
            following = users(cells, at, keys)
            last = by_id[following[-1].id] if following else at
            for number in range(repeats):
                assert run(kernel, cells[at], more.format(number)) and all(run(kernel, cell) for cell in following)
                ours.append(sum(cell.seconds for cell in [cells[at], *following]))
            restarts += [ready + sum(seconds[: last + 1]) for ready, seconds in runs]
        assert registered(kernel) == fresh, (notebook.name, registered(kernel), fresh)
        kernel.close()
    importing = [at for at, cell in enumerate(cells) if IMPORTS.search(cell.source)][:1]
    return {
        "notebook": notebook.stem,
        "edits": len(ours) // repeats,
        "ours": ours,
        "restarts": restarts,
        "start": statistics.median(ready for ready, _ in runs),
        "imports": statistics.median(sum(seconds[at] for at in importing) for _, seconds in runs),
    }


def main(names: list[str]) -> None:
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not names or notebook.stem in names:
            print(json.dumps(measure(notebook)), flush=True)


main(sys.argv[1:])
