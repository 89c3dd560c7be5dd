"""What the cells' statements come to: a module has what the notebook has now, or says that it has not."""

from __future__ import annotations

import pytest
from in_process import Cells, executed

WRAPS = "import functools\nplain = g\n@functools.wraps(plain)\ndef g(): return plain() + 1"


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["FMT = '%.3f'\ndef f(): return FMT % 2"], id="a format"),
        pytest.param(["HEY, WHAT = '!important', 'what?'\nQ = 'what?'\ndef f(): return HEY, WHAT, Q"], id="marks"),
        pytest.param(["def f():\n    '''%magic'''\n    fmt = '%d'\n    return f.__doc__, fmt"], id="a docstring"),
        pytest.param(["class A:\n    fmt = '%H:%M'\n    q = 'name?'\ndef f(): return A.fmt, A.q"], id="a class's"),
        pytest.param(["%matplotlib inline\nFMT = '%d'\n!ls \\\n  -l\ndef f(): return FMT % 3"], id="between magics"),
        pytest.param(["def g(): return 1", WRAPS, "def f(): return g()"], id="what wraps its former self"),
        pytest.param(["def floor(x): return 1", "from math import *", "def f(): return floor(2.5)"], id="a star over a def"),
        pytest.param(["from math import *", "def floor(x): return 1", "def f(): return floor(2.5)"], id="a def over a star"),
        pytest.param(["class A:\n    @property\n    def m(self): return 4", "property = {'price': 3}", "def f(): return A().m"], id="a later property"),
        pytest.param(["class A:\n    s = list(range(3))", "list = [1, 2]", "def f(): return A.s"], id="a later list"),
        pytest.param(["from math import *\ndef g(n=pow(2, 2)): return type(n).__name__", "pow = 3", "def f(): return g()"], id="a later name of a star's"),
    ],
)  # fmt: skip
def test_a_module_has_what_was_meant(cells):
    notebook = Cells(*cells)
    before = notebook.namespace["f"]()
    module = notebook.module("f")
    assert module.left_out == (), module.text
    assert executed(module)["f"]() == before, module.text


TRAIN = "LOG = []\ndef train(*x):\n    LOG.append(1)\n    return 2"
MADE = "import functools\nimport dataclasses as d\nfrom itertools import starmap\nimport numpy as np\n"
FACTORY = "@d.dataclass\nclass C:\n    v: int = d.field(default_factory=train)\nW = C()"
NEW = "class C:\n    def __new__(cls): return train() and object.__new__(cls)\nW = C()"
GIVES = "class D:\n    def __get__(self, *_): return train()\nclass C:\n    v = D()\nW = [C.v]"
LOGGED = "@functools.wraps(plain)\ndef loud(): return train()\nW = loud()"


@pytest.mark.parametrize(
    "text",
    [
        "W = list(map(train, [1]))",
        "W = sorted([1, 2], key=train)",
        "W = max([1, 2], key=train)",
        "W = dict(zip('ab', map(train, [1, 2])))",
        "W = functools.partial(train, 3)()",
        "W = list(map(functools.partial(train, 3), [1]))",
        "W = functools.partial(map, train)([1])",
        "p = functools.partial(train, 3)\nW = p()",
        "W = functools.reduce(train, [1, 2])",
        "W = list(starmap(train, [(1, 2)]))",
        "W = list(map(lambda x: train(x), [1]))",
        "W = [*map([train][0], [1])]",
        "W = np.vectorize(train)([1]).tolist()",
        "W = np.apply_along_axis(train, 0, [1]).tolist()",
        "def each(f): return list(map(f, [1]))\nW = each(train)",
        "def plain(): return 1\n" + LOGGED,
        FACTORY,
        NEW,
        GIVES,
    ],
)
def test_nothing_of_the_users_is_called(text):
    notebook = Cells(MADE + TRAIN, text, "def f(): return W")
    log = notebook.namespace["LOG"]
    log.clear()
    module = notebook.module("f")
    namespace = executed(module)
    assert not log and not namespace.get("LOG"), module.text
    assert "W" in namespace or "W" in {each.name for each in module.left_out}
