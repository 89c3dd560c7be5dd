"""Random histories: a few cells of blocks that register in the ways of `families`, edited, run again, failing.

In one of four the blocks stand in files, which are edited, broken, mended, reloaded and purged.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace

from differential.families import GUARDED, GUARDS, INTERRUPT, KINDS, MODULE_IMPORTS, guarded, indented
from differential.harness import History, Reopen, Run, Step, Write

CALM = ("keras", "function", "tf_keras", "direct", "conversion", "node")
"""The kinds that can be registered twice in stock IPython: a history of these tells what works there."""
CALLS = {
    "plain": "{}()\n",
    "assigned": "x = {}()\n",
    "listed": "made = [{}() for _ in range(1)]\n",
    "condition": "if True:\n    {}()\n",
    "thread": "t = threading.Thread(target={}); t.start(); t.join()\n",
    "pool": "with ThreadPoolExecutor(1) as pool: pool.submit({}).result()\n",
    "to_thread": "await asyncio.to_thread({})\n",
    "task": "async def task(): {}()\nawait asyncio.create_task(task())\n",
    "wrapped": "def go(): return {}()\ngo()\n",
}
"""Ways to call a factory."""
MEMOS = {
    "cache": "@functools.cache\ndef {make}():\n    global {names}\n{body}    return 1\n",
    "dict": "memo_{make} = {{}}\ndef {make}():\n    global {names}\n    if 1 in memo_{make}: return memo_{make}[1]\n{body}"
    "    return memo_{make}.setdefault(1, 1)\n",
    "flag": "done_{make} = False\ndef {make}():\n    global {names}, done_{make}\n    if not done_{make}:\n{deeper}"
    "        done_{make} = True\n",
    "list": "def {make}(memo=[]):\n    global {names}\n    if memo: return\n    memo.append(1)\n{body}",
}
"""Factories that remember."""
ASKING = ("registry", "suppress", "try")


@dataclass(frozen=True)
class Block:
    """A part of a cell that registers, and uses what it registers."""

    way: str
    """"plain", "guard", "memo", "lib", "loop", "nested", "twice", "exec", "subclass", "update"."""
    kind: str
    number: int
    form: str = ""
    """The guard's form, or how what it calls remembers."""
    call: str = "plain"
    version: int = 1
    suffix: str = ""

    @property
    def name(self) -> str:
        return f"Foo{self.number}{self.suffix}"

    @property
    def key(self) -> str:
        return f"key{self.number}{self.suffix}"

    def body(self) -> str:
        return KINDS[self.kind].define(self.name, self.key, self.version)

    def text(self) -> str:
        kind = KINDS[self.kind]
        use = kind.use(self.name, self.key)
        if self.way == "plain":
            return self.body() + use
        if self.way == "guard":
            return guarded(self.form, kind, self.name, self.key, self.version) + use
        if self.way == "exec":
            inner = guarded(self.form, kind, self.name, self.key, self.version) if self.form else self.body()
            run = "get_ipython().run_cell(text)" if self.call == "assigned" else "exec(text)"
            return f"text = '''\n{inner}'''\n{run}\n{use}"
        if self.way == "memo":
            return CALLS[self.call].format(f"make{self.number}") + use
        if self.way == "lib":
            called = CALLS[self.call].format(f"lib{self.number}.make{self.number}")
            return f"import lib{self.number}\n{called}{use.replace(self.name, f'lib{self.number}.{self.name}')}"
        names = "abcdef"[: self.version]
        if self.way == "loop":
            return f"for n in '{names}':\n    register('L{self.number}', n + '{self.suffix}')(len)\n"
        if self.way == "update":
            pairs = ", ".join(f"'u{self.number}{self.suffix}{n}': len" for n in names)
            return f"get_custom_objects().update({{{pairs}}})\n"
        if self.way == "nested":
            return (
                f"def make{self.number}():\n{indented(self.body())}    def inner():\n        return 1\n    return {self.name}\n"
                f"{self.name} = make{self.number}()\n{use}"
            )
        if self.way == "twice":
            return (
                f"def Twice{self.number}(x): return x + {self.version}\n"
                f"for _ in range(2): register('T', '{self.key}')(Twice{self.number})\nprint('=', held('T>{self.key}'))\n"
            )
        assert self.way == "subclass", self.way
        return f"class {self.name}(Base):\n    package = 'S{self.version}'\n"

    def helper(self) -> str:
        """Return what a factory's cell or file says."""
        body = self.body()
        names = [
            line.split()[1].partition("(")[0].rstrip(":") for line in body.splitlines() if line[:4] in ("clas", "def ")
        ]
        return MEMOS[self.form].format(
            make=f"make{self.number}", names=", ".join(names), body=indented(body), deeper=indented(indented(body))
        )

    def limits(self, edit: str) -> bool:
        """Return whether what remembers keeps an edit from having the effect that it has in a fresh process."""
        remembers = self.way in ("memo", "lib") or (self.way in ("guard", "exec") and self.form not in ("", *ASKING))
        return edit == "version" and remembers


BASE = (
    "class Base(keras.layers.Layer):\n    package = 'S'\n    def __init_subclass__(cls, **k):\n"
    "        super().__init_subclass__(**k)\n        register(cls.package)(cls)\n"
)


@dataclass
class Maker:
    """What a history has come to while it is drawn."""

    random: random.Random
    steps: list[Step] = field(default_factory=list)
    cells: dict[str, list[Block]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    count: int = 0
    epochs: dict[str, int] = field(default_factory=dict)
    """A number in each cell's text that has no effect."""
    limited: bool = False
    renamed: bool = False
    """Whether the last edit renamed what a guard may skip."""
    remembers: bool = False
    """Whether a cell that runs again may leave its entries where they are, so that their order is not that of the runs."""

    def block(self, kinds: tuple[str, ...]) -> Block:
        """Draw a block; what it calls is a file that is written at once, or comes into the first cell."""
        draw, number = self.random, self.count
        self.count += 1
        way = draw.choice(
            [
                "plain",
                "plain",
                "guard",
                "guard",
                "guard",
                "memo",
                "memo",
                "lib",
                "loop",
                "nested",
                "twice",
                "exec",
                "subclass",
                "update",
            ]
        )
        kind, form, call = draw.choice(kinds), "", draw.choice([*CALLS])
        if way in ("memo", "lib") and kind == "flag":
            kind = "keras"
        if way == "nested" and kind in ("flag", "direct"):
            kind = "conversion"
        if way == "guard" or (way == "exec" and draw.random() < 0.6):
            form = draw.choice([*GUARDS])
            if form in ASKING and (kind == "direct" or not KINDS[kind].absent):
                form = "globals"
            if kind == "flag" and form == "function":
                form = "globals"
            if way == "exec" and "'" in KINDS[kind].absent:
                form = "globals"
        if way in ("memo", "lib"):
            form = draw.choice([*MEMOS])
        self.remembers |= way in ("guard", "memo", "lib", "exec")
        block = Block(way, kind, number, form, call, draw.randint(1, 3))
        if way == "lib":
            folder = draw.choice(["", "site-packages/"])
            self.steps.append(Write(f"{folder}lib{number}.py", f"import functools\n{MODULE_IMPORTS}{block.helper()}"))
        return block

    def has_run(self, cell: str) -> bool:
        """Return whether a cell's last run was of its text as it stands."""
        last = [step.source for step in self.steps if isinstance(step, Run) and step.cell == cell][-1]
        return last == self.text(cell)

    def text(self, cell: str) -> str:
        return f"epochs = {self.epochs.get(cell, 0)}\n" + "".join(block.text() for block in self.cells[cell])

    def run(self, cell: str, with_: str = "", at: int | None = None, broken: str = "") -> None:
        parts = [block.text() for block in self.cells[cell]]
        if at is not None:
            parts.insert(min(at, len(parts)), with_)
        self.steps.append(Run(cell, f"epochs = {self.epochs.get(cell, 0)}\n{''.join(parts)}{broken}"))

    def edit(self, cell: str, kinds: tuple[str, ...]) -> None:
        """Change one thing in a cell's text."""
        draw, blocks = self.random, self.cells[cell]
        what = draw.choice(
            [
                "unrelated",
                "unrelated",
                "version",
                "version",
                "rename",
                "remove",
                "add",
                "reorder",
                "call",
                "freed",
                "move",
            ]
        )
        at = draw.randrange(len(blocks)) if blocks else None
        if what == "unrelated" or at is None:
            self.epochs[cell] = self.epochs.get(cell, 0) + 1
        elif what == "version":
            other = draw.choice([n for n in (1, 2, 3) if n != blocks[at].version])
            if blocks[at].way in ("memo", "lib"):
                return  # its text is elsewhere
            self.limited |= blocks[at].limits("version") or (blocks[at].way == "exec" and bool(blocks[at].form))
            blocks[at] = replace(blocks[at], version=other)
        elif what == "rename" and blocks[at].way not in ("memo", "lib"):
            self.limited |= blocks[at].way == "exec"
            self.renamed = blocks[at].way == "guard"
            blocks[at] = replace(blocks[at], suffix=blocks[at].suffix + "x")
        elif what == "remove":
            in_thread = blocks[at].call in ("thread", "pool", "to_thread", "task") and blocks[at].way in ("memo", "lib")
            unseen = blocks[at].kind == "direct" and blocks[at].way in ("memo", "lib")
            self.limited |= in_thread or unseen or blocks[at].way == "exec"
            del blocks[at]
        elif what == "add" and self.count < 8:
            block = self.block(kinds)
            while block.way in ("memo", "subclass"):  # they need the first cell
                block = self.block(kinds)
            blocks.insert(at, block)
        elif what == "reorder":
            draw.shuffle(blocks)
        elif what == "call":
            blocks[at] = replace(blocks[at], call=draw.choice([*CALLS])) if blocks[at].way != "exec" else blocks[at]
        elif what == "freed" and blocks[at].way == "guard":
            blocks[at] = replace(blocks[at], way="plain", form="")
        elif what == "move" and blocks[at].way in ("plain", "loop"):
            to = draw.choice([each for each in self.cells if each != cell])
            moved = blocks.pop(at)
            self.cells[to].append(moved)
            self.run(cell)
            self.run(to)


IMPORTED = {
    "import": "import {0}\n",
    "from": "import {0}\nfrom {0} import *\n",
    "exec": "exec(open('{0}.py').read())\n",
    "runpy": "import runpy\nrunpy.run_path('{0}.py')\n",
    "plugin": "import importlib.util\nspec = importlib.util.spec_from_file_location('plug', '{0}.py')\n"
    "{0} = importlib.util.module_from_spec(spec)\nspec.loader.exec_module({0})\n",
}
"""Ways to bring in a file."""
CACHED = ("import", "from")
"""The ways that execute a file once."""
BASE_FILE = (
    "class Base(keras.layers.Layer):\n    def __init__(self, units=1, **kw):\n        super(Base, self).__init__(**kw)\n"
    "        self.units = units\n    def call(self, x): return x * {}.0\n"
)
DERIVED_FILE = "from base import Base\nclass Derived(Base):\n    def __init__(self, **kw): super(Derived, self).__init__(3, **kw)\n"
DERIVED_USE = (
    "from base import Base as B\nfrom derived import Derived\nmade = globals().get('made') or [B, B(2), Derived()]\n"
    "print('=', *(float(each(np.ones(1))[0]) for each in (B(2), Derived(), made[0](2), *made[1:])))\n"
)


@dataclass
class Library:
    """A file of blocks, and how a cell brings it in."""

    name: str
    way: str
    blocks: list[Block]
    broken: bool = False

    def saved(self) -> Write:
        text = "1/0\n" if self.broken else ""
        return Write(f"{self.name}.py", MODULE_IMPORTS + text + "".join(block.body() for block in self.blocks))

    def cell(self) -> str:
        """Return the text of the cell that brings it in and uses it."""
        text = IMPORTED[self.way].format(self.name)
        for block in self.blocks if self.way != "runpy" else ():
            use = KINDS[block.kind].use(block.name, block.key)
            text += use if self.way in ("from", "exec") else use.replace(block.name, f"{self.name}.{block.name}")
        return text


def of_files(number: int) -> History:
    """Draw a history of files, under a mode of `%autoreload` or none."""
    draw = random.Random(f"kreg files {number}")
    mode = draw.choice(["", "", "1", "2", "2", "3", "2 --full"])
    kinds = CALM if draw.random() < 0.5 else tuple(kind for kind in KINDS if kind != "flag")
    count = itertools.count()

    def block() -> Block:
        return Block("plain", draw.choice(kinds), next(count), version=draw.randint(1, 3))

    ways = [draw.choice(CACHED if mode else [*IMPORTED]) for _ in range(draw.randint(2, 3))]
    libraries = [Library(f"f{at}", way, [block() for _ in range(draw.randint(1, 2))]) for at, way in enumerate(ways)]
    derives = bool(mode) and draw.random() < 0.5
    steps: list[Step] = [each.saved() for each in libraries]
    if derives:
        steps += [
            Write("base.py", MODULE_IMPORTS + BASE_FILE.format(1)),
            Write("derived.py", MODULE_IMPORTS + DERIVED_FILE),
        ]
    names = [each.name for each in libraries] + (["base", "derived"] if derives else [])
    if mode:
        aimed = f"%aimport {', '.join(names)}\n" if mode == "1" else ""
        steps.append(Run("auto", f"%autoreload {mode}\n{aimed}", once=True))

    def run(library: Library) -> None:
        steps.append(Run(f"c{library.name}", library.cell()))

    def saved(*changed: Library, kept: bool = True) -> None:
        """Save files, and let what they say be executed; a module is ``kept`` that may be reloaded."""
        steps.extend(each.saved() for each in changed)
        for each in changed if not mode else ():
            if each.way in CACHED and any(step.cell == f"c{each.name}" for step in steps if isinstance(step, Run)):
                again = (
                    "importlib.reload(sys.modules['{0}'])" if kept and draw.random() < 0.5 else "del sys.modules['{0}']"
                )
                steps.append(Run("again", f"import importlib\n{again.format(each.name)}", once=True))
            run(each)

    for each in libraries:
        run(each)
    if derives:
        steps.append(Run("derived", DERIVED_USE))
    for _ in range(draw.randint(2, 6)):
        one, other = draw.sample(libraries, 2)
        act = draw.choice(["again", "version", "version", "rename", "remove", "add", "move", "break", "base"])
        at = draw.randrange(len(one.blocks)) if one.blocks else None
        if act == "base" and derives:
            steps.append(Write("base.py", MODULE_IMPORTS + BASE_FILE.format(draw.randint(1, 9))))
            steps.append(Run("derived", DERIVED_USE))
        elif act == "break":
            one.broken = True
            steps.append(one.saved())
            if mode:
                steps.append(Run("x", "pass"))
            elif one.way not in CACHED:
                run(one)
            one.broken = False
            saved(one)
        elif act == "add":
            one.blocks.append(block())
            saved(one)
        elif act == "move" and at is not None:
            other.blocks.append(one.blocks.pop(at))
            saved(one, other, kept=False)  # a reload leaves the name, which a star import would bring back
        elif at is not None and act in ("version", "rename", "remove"):
            new = {
                "version": [replace(one.blocks[at], version=one.blocks[at].version % 3 + 1)],
                "rename": [replace(one.blocks[at], suffix=one.blocks[at].suffix + "x")],
                "remove": [],
            }
            one.blocks[at : at + 1] = new[act]
            saved(one)
        for each in libraries if mode else [one]:
            run(each)
    return History(f"seed-{number}", tuple(steps), ordered=False)


def history(number: int) -> History:
    """Draw the history of a seed."""
    if number % 4 == 3:
        return of_files(number)
    draw = random.Random(f"kreg {number}")
    make = Maker(draw)
    kinds = CALM if draw.random() < 0.65 else tuple(KINDS)
    names = [f"c{n}" for n in range(draw.randint(2, 4))]
    make.cells = {name: [make.block(kinds) for _ in range(draw.randint(1, 3))] for name in names}
    helpers = "".join(block.helper() for blocks in make.cells.values() for block in blocks if block.way == "memo")
    first = Run("h", BASE + helpers)
    make.steps.append(first)
    for name in names:
        make.run(name)
    for _ in range(draw.randint(2, 8)):
        cell = draw.choice(names)
        act = draw.choices(
            ["again", "edit", "fail", "interrupt", "syntax", "reopen", "all"], [5, 8, 2, 1, 1, 0.6, 0.6]
        )[0]
        if act == "edit":
            make.edit(cell, kinds)
            make.run(cell)
        elif act in ("fail", "interrupt"):
            make.renamed = False
            if draw.random() < 0.5:
                make.edit(cell, kinds)
            make.limited |= make.renamed  # what a failing run left out is kept
            at = draw.randint(0, len(make.cells[cell]))
            make.run(cell, "1/0\n" if act == "fail" else INTERRUPT, at)
            if draw.random() < 0.8:
                make.run(cell)
        elif act == "syntax":
            make.run(cell, broken="x = (")
            if draw.random() < 0.8:
                make.run(cell)
        elif act == "reopen":
            for each in names:
                if not make.has_run(each):
                    make.run(each)
            make.steps.append(Reopen())  # a cell is known by its text then
            if draw.random() < 0.5:
                make.steps.append(first)
            for each in names:
                make.run(each)
        elif act == "all":
            make.steps.append(first)
            for each in names:
                make.run(each)
        else:
            make.run(cell)
    limitation = GUARDED if make.limited else ""
    return History(f"seed-{number}", tuple(make.steps), limitation=limitation, ordered=not make.remembers)
