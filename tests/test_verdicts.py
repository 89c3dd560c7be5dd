"""What becomes of an entry before its owner runs again, and after: the verdicts as tables. No IPython, no framework."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from kreg_ipython.guard.verdicts import Step, Way, drops_key, is_left_out, is_outdated, lost, place, says, verdict
from kreg_ipython.lib.source import read

FOO = "@reg('P')\nclass Foo:\n    x = 1\n"
FOO2 = FOO.replace("x = 1", "x = 2")
IN_IF = "if 'Foo' not in globals():\n    @reg('P')\n    class Foo:\n        x = 1\n"
IN_IF2 = IN_IF.replace("x = 1", "x = 2")
ASKS = IN_IF.replace("'Foo' not in globals()", "'K' not in objects")
ASKS2 = ASKS.replace("x = 1", "x = 2")
MAKE = "def make():\n    reg('P')(f)\nmake()\n"
DONE = "def make():\n    if done:\n        return\n    reg('P')(f)\nmake()\n"
CACHED = "@functools.cache\ndef make():\n    reg('P')(f)\nmake()\n"
LOOP = "for n in names:\n    reg(n)(f)\n"
HELPER = "def setup():\n    reg('P')(f)\n"
GUARDED_HELPER = "def setup():\n    if not done:\n        reg('P')(f)\n"


class Row(NamedTuple):
    """A row of the table: the text before, the text now, the lines of the way, the verdict."""

    before: str
    now: str | None
    lines: tuple[int, ...]
    verdict: str
    library: str = ""
    """The library's function that the last line calls."""
    helper: tuple[str, str | None, int] | None = None
    """A user's function elsewhere: its text then, its text now, the line in it."""
    function: str = "setup"
    """The name of that function."""
    own: str = "make"
    """The function of the cell's own in which the lines are, but for the first one of a complete way."""
    definition: str = ""
    complete: bool = True
    wrapped: bool = False
    written: bool = False

    def way(self) -> Way:
        """The way that led to the registration."""
        steps = [
            Step("own", line, self.own if at or not self.complete else "", wrapped=self.wrapped and at > 0)
            for at, line in enumerate(self.lines)
        ]
        if self.library:
            steps.append(Step("library", function=self.library))
        if self.helper is not None:
            before, now, line = self.helper
            texts = read(before), None if now is None else read(now)
            steps.append(Step("user", line, self.function, *texts, self.wrapped))
        return Way(tuple(steps), self.complete, self.definition, self.written, "K", "get_objects")


TASK = Row(
    "async def task():\n    setup()\nawait gather(task())",
    "x = 1",
    (2,),
    "gone",
    helper=(HELPER, HELPER, 2),
    complete=False,
    own="task",
)

LOOPS = {
    "again": (
        "'a b'.split()",
        "['a'] + ['b']",
        "sorted({'a', 'b'})",
        "[f'n{i}' for i in range(3)]",
        "dict(a=1).items()",
    ),
    "maybe": (
        "list",
        "items",
        "keys",
        "values",
        "max(list)",
        "names.split()",
        "(names := names[1:])",
        "[names for names in names]",
        "sorted(keys)",
        "'a b'.split(sep)",
        "map(make, 'ab')",
        "filter(lambda n: n not in done, 'ab')",
        "[n for n in 'ab' if n not in done]",
        "open('f').read().split()",
        "(await names())",
        "next(iter('ab'))",
    ),
}
"""What a loop goes over that the text computes of what it says itself, and that may be another thing each time."""
VERDICTS = {
    # again: the cell's own body, and nothing that can skip it
    "a decorated class": Row(FOO, FOO, (1,), "again"),
    "a decorated class, edited": Row(FOO, FOO2, (1,), "again"),
    "a decorated class, at the line of its statement": Row(FOO, FOO2, (2,), "again"),
    "a decorated class with another base": Row(FOO, FOO.replace("Foo", "Foo(Base)"), (1,), "again"),
    "a class below other lines": Row(FOO, "x = 1\n\n" + FOO, (1,), "again"),
    "a call": Row("reg('P')(f)", "x = 1\nreg('P')(f)", (1,), "again"),
    "a call beside an edited line": Row("epochs = 3\nreg('P')(f)", "epochs = 4\nreg('P')(f)", (2,), "again"),
    "a call in the cell's own function": Row(MAKE, MAKE, (3, 2), "again"),
    "a call in a method": Row(
        "class A:\n    def make(self):\n        reg('P')(f)\nA().make()",
        "class A:\n    def make(self):\n        reg('P')(f)\nA().make()",
        (4, 3),
        "again",
    ),
    "a nested function's return is not the outer one's": Row(
        "def make():\n    def conv(v): return 1\n    reg(conv)\nmake()",
        "def make():\n    def conv(v): return 1\n    reg(conv)\nmake()",
        (4, 3),
        "again",
    ),
    "a lambda's body is not the function's": Row(
        "def make():\n    g = lambda: 1\n    reg(g)\nmake()",
        "def make():\n    g = lambda: 1\n    reg(g)\nmake()",
        (4, 3),
        "again",
    ),
    "a return at the end": Row(
        "def make():\n    return reg('P')(f)\nmake()", "def make():\n    return reg('P')(f)\nmake()", (3, 2), "again"
    ),
    "a loop over what is listed": Row(
        "for n in ['A', 'B']:\n    reg(n)(f)", "for n in ['A', 'B']:\n    reg(n)(f)", (2,), "again"
    ),
    "a loop over a dict's items": Row(
        "for n, g in {'A': f}.items():\n    reg(n)(g)", "for n, g in {'B': f}.items():\n    reg(n)(g)", (2,), "again"
    ),
    "a loop over a range": Row("for n in range(3):\n    reg(n)(f)", "for n in range(3):\n    reg(n)(f)", (2,), "again"),
    **{
        f"a loop over what is {verdict} the same: {names}": Row(
            *[f"for n in {names}:\n    reg(n)(f)"] * 2, (2,), verdict
        )
        for verdict, some in LOOPS.items()
        for names in some
    },
    "a comprehension over what is listed": Row("[reg(n) for n in 'AB']", "[reg(n) for n in 'AB']", (1,), "again"),
    "a user's function elsewhere": Row("setup()", "setup()", (1,), "again", helper=(HELPER, HELPER, 2)),
    "a base class that registers": Row(
        "class Derived(Base): pass",
        "class Derived(Base): x = 1",
        (1,),
        "again",
        helper=(
            "class Base:\n    def __init_subclass__(cls):\n        reg(cls)",
            "class Base:\n    def __init_subclass__(cls):\n        reg(cls)",
            3,
        ),
        function="Base.__init_subclass__",
    ),
    "an async function": Row(
        "async def make():\n    reg('P')(f)\nawait make()",
        "async def make():\n    reg('P')(f)\nawait make()",
        (3, 2),
        "again",
    ),
    "a static method": Row(
        "class A:\n    @staticmethod\n    def make():\n        reg('P')(f)\nA.make()",
        "class A:\n    @staticmethod\n    def make():\n        reg('P')(f)\nA.make()",
        (5, 4),
        "again",
    ),
    "a cell under %%time": Row("%%time\nreg('P')(f)", "%%time\nreg('P')(f)", (2,), "again"),
    "a line magic": Row("%time setup()", "%time setup()", (1,), "again"),
    "an indented cell": Row("    reg('P')(f)", "    reg('P')(f)", (1,), "again"),
    "a guard that was taken away": Row(IN_IF, FOO, (2,), "again"),
    "a decorator of the user's": Row(
        "@mark\nclass Foo: pass",
        "@mark\nclass Foo: x = 1",
        (1,),
        "again",
        helper=("def mark(c):\n    reg(c)", "def mark(c):\n    reg(c)", 2),
        function="mark",
    ),
    "a decorator that a user's function makes": Row(
        "@mark('P')\nclass Foo: pass",
        "@mark('P')\nclass Foo: pass",
        (1,),
        "again",
        helper=("def mark(p):\n    def deco(c):\n        reg(c)\n    return deco",) * 2 + (3,),
        function="mark.<locals>.deco",
    ),
    # gone: a statement of the way is not there any more
    "a task that is not made": TASK,
    "nothing is left": Row(FOO, "x = 1", (1,), "gone"),
    "an empty text": Row(FOO, "", (1,), "gone"),
    "another class": Row(FOO, FOO.replace("Foo", "Bar"), (1,), "gone"),
    "another key": Row("reg('P', 'A')(f)", "reg('P', 'B')(f)", (1,), "gone"),
    "another function": Row("reg('P')(f)", "reg('P')(g)", (1,), "gone"),
    "a call that became another statement": Row("reg('P')(f)", "x = reg('P')(f)", (1,), "gone"),
    "a statement in a comment": Row("reg('P')(f)", "# reg('P')(f)", (1,), "gone"),
    "a statement in another function": Row(MAKE, MAKE.replace("make", "build"), (3, 2), "gone"),
    "a function that lost its statement": Row(MAKE, MAKE.replace("reg('P')(f)", "pass"), (3, 2), "gone"),
    "a function that is not called": Row(MAKE, MAKE.removesuffix("make()\n"), (3, 2), "gone"),
    "a helper elsewhere that lost its statement": Row(
        "setup()", "setup()", (1,), "gone", helper=(HELPER, "def setup(): pass", 2)
    ),
    "a helper elsewhere that is not called": Row("setup()", "x = 1", (1,), "gone", helper=(HELPER, HELPER, 2)),
    "a library's function that is not called": Row("lib.setup()", "x = 1", (1,), "gone", library="setup"),
    "another function of the library's": Row("lib.setup()", "lib.other()", (1,), "gone", library="setup"),
    "another magic": Row("%time setup()", "%time other()", (1,), "gone"),
    "a body that another language executes": Row("reg('P')(f)", "%%bash\nreg('P')(f)", (1,), "gone"),
    "a class that left its condition": Row(IN_IF, "if 'Foo' not in globals():\n    x = 2\n", (2,), "gone"),
    "a class that left its condition, where another function stands": Row(
        IN_IF, "if 'Foo' not in globals():\n    def x(): pass\n", (2,), "gone"
    ),
    "a class in whose place another call of the same function stands": Row(
        IN_IF, "if 'Foo' not in globals():\n    reg('P')(f)\n", (2,), "maybe"
    ),
    "a write in whose place another one stands": Row(
        "if x:\n    d[k] = f\n", "if x:\n    e[k] = f\n", (2,), "maybe", written=True
    ),
    "a plain class in whose place another one stands": Row(
        "if x:\n    class Foo(Base): pass\n", "if x:\n    class Bar(Base): pass\n", (2,), "maybe"
    ),
    "a class that lost its decorator": Row(IN_IF, IN_IF.replace("@reg('P')\n    ", ""), (2,), "gone"),
    "a class with another decorator": Row(IN_IF, IN_IF.replace("@reg('P')", "@serial"), (2,), "gone"),
    "a class with one decorator more": Row(IN_IF, IN_IF.replace("@reg", "@once\n    @reg"), (2,), "maybe"),
    "a class with another base": Row("if x:\n    class A(B): pass\n", "if x:\n    class A(C): pass\n", (2,), "gone"),
    "a class with one base more": Row(
        "if x:\n    class A(B): pass\n", "if x:\n    class A(B, C): pass\n", (2,), "maybe"
    ),
    "a class without bases, edited": Row("if x:\n    class A: y = 1\n", "if x:\n    class A: y = 2\n", (2,), "maybe"),
    "a statement that left its condition": Row("if x:\n    reg('A')(f)\n", "if x:\n    pass\n", (2,), "gone"),
    "a guarded statement, and its guard": Row("if x:\n    reg('A')(f)\n", "y = 1\n", (2,), "gone"),
    "a dict's key that is written": Row("d['A'] = f", "d['B'] = f", (1,), "gone", written=True),
    "a loop that writes": Row("for n in names:\n    d[n] = f", "x = 1", (), "gone", written=True, complete=False),
    "what was there before, and is not defined": Row(
        "class Foo: pass\nreg(Foo)", "x = 1", (), "gone", definition="Foo"
    ),
    # changed: a guard is to let the edit through
    "a guarded class, edited": Row(ASKS, ASKS2, (2,), "changed"),
    "a guarded class with another decorator": Row(ASKS, ASKS.replace("'P'", "'Q'"), (2,), "changed"),
    "a guard that asks for the container": Row(
        ASKS.replace("'K' not in objects", "name not in get_objects()"),
        ASKS2.replace("'K' not in objects", "name not in get_objects()"),
        (2,),
        "changed",
    ),
    "a class in a try statement, edited": Row(
        "try:\n    objects['K']\nexcept KeyError:\n    @reg('P')\n    class Foo:\n        x = 1\n",
        "try:\n    objects['K']\nexcept KeyError:\n    @reg('P')\n    class Foo:\n        x = 2\n",
        (4,),
        "changed",
    ),
    "a function under a condition, registered below": Row(
        "if find('K') is None:\n    def f(): return 1\n    reg('P')(f)",
        "if find('K') is None:\n    def f(): return 2\n    reg('P')(f)",
        (3,),
        "changed",
        definition="f",
    ),
    "a guarded call that says something else": Row(
        "if 'K' not in objects:\n    reg(1)", "if 'K' not in objects:\n    reg(2)", (2,), "changed"
    ),
    "an expression that asks": Row("find('K') or reg(1)", "find('K') or reg(2)", (1,), "changed"),
    "a class behind an early return, edited": Row(
        "def make():\n    if 'K' in objects: return\n    @reg('P')\n    class Foo:\n        x = 1\nmake()",
        "def make():\n    if 'K' in objects: return\n    @reg('P')\n    class Foo:\n        x = 2\nmake()",
        (6, 3),
        "changed",
    ),
    "a guarded class that moved into a function, edited": Row(
        ASKS,
        "def make():\n    if 'K' not in objects:\n        @reg('P')\n        class Foo:\n            x = 2\nmake()",
        (2,),
        "changed",
    ),
    # maybe: the run may skip it
    "a guarded class": Row(IN_IF, IN_IF, (2,), "maybe"),
    "a guard that asks the registry, unchanged": Row(ASKS, ASKS, (2,), "maybe"),
    "a class that is edited under a guard on the namespace": Row(IN_IF, IN_IF2, (2,), "maybe"),
    "a class that is edited under a guard on a name": Row(
        IN_IF.replace("'Foo' not in globals()", "not done"),
        IN_IF2.replace("'Foo' not in globals()", "not done"),
        (2,),
        "maybe",
    ),
    "a class that is edited under a NameError": Row(
        "try:\n    Foo\nexcept NameError:\n    @reg('P')\n    class Foo:\n        x = 1\n",
        "try:\n    Foo\nexcept NameError:\n    @reg('P')\n    class Foo:\n        x = 2\n",
        (4,),
        "maybe",
    ),
    "a key that only the namespace is asked for": Row(
        ASKS.replace("objects", "globals()"), ASKS2.replace("objects", "globals()"), (2,), "maybe"
    ),
    "a guarded class beside an edited line": Row(IN_IF + "y = 1", IN_IF + "y = 2", (2,), "maybe"),
    "a call that a magic makes now": Row(
        "setup()", "%time setup()", (1,), "maybe", helper=(GUARDED_HELPER, GUARDED_HELPER, 3)
    ),
    "a default value with a condition": Row("def f(x=y or reg(1)): pass", "def f(x=y or reg(1)): pass", (1,), "maybe"),
    "a guarded call": Row("if x:\n    reg('P')(f)", "if x:\n    reg('P')(f)", (2,), "maybe"),
    "an else": Row("if x:\n    pass\nelse:\n    reg('P')(f)", "if x:\n    pass\nelse:\n    reg('P')(f)", (4,), "maybe"),
    "a try statement": Row(
        "try:\n    reg('P')(f)\nfinally:\n    pass", "try:\n    reg('P')(f)\nfinally:\n    pass", (2,), "maybe"
    ),
    "an except clause": Row(
        "try:\n    x\nexcept E:\n    reg('P')(f)", "try:\n    x\nexcept E:\n    reg('P')(f)", (4,), "maybe"
    ),
    "a with statement": Row("with suppress(E):\n    reg('P')(f)", "with suppress(E):\n    reg('P')(f)", (2,), "maybe"),
    "a match statement": Row(
        "match x:\n    case 1:\n        reg('P')(f)", "match x:\n    case 1:\n        reg('P')(f)", (3,), "maybe"
    ),
    "a while loop": Row("while todo:\n    reg(todo.pop())(f)", "while todo:\n    reg(todo.pop())(f)", (2,), "maybe"),
    "a loop over computed data": Row(LOOP, LOOP, (2,), "maybe"),
    "a loop over a call": Row("for n in names():\n    reg(n)", "for n in names():\n    reg(n)", (2,), "maybe"),
    "a loop over a starred list": Row(
        "for n in [*names]:\n    reg(n)", "for n in [*names]:\n    reg(n)", (2,), "maybe"
    ),
    "a loop that continues": Row(
        "for n in 'AB':\n    if n in done: continue\n    reg(n)",
        "for n in 'AB':\n    if n in done: continue\n    reg(n)",
        (3,),
        "maybe",
    ),
    "an expression with `or`": Row("x = x or reg('P')(f)", "x = x or reg('P')(f)", (1,), "maybe"),
    "a conditional expression": Row("x = 1 if x else reg('P')(f)", "x = 1 if x else reg('P')(f)", (1,), "maybe"),
    "a comprehension with a condition": Row(
        "[reg(n) for n in 'AB' if n]", "[reg(n) for n in 'AB' if n]", (1,), "maybe"
    ),
    "a filter": Row("list(filter(reg, 'AB'))", "list(filter(reg, 'AB'))", (1,), "maybe"),
    "a function that may return early": Row(DONE, DONE, (5, 4), "maybe"),
    "a generator": Row(
        "def make():\n    reg('P')(f)\n    yield\nlist(make())",
        "def make():\n    reg('P')(f)\n    yield\nlist(make())",
        (4, 2),
        "maybe",
    ),
    "a cached function": Row(CACHED, CACHED, (4, 3), "maybe"),
    "a function that something stands in for": Row(MAKE, MAKE, (3, 2), "maybe", wrapped=True),
    "a helper elsewhere with a guard": Row(
        "setup()", "setup()", (1,), "maybe", helper=(GUARDED_HELPER, GUARDED_HELPER, 3)
    ),
    "a helper elsewhere that is wrapped": Row(
        "setup()", "setup()", (1,), "maybe", helper=(HELPER, HELPER, 2), wrapped=True
    ),
    "a helper elsewhere whose text is not known": Row("setup()", "setup()", (1,), "maybe", helper=(HELPER, None, 2)),
    "a function under another name": Row("once()", "once()", (1,), "maybe", helper=(HELPER, HELPER, 2), wrapped=True),
    "a function that an item stands for": Row(
        "memo['k']", "memo['k']", (1,), "maybe", helper=(HELPER, HELPER, 2), wrapped=True
    ),
    "a function that an attribute stands for": Row(
        "lazy.k", "lazy.k", (1,), "maybe", helper=(HELPER, HELPER, 2), wrapped=True
    ),
    "a chained comparison": Row("0 < x < reg(1)", "0 < x < reg(1)", (1,), "maybe"),
    "a function that is imported under another name": Row(
        "setup()", "from lib import setup as s\ns()", (1,), "maybe", helper=(HELPER, HELPER, 2)
    ),
    "a guard on the namespace around one that asks": Row(
        "if 'Foo' not in globals():\n" + "".join(f"    {line}\n" for line in ASKS.splitlines()),
        "if 'Foo' not in globals():\n" + "".join(f"    {line}\n" for line in ASKS2.splitlines()),
        (3,),
        "maybe",
    ),
    "a library's function": Row("lib.setup()", "lib.setup()", (1,), "maybe", library="setup"),
    "a library's function in another statement": Row("lib.setup()", "x = lib.setup()", (1,), "maybe", library="setup"),
    "a library's function with other arguments": Row(
        "lib.setup('A')", "lib.setup('A', 'B')", (1,), "maybe", library="setup"
    ),
    "a library's function under another name": Row(
        "lib.Model()", "m = lib.Model()", (1,), "maybe", library="Model.__init__"
    ),
    "a library's function in a function": Row(
        "lib.setup()", "def go(): lib.setup()\ngo()", (1,), "maybe", library="setup"
    ),
    "a function of the cell's own that was inlined": Row(
        "def go(): lib.setup()\ngo()", "lib.setup()", (2, 1), "maybe", library="setup"
    ),
    "a function that is handed to a thread": Row(
        "setup()", "Thread(target=setup).start()", (1,), "maybe", helper=(HELPER, HELPER, 2)
    ),
    "a task whose function is handed to a thread": TASK._replace(now="Thread(target=setup).start()", verdict="maybe"),
    "a thread": Row(MAKE, MAKE, (2,), "maybe", complete=False),
    "a thread beside an edited line": Row("epochs = 3\n" + MAKE, "epochs = 4\n" + MAKE, (3,), "maybe", complete=False),
    "nobody saw it, and the text stands": Row("x = 1", "x = 1\ny = 2", (), "maybe", complete=False),
    "nobody saw it, and the text does not stand": Row("x = 1", "x = 2", (), "maybe", complete=False),
    "a class that moved into a function": Row(
        IN_IF, "def make():\n    if a:\n        @reg('P')\n        class Foo:\n            x = 1\nmake()", (2,), "maybe"
    ),
    "a text that does not compile": Row(FOO, "class Foo(", (1,), "maybe"),
    "a text that nobody knows": Row(FOO, None, (1,), "maybe"),
    "a cell magic that may skip its body": Row("%%once\nreg('P')(f)", "%%once\nreg('P')(f)", (2,), "maybe"),
    "a loop that writes, and stands": Row(
        "for n in names:\n    d[n] = f",
        "for n in names:\n    d[n] = f\nx = 1",
        (),
        "maybe",
        written=True,
        complete=False,
    ),
    "a line that is not in the text": Row(FOO, FOO, (99,), "maybe"),
    "what was there before, and is defined": Row(
        "class Foo: pass\nreg(Foo)", "class Foo: x = 1\nreg(Foo, 1)", (), "maybe", definition="Foo"
    ),
    "an extension type that was there before, whose text changed": Row(
        "class Foo(Type): pass", "class Foo(Type): x = 1", (), "maybe", definition="Foo.Spec"
    ),
}


@pytest.mark.parametrize("row", VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_before_a_run(row):
    now = None if row.now is None else read(row.now)
    assert verdict(row.way(), read(row.before), now) == row.verdict


def test_of_an_owner_without_a_text_nothing_is_decided():
    assert verdict(Way((Step("own", 1),)), None, read(FOO)) == "maybe"
    assert not is_left_out(
        Way((Step("own", 1),)), None, read(FOO), frozenset({place(Way((Step("own", 1),)), read(FOO))})
    )
    assert place(Way((Step("own", 1),)), None) is None


class LeftOut(NamedTuple):
    """A row of the second table: the text before and now, the way to the entry, the way to what the run registered."""

    before: str
    now: str
    lines: tuple[int, ...]
    ran: tuple[int, ...] | None
    left_out: bool
    wrapped: bool = False
    helper: str = ""
    """The text of a user's function elsewhere, whose second line from the end registers."""
    complete: bool = True
    library: str = ""
    key: str | None = None

    def way(self, lines: tuple[int, ...]) -> Way:
        """The way by these lines."""
        steps = [
            Step("own", line, "" if not at else "make", wrapped=self.wrapped and at > 0)
            for at, line in enumerate(lines)
        ]
        if self.library:
            steps.append(Step("library", function=self.library))
        if self.helper:
            text = read(self.helper)
            steps.append(Step("user", text.statements[-1].first, "setup", text, text, self.wrapped))
        return Way(tuple(steps), self.complete, key=self.key)


IN_TRY = "try:\n    for n in names:\n        reg(n)\nfinally:\n    pass\n"
SKIPS = "for n in names:\n    if n not in done:\n        reg(n)\n"
DATA = {
    True: (
        "table.items()",
        "config.get('names', [])",
        "config['names'] or []",
        "getattr(config, 'names', ())",
        "set(names)",
        "dict(table)",
        "names.copy()",
        "text.strip().split(',')",
        "names + others",
        "[*names, *others]",
        "[n.lower() for n in names]",
        "sorted(names, key=lambda n: n[0])",
        "enumerate(names, start=1)",
    ),
    False: (
        "names - done",
        "set(names) - set(done)",
        "names.difference(done)",
        "pending()",
        "[*pending()]",
        "sorted(pending())",
        "queue.get()",
        "[n for n in names if n not in done]",
        "filter(is_new, names)",
        "list(names.pending())",
    ),
}
"""Whether what a loop goes over is data as it is, or what is left of it."""
MADE = {
    True: (
        "new = [n for n in names]",
        "new = config['names']\nnew = sorted(new)",
        "new: list = names[1:]",
        "new = names\nother.clear()",
        "new = names\ndef of(done):\n    new = done - names",
        "new += names",
    ),
    False: (
        "new = [n for n in names if n not in done]",
        "new = pending()",
        "new = names\nnew -= done",
        "more = names - done\nnew = sorted(more)",
        "new = names[len(done):]",
        "if (new := pending()): pass",
        "new = names\nif x:\n    new = pending()",
        "new = names\nnew.remove('a')",
    ),
}
"""Whether what a variable holds is so, by what the text makes of it."""
LEFT_OUT = {
    "a loop that got shorter": LeftOut(LOOP, LOOP, (2,), (2,), True),
    "a loop that did nothing": LeftOut(LOOP, LOOP, (2,), None, False),
    "a loop in a try statement": LeftOut(IN_TRY, IN_TRY, (3,), (3,), True),
    "a loop that skips what is done": LeftOut(SKIPS, SKIPS, (3,), (3,), False),
    "a listed loop that skips what is done": LeftOut(
        SKIPS.replace("names", "'AB'"), SKIPS.replace("names", "'AB'"), (3,), (3,), False
    ),
    **{
        f"a loop over {names}": LeftOut(*[f"for n in {names}:\n    reg(n)"] * 2, (2,), (2,), is_data)
        for is_data, some in DATA.items()
        for names in some
    },
    "a while loop": LeftOut("while todo:\n    reg(todo.pop())", "while todo:\n    reg(todo.pop())", (2,), (2,), False),
    "a guarded class that was edited and registered anew": LeftOut(IN_IF, IN_IF2, (2,), (2,), True),
    "a guarded class that was edited and skipped": LeftOut(IN_IF, IN_IF2, (2,), None, False),
    "a guarded call that was rewritten and executed": LeftOut(
        "if x:\n    reg(1)", "if x:\n    reg(2)", (2,), (2,), True
    ),
    "a statement beside it": LeftOut(
        "if x:\n    reg(1)\n    reg(2)", "if x:\n    reg(1)\n    reg(2)", (2,), (3,), False
    ),
    "the cell's own function": LeftOut(
        "def make(n):\n    reg(n)\nif x:\n    make(name)",
        "def make(n):\n    reg(n)\nif x:\n    make(name)",
        (4, 2),
        (4, 2),
        True,
    ),
    "the cell's own function, called elsewhere": LeftOut(
        "def make(n):\n    reg(n)\nif x:\n    make(a)\nmake(b)",
        "def make(n):\n    reg(n)\nif x:\n    make(a)\nmake(b)",
        (4, 2),
        (5, 2),
        False,
    ),
    "a function's own loop over what is left": LeftOut(
        "def make(names):\n    new = names - done\n    for n in new:\n        reg(n)\nmake(some)",
        "def make(names):\n    new = names - done\n    for n in new:\n        reg(n)\nmake(some)",
        (5, 4),
        (5, 4),
        False,
    ),
    "a function's own loop over what it is given": LeftOut(
        "names = pending()\ndef make(names):\n    for n in names:\n        reg(n)\nmake(some)",
        "names = pending()\ndef make(names):\n    for n in names:\n        reg(n)\nmake(some)",
        (5, 4),
        (5, 4),
        True,
    ),
    "a function that returns early": LeftOut(
        "def make(n):\n    if n in done: return\n    reg(n)\nfor n in names:\n    make(n)",
        "def make(n):\n    if n in done: return\n    reg(n)\nfor n in names:\n    make(n)",
        (5, 3),
        (5, 3),
        False,
    ),
    "a function that something stands in for": LeftOut(
        "def make(n):\n    reg(n)\nfor n in names:\n    make(n)",
        "def make(n):\n    reg(n)\nfor n in names:\n    make(n)",
        (4, 2),
        (4, 2),
        False,
        wrapped=True,
    ),
    "a helper elsewhere": LeftOut(
        "for n in names:\n    setup(n)",
        "for n in names:\n    setup(n)",
        (2,),
        (2,),
        True,
        helper="def setup(n):\n    reg(n)",
    ),
    "a helper elsewhere that skips in a loop": LeftOut(
        "for n in names:\n    setup(n)",
        "for n in names:\n    setup(n)",
        (2,),
        (2,),
        False,
        helper="def setup(n):\n    if n not in done:\n        reg(n)",
    ),
    "a helper elsewhere that may skip a name": LeftOut(
        "setup(name)", "setup(name)", (1,), (1,), False, helper="def setup(n):\n    if x:\n        reg(n)"
    ),
    "a helper elsewhere that may skip a name, which the text does not say any more": LeftOut(
        "setup('P>a')", "setup('P>b')", (1,), (1,), True, helper="def setup(n):\n    if x:\n        reg(n)", key="P>a"
    ),
    "a helper elsewhere that may skip a name, which the text still says": LeftOut(
        "setup('P>a')",
        "setup('P>b', 'a')",
        (1,),
        (1,),
        False,
        helper="def setup(n):\n    if x:\n        reg(n)",
        key="P>a",
    ),
    **{
        f"a loop over {made}": LeftOut(
            *[f"{made}\nfor n in new:\n    reg(n)"] * 2, (made.count("\n") + 3,), (made.count("\n") + 3,), is_data
        )
        for is_data, some in MADE.items()
        for made in some
    },
    "a library's function": LeftOut("lib.setup(name)", "lib.setup(name)", (1,), (1,), False, library="setup"),
    "a thread": LeftOut("def make(n):\n    reg(n)", "def make(n):\n    reg(n)", (2,), (2,), False, complete=False),
    "a statement that is gone": LeftOut("if x:\n    reg(1)\ny", "y", (2,), (1,), False),
    "one of two statements on a line": LeftOut(
        "if x: mk(1)", "if x: mk(1); mk(2)", (1,), (1,), False, helper="def setup(n):\n    reg(n)"
    ),
    "a loop that became calls, of which one registered": LeftOut(
        "for n in 'ab':\n    setup(n)",
        "if 1:\n    setup(1)\n    setup(2)",
        (2,),
        (3,),
        False,
        helper="def setup(n):\n    if x:\n        reg(n)",
    ),
    "a text that cannot be read": LeftOut(LOOP, "for (", (2,), None, False),
}


@pytest.mark.parametrize("row", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_its_place_left_out_after_a_run(row):
    before, now = read(row.before), read(row.now)
    ran = frozenset() if row.ran is None else frozenset({place(row.way(row.ran), now)} - {None})
    assert is_left_out(row.way(row.lines), before, now, ran) is row.left_out


@pytest.mark.parametrize(
    ("now", "outdated"),
    [(FOO, False), (FOO2, False), (FOO.replace("'P'", "'Q'"), True), ("x = 1", True), ("class (", False)],
)
def test_an_edited_file_does_not_register_what_its_statement_does_not_say(now, outdated):
    assert is_outdated(Way((Step("own", 1),)), read(FOO), read(now)) is outdated


BUILD = "def make(n):\n    return reg(n)\ndef build_{0}():\n    return make('{0}')\n"


@pytest.mark.parametrize(
    ("call", "steps"),
    [
        ("build_{0}()", (("", 5), ("build_{0}", 4), ("make", 2))),
        ("def main():\n    build_{0}()\nmain()", (("", 7), ("main", 6), ("build_{0}", 4), ("make", 2))),
        ("if x:\n    build_{0}()", (("", 6), ("build_{0}", 4), ("make", 2))),
    ],
)
def test_a_function_that_is_renamed_with_the_key_has_left_the_former_one_out(call, steps):
    """Whatever leads to the statement that calls the same function now: only from there on the places are compared."""
    before, now = (read((BUILD + call).format(each)) for each in "ab")
    way, ran = (Way(tuple(Step("own", line, function.format(each)) for function, line in steps)) for each in "ab")
    places = frozenset({place(ran, now)})
    assert is_left_out(way, before, now, places, verdict(way, before, now))
    other = place(Way((Step("own", 2, "make"),)), now)
    assert not is_left_out(way, before, now, frozenset({other}), "maybe")
    assert not is_left_out(way, before, now, frozenset(), "maybe")


DECORATED = "@reg\ndef f(): pass\n@reg\ndef g(): pass\n"


@pytest.mark.parametrize(
    ("now", "key", "found"),
    {
        "dropped beside another": ("@reg\ndef g(): pass", "P>f", "gone"),
        "renamed": ("@reg\ndef h(): pass", "P>f", "gone"),
        "under a key of its own": ("@reg\ndef g(): pass", "P>key", "maybe"),
        "said as a string": ("@reg\ndef g(): pass\nn = 'f'", "P>f", "maybe"),
        "a key that is no string": ("@reg\ndef g(): pass", ("f", int), "maybe"),
    }.values(),
)
def test_what_is_named_after_a_definition_goes_with_it_whatever_else_is_decorated(now, key, found):
    helper = read("def reg(c):\n    if c is None: return\n    register(c)\n")
    way = Way((Step("own", 1, ""), Step("user", 3, "reg", helper, helper)), definition="f", key=key)
    assert verdict(way, read(DECORATED), read(now)) == found


def test_the_steps_that_are_lost_are_those_after_the_one_that_is_gone():
    text = "def make():\n    reg('P')\ndef build():\n    make()\nbuild()"
    way = Way((Step("own", 5), Step("own", 4, "build"), Step("own", 2, "make")))
    assert lost(way, read(text), read(text)) == ()
    assert lost(way, read(text), read("x = 1")) == way.steps[1:]
    assert lost(way, read(text), read(text.replace("    make()", "    pass"))) == way.steps[2:]
    assert lost(way, read(text), read("x =")) == () == lost(Way(), read(text), read("x = 1"))


def test_a_way_is_edited_if_a_file_that_it_leads_through_is():
    one, other = read("reg()"), read("reg(1)")
    assert not Way((Step("own", 1), Step("user", 1, "", one, one), Step("library", 1, "", one, other))).is_edited
    assert Way((Step("own", 1), Step("user", 1, "", one, other))).is_edited


@pytest.mark.parametrize(
    ("guard", "others", "found"),
    [
        ("if 'K' not in objects:", set(), "changed"),
        ("if 'K' not in objects:", {"objects"}, "maybe"),
        ("if 'K' not in objects:", {"done"}, "changed"),
        ("if 'K' not in objects and 'K' not in done:", {"done"}, "maybe"),
    ],
)
def test_a_guard_that_asks_another_container_lets_no_edit_through(guard, others, found):
    before, now = (read(f"{guard}\n    @reg('P')\n    class Foo:\n        x = {n}\n") for n in (1, 2))
    way = Way((Step("own", 2),), key="K", others=frozenset(others))
    assert verdict(way, before, now) == found


@pytest.mark.parametrize(
    ("text", "key", "said"),
    {
        "a string": ("reg('P>a')", "P>a", True),
        "its last word": ("reg('P', 'a')", "P>a", True),
        "a keyword": ("reg(a=f)", "P>a", True),
        "a definition": ("@reg\nclass a: pass", "P>a", True),
        "a name": ("reg(a)", "P>a", True),
        "an attribute": ("x = zoo.a", "P>a", True),
        "a string with the whole key alone": ("reg('P > a')", "P > a", True),
        "another string": ("reg('P>b', 'ab')", "P>a", False),
        "a part of a name": ("reg(ab)", "P>a", False),
        "a comment": ("reg(n)  # a", "P>a", False),
        "a key that is no string": ("reg(1)", 1, False),
        "a key without words": ("reg('>')", ">", False),
        "nothing": ("", "P>a", False),
    }.values(),
)
def test_whether_a_text_says_a_key(text, key, said):
    assert says(read(text), key) is said
    assert drops_key(key, read(text), read("x = 1")) is said
    assert not drops_key(key, read("x = 1"), read(text)) and not drops_key(key, read(text), read(text))
    assert not drops_key(key, None, read("x = 1")) and not drops_key(key, read(text), None)
