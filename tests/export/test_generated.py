"""Random notebooks: their modules are always executed, say what they lack, have no effect, and do what the notebook did."""

from __future__ import annotations

import sys
import types
from contextlib import redirect_stdout, suppress
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st
from in_process import Cells, executed

happened: list[str] = []
effects = types.ModuleType("effects")
effects.happen = lambda value=None: happened.append("happened") or value  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _effects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "effects", effects)


NAMES = [f"{kind}{number}" for kind in "fCKT" for number in range(3)]
functions, classes, constants, tables = (
    st.sampled_from([name for name in NAMES if name[0] == kind]) for kind in "fCKT"
)
anything = st.sampled_from(NAMES)
reads = st.builds(
    str.format,
    st.sampled_from(
        [
            "{0}",
            "({0}, {1})",
            "[{0} for _ in range(1)]",
            "{0}(d - 1) if d else 0",
            "(lambda: {1})()",
            "sorted(map(str, {2}))",
        ]
    ),
    st.one_of(constants, functions),
    constants,
    tables,
)
calls = st.builds(
    str.format, st.sampled_from(["{0}(d - 1) if d else 0", "{1}().m(d - 1) if d else 0"]), functions, classes
)
body = st.builds("return ({}, {}, {})".format, reads, calls, constants)
plain = st.sampled_from(["1", "'a'", "[1, 2]", "{'k': (1, None)}", "-0.5", "{1, 2}", "b'x'", "True"])
value = st.one_of(
    plain,
    st.builds("({}, {})".format, constants, plain),
    st.builds("[{}]".format, anything),
    st.builds("len(str({}))".format, constants),
    st.builds("effects.happen({})".format, constants),
    st.builds("effects.happen({})".format, plain),
    st.sampled_from(
        ["object()", "effects", "range(3)", "effects.happen(object())", "print", "float('nan')", "[0] * 30000"]
    ),
)
decorated = st.sampled_from(["", "", "", "@register\n", "@wrapped\n"])
function = st.builds(
    "{}def {}(d=2, x={}):\n    {}".format, decorated, functions, st.one_of(constants, st.just("1")), body
)
method = "{}class {}({}):\n    a = {}\n    def m(self, d=1):\n        {}\n    def __repr__(self): return 'it'"
definition = st.one_of(
    function,
    st.builds(
        method.format, decorated, classes, st.one_of(classes, st.just("object")), st.one_of(plain, constants), body
    ),
)
other = st.one_of(
    st.builds("{} = {}".format, constants, value),
    st.builds("{} = {}  # said".format, tables, st.sampled_from(["{}", "[]", "dict()", "{'k': f0}"])),
    st.builds("{} = {}".format, functions, functions),
    st.builds("{} = lambda d=2: ({}, {})".format, functions, constants, calls),
    st.builds("{} = wrapped({})".format, functions, functions),
    st.builds("{}.a = {}".format, classes, value),
    st.builds("{}['k'] = {}".format, tables, anything),
    st.builds("{}.append({})".format, tables, anything),
    st.builds("{} += {}".format, constants, plain),
    st.builds("for {} in range(2): effects.happen()".format, constants),
    st.builds("del {}".format, anything),
    st.builds("import math as {}".format, constants),
    st.builds("from math import pi, floor as {}".format, functions),
    st.builds("effects.happen({})".format, st.just("1")),
    st.builds("print({})".format, anything),
    st.builds("{}(1)".format, functions),
    st.builds("{0}, {1} = effects.happen((1, 2))".format, constants, constants),
)
guarded = st.builds(
    lambda name, text, effect: (
        f"if {name!r} not in globals():\n    "
        + text.replace("\n", "\n    ")
        + ("\n    effects.happen()" if effect else "")
    ),
    anything,
    definition,
    st.booleans(),
)
tried = st.builds(
    "try:\n    import {} as {}\nexcept ImportError:\n    {} = None".format,
    st.sampled_from(["math", "no_such"]),
    constants,
    constants,
)
changes = st.builds("def {0}(d=2):\n    global {1}\n    {1} = 7\n    return {1}".format, functions, constants)
remembers = st.one_of(
    st.builds("def {0}(d=2, seen=[]):\n    seen.append({1})\n    return len(seen)".format, functions, constants),
    st.builds(
        "def {0}():\n    n = {1}\n    return lambda d=2: (n, {2})\n{0} = {0}()".format, functions, plain, constants
    ),
    st.builds(
        "class {0}({1}):\n    made = 0\n    def m(self, d=1): {0}.made += 1; return {0}.made".format, classes, classes
    ),
    st.builds("{0}.m = lambda self, d=1: ({1}, {2})".format, classes, constants, calls),
    st.builds("if {1}:\n    def {0}(d=2): return 1\nelse:\n    def {0}(d=2): return 2".format, functions, constants),
    st.builds("{0} = functools.partial({1}, 1)".format, functions, functions),
    st.builds("{0}().m()".format, classes),
)
statement = st.one_of(definition, definition, other, other, guarded, tried, changes, remembers)
cell = st.lists(statement, min_size=1, max_size=3).map("\n".join)
history = st.lists(st.tuples(st.sampled_from("abcdef"), cell), min_size=2, max_size=9)

FIRST = """import effects, functools
DONE = {}
def register(x):
    DONE[x.__name__] = x
    return x
def wrapped(f):
    @functools.wraps(f, updated=())
    def g(*args, **kwargs): return f(*args, **kwargs)
    return g
def f0(d=2): return (0, K0)
f1 = f2 = f0
class C0:
    def m(self, d=1): return K1
    def __repr__(self): return 'it'
class C1(C0): pass
class C2(C1): pass
K0, K1, K2 = 1, 'a', [3]
T0, T1, T2 = {}, {}, []
"""


def run(texts: list[tuple[str, str]]) -> tuple[Cells, bool]:
    """Return a notebook in which these cells have run, and whether the last runs of all succeeded."""
    cells, failed = Cells(FIRST), set()
    for name, text in texts:
        failed.discard(name)
        try:
            with redirect_stdout(StringIO()):
                cells.run(name, text)
        except Exception:
            failed.add(name)
    return cells, not failed


def answer(namespace: dict[str, Any], name: str) -> str:
    """Return what a function or class does, as text."""
    try:
        made = namespace[name]
        with redirect_stdout(StringIO()):
            return repr(made().m() if isinstance(made, type) else made()).replace("exported", "__main__")
    except Exception as error:
        return f"raises {type(error).__name__}"


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(history=history, pick=st.integers(0, 5))
def test_a_module_is_executed_and_says_what_it_lacks(history, pick):
    cells, complete = run(history)
    space = cells.namespace
    names = [
        name
        for name in NAMES
        if name[0] in "fC"
        and getattr(space.get(name), "__module__", "") == "__main__"
        and space[name].__name__ in (name, "<lambda>")
    ]  # and no other name of the same thing
    assume(names)
    name = names[pick % len(names)]
    module = cells.module(name)
    happened.clear()
    namespace = {}
    printed = StringIO()
    with redirect_stdout(printed), suppress(*([] if complete else [Exception])):
        namespace = executed(module)
    assert not happened and not printed.getvalue(), module.text
    told = {each.name for each in module.left_out}
    assert told or not complete or name in namespace, module.text
    event(f"left out: {bool(told)}")
    if told or not complete:
        return
    expected = answer(cells.namespace, name)
    if " at 0x" not in expected:
        event("compared")
        assert answer(namespace, name) == expected, module.text
