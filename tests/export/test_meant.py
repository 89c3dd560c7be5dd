"""What the cells' statements come to: a module has what the notebook has now, or says that it has not."""

from __future__ import annotations

import random

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
        pytest.param(["import os", "from shutil import *", "def f(): return os.sep"], id="an import before a star"),
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


NP = "import numpy as np\nW = np.zeros(3)"
SPACE = "from types import SimpleNamespace\ncfg = SimpleNamespace(alpha=.25)"
POINT = "from typing import NamedTuple\nclass P(NamedTuple):\n    a: int = 1\n    b: int = 2"
STORES = "class V:\n    def __init__(self, words, n=2):\n        '''Store.'''\n        self.words = words\n        self.n = n\nv = V(['a'])"
DATA = "from dataclasses import dataclass, field\n@dataclass\nclass C:\n    n: int\n    v: list = field(default_factory=list)\nc = C(3)"


@pytest.mark.parametrize(
    ("cells", "left_out"),
    [
        ([NP, "def f(): return W.tolist()"], False),
        ([NP, "W[0] = 5", "def f(): return W.tolist()"], False),
        ([NP, "for i in range(3):\n    W[i] = i", "def f(): return W.tolist()"], False),
        ([NP, "W.fill(2)", "def f(): return W.tolist()"], False),
        ([NP, "W[1] += 2", "def f(): return W.tolist()"], False),
        ([NP, "V = W\nV[1] = 3", "def f(): return W.tolist()"], False),
        ([NP, "W[0] = float('nan')", "def f(): return str(W)"], False),
        ([NP, "def g(): W[0] = float('nan')\ng()", "def f(): return str(W)"], True),
        ([NP, "W = np.zeros(5000)\nW[0] = 1", "def f(): return W.sum()"], False),
        ([NP, "W = np.zeros(5000)\nfor i in range(2): W[i] = 1", "def f(): return W.sum()"], True),
        ([NP, "W[1] = 3\ndef g(w=W): return w.tolist()", "W = 0", "def f(): return g()"], True),
        (["import numpy as np\nW = np.random.rand(2, 2).astype('float32')", "def f(): return W.tolist(), W.dtype.name"], False),
        (["import numpy as np\nS = np.random.default_rng(0).normal(size=1)[0]", "def f(): return S, type(S).__name__"], False),
        ([SPACE, "def f(): return cfg.alpha"], False),
        ([SPACE, "cfg.alpha = .75", "def f(): return cfg.alpha"], False),
        ([SPACE, "def g(): cfg.alpha = .75\ng()", "def f(): return cfg.alpha"], True),
        (["from collections import deque\nd = deque()", "d.append(3)", "def f(): return list(d)"], False),
        (["from collections import deque\nd = deque()", "for i in range(3): d.append(i)", "def f(): return list(d)"], True),
        (["T = {'a': lambda x: x * 2}", "def f(): return T['a'](1)"], False),
        (["T = {'a': lambda x: x * 2}", "T['a'] = lambda x: x * 3", "def f(): return T['a'](1)"], False),
        (["T = {'a': lambda x: x * 2}", "def g(): T['a'] = lambda x: x * 3\ng()", "def f(): return T['a'](1)"], True),
        (["T = {'a': lambda x, n=2: x * n}", "def g(): T['a'] = lambda x, n=3: x * n\ng()", "def f(): return T['a'](1)"], True),
        (["def make(n): return lambda: n\nT = {'a': make(2)}", "T['a'] = make(3)", "def f(): return T['a']()"], False),
        (["FS = [lambda x, i=i: x * i for i in range(3)]", "def f(): return [g(2) for g in FS]"], False),
        (["S = object()", "def f(x=S): return x is S"], False),
        (["from typing import TypeVar, Optional\nT = TypeVar('T', bound=int)\nO = Optional[T]", "def f(): return str(O)"], False),
        (["import itertools\nids = itertools.count()\nnext(ids)", "def f(): return next(ids)"], True),
        (["N = float('nan')\ndef f(): return str(N)"], False),
        (["Z = 0.0\ndef f(): return str(Z)"], False),
        ([POINT, "p = P(3)", "def f(): return p"], False),
        ([STORES, "def f(): return v.words, v.n"], False),
        ([STORES, "v.n = 4", "def f(): return v.words, v.n"], False),
        ([STORES, "setattr(v, 'n', 4)", "def f(): return v.words, v.n"], True),
        ([DATA, "def f(): return c.n, c.v"], False),
        ([DATA.replace("@dataclass", "@dataclass(frozen=True)"), "def f(): return c.n, c.v"], False),
        ([DATA, "c.v.append(1)", "def f(): return c.n, c.v"], True),
    ],
)  # fmt: skip
def test_a_value_that_changed_is_not_typed_again(cells, left_out):
    notebook = Cells(*cells)
    before = notebook.namespace["f"]()
    module = notebook.module("f")
    assert bool(module.left_out) == left_out, module.text
    assert left_out or executed(module)["f"]() == before, module.text


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("A = keras.initializers.RandomNormal()((3, 2))", False),
        ("A = keras.initializers.RandomNormal(stddev=0.5)", True),
        ("A = keras.initializers.RandomNormal(stddev=0.5)\nA.stddev = 0.7", True),
        ("A = keras.regularizers.L2(0.5)", True),
        ("A = keras.losses.MeanSquaredError()", True),
        pytest.param("A = keras.ops.zeros((2,))", True, marks=pytest.mark.needs("keras>=3")),
        pytest.param(
            "import tensorflow as tf\nA = tf.constant([1.0, 2.0])", True, marks=pytest.mark.needs("tensorflow")
        ),
    ],
)
@pytest.mark.needs("keras>=2.12")
def test_a_frameworks_object_is_compared_and_not_made(text, typed):
    notebook = Cells("import keras", text, "def f(): return A")
    state = random.getstate()
    module = notebook.module("f")
    assert (module.left_out == ()) is typed, module.text
    assert random.getstate() == state


DECO = "K = 2\ndef deco(fn):\n    fn.k = K\n    return fn"
FLOORS = "from math import floor\ndef g(n=floor(2.5)): return type(n).__name__"
TWO = "def f(): return g(), type(h()).__name__"


@pytest.mark.parametrize(
    ("cells", "left_out"),
    [
        ([DECO, "@deco\ndef g(): return 1", "K = 5", "@deco\ndef h(): return 2", "def f(): return g.k, h.k"], set()),
        ([DECO, "@deco\ndef g(): return 1", "def f(): return g.k"], set()),
        (["K = 2", DECO, "@deco\ndef g(): return 1", "K = 2", "def f(): return g.k"], set()),
        ([DECO, "@deco\ndef g(): return 1", "def h(n=K): return n", "K = 5", "def f(): return g.k, h()"], {"h"}),
        ([FLOORS, "from numpy import floor\ndef h(): return floor(2.5)", TWO], set()),
        (["from numpy import floor\ndef h(n=floor(2.5)): return n", FLOORS, TWO], set()),
        (["import math as m\ndef g(): return m.pi", "import cmath as m\ndef f(): return g(), m.__name__"], set()),
        (["import os.path\nimport os\nimport os.path as p\ndef f(x=os.path.sep): return x, p.sep, os.sep"], set()),
    ],
)  # fmt: skip
def test_what_a_name_was_when_it_was_read(cells, left_out):
    notebook = Cells(*cells)
    before = notebook.namespace["f"]()
    module = notebook.module("f")
    assert {each.name for each in module.left_out} <= left_out and bool(left_out) == bool(module.left_out), module.text
    assert module.left_out or executed(module)["f"]() == before, module.text


CLASS = "class A:\n    n = 1\n    k = 2\n    t = {}"
SAID = "def f(): return A.n, A.k, A.t"
FILLED = "class B:\n    ALL = {}\n    def __init_subclass__(cls): B.ALL[cls.__name__] = cls\nclass C(B): pass"


@pytest.mark.parametrize(
    ("cells", "left_out"),
    [
        ([CLASS, SAID], set()),
        ([CLASS, "A.n = 5", SAID], set()),
        ([CLASS, "A.n += 4", SAID], set()),
        ([CLASS, "A.n = 5\nA.n += 4", SAID], set()),
        ([CLASS, "A.n, A.k = 5, 6", SAID], set()),
        ([CLASS, "A.n: int = 5", SAID], set()),
        ([CLASS, "setattr(A, 'n', 5)", SAID], set()),
        ([CLASS, "for each in 'nk': setattr(A, each, 5)", SAID], set()),
        ([CLASS, "A.t['step'] = 10", SAID], set()),
        ([CLASS, "A.t.update(step=10)", SAID], set()),
        ([CLASS, "A.t['f'] = len", SAID], {"A.t"}),
        ([CLASS, "for v in (1, 7): A.n = v", SAID], set()),
        ([CLASS, "def setup(): A.n = 4\nsetup()", SAID], set()),
        ([CLASS, "type(A()).n = 4", SAID], set()),
        ([CLASS, "a = A()\na.t['x'] = 1", SAID], set()),
        ([CLASS, "if A.n == 1:\n    A.n = 8", SAID], set()),
        ([CLASS, "def m2(self): return 3\nA.m = m2", "def f(): return A().m()"], set()),
        (["class A:\n    def m(self): return 1", "for each in (lambda self: 2,): A.m = each", "def f(): return A().m()"], {"A.m"}),
        (["class A:\n    n = 1", "A.x = 3\nA.x += 1", "def f(): return A.x"], set()),
        (["class A:\n    n = 1", "setattr(A, 'x', 3)", "def f(): return A.x"], set()),
        (["K = 2", "class A:\n    n = K", "K = 3", "def f(): return A.n, K"], set()),
        (["class A:\n    for i in range(3): n = i\n    m = n", "def f(): return A.n, A.m"], set()),
        (["def g(): return g.n\ng.n = 3\ng.n += 1", "def f(): return g()"], set()),
        (["def deco(c):\n    c.k = [0]\n    return c\n@deco\nclass A: pass", "def f(): return A.k"], set()),
        (["import enum\nclass A(enum.Enum):\n    n = 1\n    k = enum.auto()", "def f(): return A.n.value, A.k.value"], set()),
        ([FILLED, "def f(): return sorted(B.ALL)"], set()),
        (["import abc\nclass B(abc.ABC): pass\nclass C: pass", "B.register(C)", "def f(): return isinstance(C(), B)"], set()),
        (["class B:\n    ALL = []\n    @classmethod\n    def register(cls, c): print(c)\nclass C: pass", "B.register(C)", "def f(): return B.ALL"], {"B"}),
        (["from functools import singledispatch\n@singledispatch\ndef g(x): return 1", "@g.register(str)\ndef _(x): return 2", "def f(): return g('')"], set()),
    ],
)  # fmt: skip
def test_attributes_that_changed(cells, left_out):
    notebook = Cells(*cells)
    before = notebook.namespace["f"]()
    module = notebook.module("f")
    assert {each.name for each in module.left_out} == left_out, module.text
    assert left_out or executed(module)["f"]() == before, module.text


ENVIRONMENT = "import os, sys\nfrom os import environ"


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("W = int(os.environ['KREG_MADE_UP'])", set()),
        ("W = int(environ.get('KREG_MADE_UP', 7))", set()),
        ("W = int(os.getenv('KREG_MADE_UP', '7'))", set()),
        ("W = [*sys.argv]", set()),
        ("W = 3 if 'KREG_MADE_UP' in os.environ else len", set()),
        ("if os.environ.get('KREG_MADE_UP'):\n    W = 1\nelse:\n    W = 2", set()),
        ("if os.environ.get('KREG_MADE_UP'):\n    def g(): return 1\nelse:\n    def g(): return 2\ndef f(): return g()", set()),
        ("def g(n=os.environ['KREG_MADE_UP']): return n\ndef f(): return g()", {"g"}),
        ("class A:\n    n = os.environ['KREG_MADE_UP']\ndef f(): return A.n", {"A"}),
        ("class A:\n    def m(self): return os.environ.get('KREG_MADE_UP')\ndef f(): return A().m()", set()),
    ],
)  # fmt: skip
def test_the_environment_is_not_asked_again(text, left_out, monkeypatch):
    monkeypatch.setenv("KREG_MADE_UP", "3")
    notebook = Cells(ENVIRONMENT, "def f(): return W", text)
    before = notebook.namespace["f"]()
    module = notebook.module("f")
    assert {each.name for each in module.left_out} == left_out, module.text
    if "def m" not in text:
        monkeypatch.delenv("KREG_MADE_UP")
        monkeypatch.setattr("sys.argv", [])
    assert left_out or executed(module)["f"]() == before, module.text
