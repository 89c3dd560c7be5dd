"""Play notebooks as people develop them: cells run twice, are edited, fail half-way, and run again from there on.

    python tests/differential/notebooks.py PATH ...     play these notebooks, and those in these folders

Any notebook will do. A cell is left out that fails by itself in stock IPython, for want of data or of a package, or that
takes longer than `LONGEST`.
"""

from __future__ import annotations

import ast
import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path[0] = str(TESTS)

from differential.harness import History, Run, Stem  # noqa: E402

LONGEST = 6
"""The seconds of the process's time that a cell of a notebook may take."""
LINES_LEFT_OUT = re.compile(r"^(\s*)[!%].*$", re.MULTILINE)
"""Commands and magics: they install and show things."""
HALFWAY = "\nraise ValueError('half-way')"


def cells(notebook: dict[str, Any]) -> list[str]:
    """Return the texts of a notebook's cells that are Python, without the magics in them."""
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [
        text for text in (LINES_LEFT_OUT.sub(r"\1pass", each) for each in texts if each[:2] != "%%") if _parses(text)
    ]


def edited(text: str, number: int) -> str:
    """Return the text of a cell with one method more in each of its classes, or one variable more if it has none."""
    lines = text.splitlines()
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    for node in sorted(
        classes, key=lambda each: (-(each.end_lineno or 0), each.lineno)
    ):  # the last first, outer ones before inner
        last = node.body[-1]
        lines.insert(last.end_lineno or 0, f"{' ' * last.col_offset}def edited_{number}(self): return {number}")
    new = "\n".join(lines if classes else [*lines, f"edited = {number}"])
    return new if _parses(new) else text  # a class in one line


def histories(name: str, texts: list[str]) -> Iterator[History]:
    """Yield what people do with a notebook: each cell twice; all, edited and again; and one cell after the other.

    In the last one they now and then edit a cell further up, which may fail at first, and run it and those after it again.
    """
    at = [f"cell-{number}" for number in range(len(texts))]
    probes = ["names_in(globals())"]
    yield History(f"{name}: twice", [Run(cell, text) for cell, text in zip(at, texts) for _ in range(2)], probes)
    again = [edited(text, 1) for text in texts]
    yield History(f"{name}: edited", [Run(*each) for each in (*zip(at, texts), *zip(at, again))], probes)
    chance, now, steps = random.Random(name), list(texts), list[Run]()
    for number in range(len(texts)):
        steps.append(Run(at[number], now[number]))
        if chance.random() < 0.35:
            first = max(0, number - chance.randrange(4))
            if chance.random() < 0.7:
                now[first] = edited(texts[first], number)
            if chance.random() < 0.3:
                steps.append(Run(at[first], now[first] + HALFWAY))
            steps += [Run(at[each], now[each]) for each in range(first, number + 1)]
    yield History(f"{name}: developed", steps, probes)


def playable(stem: Stem, texts: list[str]) -> list[str]:
    """Return the cells that work by themselves in stock IPython, one after the other."""
    while texts:
        steps = [{"cell": str(number), "source": text, "longest": LONGEST} for number, text in enumerate(texts)]
        [result] = stem.ask([{"mode": "stock", "steps": steps, "probes": []}])
        if "died" in result:
            return []
        working = [text for text, step in zip(texts, result["steps"], strict=True) if step["error"] is None]
        if len(working) == len(texts):
            return texts
        texts = working
    return []


def _parses(text: str) -> bool:
    try:
        return bool(ast.parse(text).body)
    except SyntaxError:
        return False


def main(arguments: list[str]) -> int:
    """Play the notebooks that are named, show what differs, and return 1 if anything does."""
    paths = [
        path for each in map(Path, arguments) for path in (sorted(each.rglob("*.ipynb")) if each.is_dir() else [each])
    ]
    if not paths:
        print(__doc__)
        return 2
    differing = 0
    with Stem() as stem:
        for path in paths:
            texts = playable(stem, cells(json.loads(path.read_text(encoding="utf-8"))))
            for outcome in stem.play(histories(path.stem, texts)) if texts else []:
                differing += bool(outcome.differences)
                found = [f"  != {each}" for each in outcome.differences]
                print(
                    "\n".join([f"{outcome.history.name}: {len(texts)} cells, {len(outcome.history.runs)} runs", *found])
                )
    print(f"{differing} histories differ")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
