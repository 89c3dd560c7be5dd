"""Play a history of cells and files in stock IPython, with kreg_ipython, and its last texts in a fresh process; compare.

    python tests/differential/harness.py --list             name the hand-made histories
    python tests/differential/harness.py NAME ...           play these, or all whose names begin so
    python tests/differential/harness.py --seed N           play the random history of a seed
    python tests/differential/harness.py --seeds N M        play the random histories of the seeds from N to below M

Each history is played in children of one process that has imported the frameworks (see `stem`). Equal to fresh: the
registries hold the same. Never worse than stock: what works in stock and in a fresh process works here, and says the same.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
Result = dict[str, Any]
MADE = "targets made by the framework"
"""The line of a registry that has a number for what the framework itself has registered for the user's entries."""


@dataclass(frozen=True)
class Run:
    """Run a cell. What is done ``once`` is no text of the notebook: a fresh process does not run it."""

    cell: str
    source: str
    once: bool = False


@dataclass(frozen=True)
class Write:
    """Save a file, or delete it; a fresh process meets its last text."""

    path: str
    text: str | None


@dataclass(frozen=True)
class Reopen:
    """Reopen the notebook: each cell has a new id from now on."""


Step = Run | Write | Reopen


@dataclass(frozen=True)
class History:
    """What a user does, and the expressions that are evaluated after it."""

    name: str
    steps: Sequence[Step]
    probes: Sequence[str] = ()
    limitation: str = ""
    """The sentence of the limitations by which the registries may differ from a fresh process's."""
    compare: bool = True
    """Whether the registries are compared."""
    ordered: bool = True
    """Whether the order of entries is compared, where it means something."""
    ids: bool = True
    """Whether the front end tells which cell it is."""
    later: str = ""
    """The fault that is not mended yet: such a history is left out of the tests."""

    @property
    def runs(self) -> list[Run]:
        return [step for step in self.steps if isinstance(step, Run)]

    def played(self) -> list[dict[str, Any]]:
        """Return the steps as a child plays them."""
        steps: list[dict[str, Any]] = []
        reopened = 0
        for number, step in enumerate(self.steps):
            if isinstance(step, Reopen):
                reopened += 1
            elif isinstance(step, Write):
                steps.append({"path": step.path, "text": step.text, "moment": 1_600_000_000 + 10 * number})
            else:
                name = f"{step.cell}.{reopened}" if reopened else step.cell
                steps.append({"source": step.source, "cell": name if self.ids else None, "session": str(reopened)})
        return steps

    def fresh(self, upto: int | None = None) -> list[dict[str, Any]]:
        """Return what a fresh process does: the files' last texts, then each cell's, in the order of their last runs.

        ``upto`` is the number of the last run that counts; what was done once is done only as that one.
        """
        files: dict[str, str | None] = {}
        cells: dict[str, str] = {}
        number = 0
        for step in self.steps:
            if isinstance(step, Write):
                files[step.path] = step.text
            elif isinstance(step, Run):
                if not step.once or number == upto:
                    cells.pop(step.cell, None)
                    cells[step.cell] = step.source
                number += 1
                if upto is not None and number > upto:
                    break
        saved = [
            {"path": path, "text": text, "moment": 1_600_000_000} for path, text in files.items() if text is not None
        ]
        return [*saved, *({"source": source, "cell": cell} for cell, source in cells.items())]

    def __str__(self) -> str:
        lines = [f"history {self.name}"]
        shown: dict[str | None, int] = {}
        for number, step in enumerate(self.steps, 1):
            if isinstance(step, Reopen):
                lines.append("  -- the notebook is reopened")
            else:
                what = f"file {step.path}" if isinstance(step, Write) else f"cell {step.cell}"
                text = step.text if isinstance(step, Write) else step.source
                lines.append(f"  -- {number}. {what}{' (once)' if isinstance(step, Run) and step.once else ''}")
                if (first := shown.setdefault(text, number)) != number:
                    lines.append(f"     (as {first}.)")
                    continue
                lines += [f"     {line}" for line in (text if text is not None else "(deleted)").rstrip().splitlines()]
        return "\n".join(lines)


@dataclass
class Outcome:
    """A history and what came of it; no ``differences`` is as it should be."""

    history: History
    kreg: Result
    fresh: Result
    stock: Result = field(default_factory=dict)
    """What stock IPython does, or what we do if that cannot matter."""
    differences: list[str] = field(default_factory=list)
    no_reference: str = ""
    """Why the registries could not be compared."""

    def __post_init__(self) -> None:
        self.stock = self.stock or self.kreg

    def __str__(self) -> str:
        return "\n".join([str(self.history), *(f"  != {difference}" for difference in self.differences)])


class Stem:
    """The process that is forked, see `stem`."""

    def __enter__(self) -> Stem:
        self.home = tempfile.TemporaryDirectory(prefix="kreg-home-")
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(TESTS)]))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0"}
        home = {"IPYTHONDIR": self.home.name, "TMPDIR": self.home.name, "PYTHONHASHSEED": "0", "PYTHONPATH": path}
        self.log = open(Path(self.home.name) / "log", "w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from differential import stem; stem.serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=self.home.name,
            env={**os.environ, **threads, **quiet, **home},
        )
        return self

    def __exit__(self, *exception: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()
        self.home.cleanup()

    def ask(self, jobs: list[dict[str, Any]]) -> list[Result]:
        """Let children play jobs; return what came of each."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(jobs) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError(f"the process that is forked has ended:\n{self.log.read()[-5000:]}")
        results: list[Result] = json.loads(line)
        return results

    def play(self, histories: Iterable[History]) -> list[Outcome]:
        """Play histories in the three ways, and compare."""
        histories = list(histories)
        results = iter(self.ask([_job(history, mode) for history in histories for mode in ("kreg", "fresh")]))
        outcomes = [Outcome(history, kreg=next(results), fresh=next(results)) for history in histories]
        asking = outcomes if len(outcomes) == 1 else [each for each in outcomes if _may_depend_on_stock(each)]
        for outcome, stock in zip(asking, self.ask([_job(each.history, "stock") for each in asking]), strict=True):
            outcome.stock = stock
        doubtful = [(outcome, number) for outcome in outcomes for number in _doubtful(outcome)]
        prefixes = self.ask([_job(outcome.history, "fresh", number) for outcome, number in doubtful])
        for outcome in outcomes:
            asked = {
                number: result for (whose, number), result in zip(doubtful, prefixes, strict=True) if whose is outcome
            }
            _compare(outcome, asked)
        return outcomes


def _job(history: History, mode: str, upto: int | None = None) -> dict[str, Any]:
    steps = history.fresh(upto) if mode == "fresh" else history.played()
    return {"mode": mode, "steps": steps, "probes": list(history.probes) if upto is None else []}


def _may_depend_on_stock(outcome: Outcome) -> bool:
    """Return whether what stock IPython does may matter: not if all works, nothing is said, and all is as in fresh."""
    kreg, fresh, history = outcome.kreg, outcome.fresh, outcome.history
    if "died" in kreg or "died" in fresh or history.limitation:
        return True
    texts = (getattr(step, "source", None) or getattr(step, "text", None) or "" for step in history.steps)
    if any(map(SAYS.search, texts)) or any(step["error"] or step["unloaded"] for step in kreg["steps"]):
        return True
    return kreg["registries"] != fresh["registries"] or kreg["probes"] != fresh["probes"]


# -- comparing

SAYS = re.compile(r"[\"']=")
"""What a cell prints that says something begins so."""
REGISTRYS = re.compile(
    r"regist|already|Duplicate|locate|Unknown|Multiple dispatch|defined twice|two gradient|convert|dispatch", re.I
)
"""What the errors of registries say: one of them is no failure of the user's own."""


def _doubtful(outcome: Outcome) -> list[int]:
    """Return the numbers of the runs that went otherwise with us than in stock: a fresh process decides."""
    if "died" in outcome.stock or "died" in outcome.kreg:
        return []
    pairs = zip(outcome.stock["steps"], outcome.kreg["steps"], strict=True)
    doubtful = [
        number
        for number, (stock, kreg) in enumerate(pairs)
        if stock["error"] is None and (kreg["error"] is not None or kreg["said"] != stock["said"])
    ]
    return doubtful[:3]  # what goes wrong later may follow from these


def _compare(outcome: Outcome, asked: dict[int, Result]) -> None:
    history, found = outcome.history, outcome.differences
    for mode in ("stock", "kreg", "fresh"):
        result = getattr(outcome, mode)
        if "died" in result:
            found.append(f"the {mode} process died: {result['died']}")
    if found:
        return
    for number, run in enumerate(history.runs):
        kreg = outcome.kreg["steps"][number]
        if kreg["fault"]:
            found.append(f"run {number + 1} (cell {run.cell}): a fault of ours shows: {kreg['text']}")
        if kreg["unloaded"] and not outcome.stock["steps"][number]["unloaded"]:
            found.append(f"run {number + 1} (cell {run.cell}): a reload fails with us alone: {kreg['text']}")
    for number, result in asked.items():
        _compare_run(outcome, number, result)
    relaxed = _compare_last_runs(outcome)
    if history.compare and not outcome.no_reference:
        _compare_registries(outcome, relaxed)
    _compare_probes(outcome, relaxed)


def _compare_run(outcome: Outcome, number: int, fresh: Result) -> None:
    """Decide about a run that went otherwise with us than in stock; the fresh process's last cell is the same run."""
    where = f"run {number + 1} (cell {outcome.history.runs[number].cell})"
    stock, kreg = outcome.stock["steps"][number], outcome.kreg["steps"][number]
    if "died" in fresh:
        outcome.differences.append(f"the fresh process for {where} died: {fresh['died']}")
    elif fresh["steps"][-1]["error"] is None:
        said = fresh["steps"][-1]["said"]
        if kreg["error"] is not None:
            outcome.differences.append(f"{where} fails with us alone: {kreg['error']}")
        elif kreg["said"] != said and stock["said"] == said:
            outcome.differences.append(f"{where} says {kreg['said']} with us alone, else {said}")


def _compare_last_runs(outcome: Outcome) -> bool:
    """Compare how each cell's last run ended; return whether what failed may have left more than a fresh process has."""
    history = outcome.history
    last = {run.cell: number for number, run in enumerate(history.runs) if not run.once}
    order = [step["cell"] for step in history.fresh() if "cell" in step]
    relaxed = False
    for cell, fresh in zip(order, outcome.fresh["steps"], strict=True):
        stock, kreg = outcome.stock["steps"][last[cell]], outcome.kreg["steps"][last[cell]]
        if kreg["error"] is None and fresh["error"] is not None:
            outcome.no_reference = f"cell {cell} fails in a fresh process: {fresh['error']}"
        elif kreg["error"] is not None:
            relaxed = True
            own = stock["error"] == kreg["error"] and not REGISTRYS.search(kreg["error"])
            if fresh["error"] is None and not own and stock["error"] is not None:
                outcome.differences.append(f"cell {cell} fails at last, and not in a fresh process: {kreg['error']}")
    return relaxed


def _compare_registries(outcome: Outcome, relaxed: bool) -> None:
    fresh, kreg, stock = (result["registries"] for result in (outcome.fresh, outcome.kreg, outcome.stock))
    limited = bool(outcome.history.limitation)
    for registry in sorted({*fresh, *kreg}):
        wanted, have = [[tuple(line) for line in each.get(registry, [])] for each in (fresh, kreg)]
        if limited:
            in_stock = {line[0] for line in stock.get(registry, [])}
            lost = {line[0] for line in wanted if line[1] != "missing"} & in_stock - {line[0] for line in have}
            outcome.differences += [f"{registry}: {key} is lost; stock and fresh have it" for key in sorted(lost)]
            continue
        if relaxed:  # what a failed cell has left has targets, too
            wanted = [line for line in wanted if line[0] != MADE]
        less, more = Counter(wanted) - Counter(have), Counter(have) - Counter(wanted)
        outcome.differences += [f"{registry}: not as in fresh, which has {' '.join(line)}" for line in less.elements()]
        if not relaxed:
            outcome.differences += [f"{registry}: fresh has no {' '.join(line)}" for line in more.elements()]
            if outcome.history.ordered and not less and not more and wanted != have:
                outcome.differences.append(
                    f"{registry}: the order is {[line[0] for line in have]}, in fresh {[line[0] for line in wanted]}"
                )


def _compare_probes(outcome: Outcome, relaxed: bool) -> None:
    for probe in outcome.history.probes:
        stock, kreg, fresh = (result["probes"][probe] for result in (outcome.stock, outcome.kreg, outcome.fresh))
        if fresh.startswith("raises") or kreg == fresh:
            continue
        works = not stock.startswith("raises")
        bound = not (outcome.history.limitation or outcome.no_reference or relaxed or not outcome.history.compare)
        if (works and kreg.startswith("raises")) or (works and stock == fresh) or bound:
            outcome.differences.append(f"{probe} is {kreg}, in fresh {fresh}, in stock {stock}")


# -- the command line


def _show(outcome: Outcome) -> None:
    history = outcome.history
    print(history)
    results = {"stock": outcome.stock, "kreg": outcome.kreg, "fresh": outcome.fresh}
    if outcome.kreg.get("where"):
        print(f"  kreg_ipython is {outcome.kreg['where']}")
    for mode, result in results.items():
        print(f"== {mode}")
        if "died" in result:
            print(result["died"])
            continue
        cells = [step["cell"] for step in history.fresh() if "cell" in step]
        cells = cells if mode == "fresh" else [run.cell for run in history.runs]
        for cell, step in zip(cells, result["steps"]):
            print(f"   {cell}: {step['error'] or 'ok'} {' '.join(step['said'])}")
            if mode == "kreg" and step["text"].strip():
                print("\n".join(f"        | {line}" for line in step["text"].strip().splitlines()[-12:]))
        for registry, lines in result["registries"].items():
            for line in lines:
                print(f"   {registry}: {' '.join(line)}")
        for probe, value in result["probes"].items():
            print(f"   {probe} -> {value}")
    print("== as it should be" if not outcome.differences else "== differences")
    print("\n".join(f"   {difference}" for difference in outcome.differences))
    if outcome.no_reference:
        print(f"   (not compared: {outcome.no_reference})")


def main(arguments: list[str]) -> int:
    """Play what the command line names, show it, and return 1 if anything differs."""
    from differential import families, generate

    made = {history.name: history for history in families.histories()}
    if arguments[:1] == ["--list"]:
        print("\n".join(made))
        return 0
    if arguments[:1] == ["--seed"]:
        chosen = [generate.history(int(arguments[1]))]
    elif arguments[:1] == ["--seeds"]:
        chosen = [generate.history(number) for number in range(int(arguments[1]), int(arguments[2]))]
    else:
        chosen = [made[name] for name in arguments if name in made] or [
            history for name, history in made.items() if any(name.startswith(each) for each in arguments)
        ]
    if not chosen:
        print(__doc__)
        return 2
    with Stem() as stem:
        outcomes = stem.play(chosen)
    for outcome in outcomes:
        if len(outcomes) == 1:
            _show(outcome)
        elif outcome.differences:
            print(outcome, end="\n\n")
        elif outcome.no_reference:
            print(f"history {outcome.history.name}: not compared: {outcome.no_reference}")
    differing = sum(bool(outcome.differences) for outcome in outcomes)
    print(
        f"{differing} of {len(outcomes)} differ, {sum(bool(each.no_reference) for each in outcomes)} without reference"
    )
    return int(differing > 0)


if __name__ == "__main__":
    sys.path[0] = str(TESTS)
    from differential import harness

    sys.exit(harness.main(sys.argv[1:]))
