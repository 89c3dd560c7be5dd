"""Notebooks that look as if they could be typed again: each is shown to be the same, or what differs is named."""

from __future__ import annotations

import pytest
from in_process import Cells, executed

FLAG = "import sys\nsys.kreg_flag = 1"
UNFLAG = "del sys.kreg_flag"
ASKS = "if hasattr(sys, 'kreg_flag'):\n    {}\nelse:\n    {}"
METHOD = "class A:\n    def m(self): return 1"
INNER = "class A:\n    class B:\n        n = 1\n    x = B.n"
STARTS = "class A:\n    def __init__(self): self.n = 1\n    def m(self):\n        self.n += 1\n        return self.n"
COUNTS = "def make():\n    n = 0\n    def inc():\n        nonlocal n\n        n += 1\n        return n\n    return inc\nc = make()"
DECORATED = "class Deco:\n    def __init__(self, fn): self.fn, self.n = fn, 0\n    def __call__(self):\n        self.n += 1\n        return self.n\n@Deco\ndef g(): return 1"
CHANGES_CLASS = "class B:\n    def __init_subclass__(cls): cls.n = K\nclass A(B): pass"
PREPARED = "class M(type):\n    def __init__(cls, n, b, d):\n        super().__init__(n, b, d)\n        cls.tag = n\nclass A(metaclass=M): pass"
LOGS = "LOG = []\nclass V:\n    def __init__(self, n): self.n = n\n    def __add__(self, other):\n        LOG.append(1)\n        return V(self.n + other.n)\nv = V(1)"
POLYGONS = "import functools\n@functools.singledispatch\ndef g(x): return 0"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        # a condition that asks for what is another one elsewhere
        ([FLAG, ASKS.format("def g(): return 1", "def g(): return 2"), "def f(): return g()", UNFLAG], set()),
        ([FLAG, ASKS.format("W = [1]", "W = [2]"), "def f(): return W", UNFLAG], set()),
        ([FLAG, ASKS.format("class A: n = 1", "class A: n = 2"), "def f(): return A.n", UNFLAG], {"A"}),
        ([FLAG, "try:\n    sys.kreg_flag\n    def g(): return 1\nexcept AttributeError:\n    def g(): return 2", "def f(): return g()", UNFLAG], set()),
        ([FLAG, "g = (lambda: 1) if hasattr(sys, 'kreg_flag') else (lambda: 2)", "def f(): return g()", UNFLAG], {"g"}),
        ([FLAG, "class A:\n    if hasattr(sys, 'kreg_flag'):\n        def m(self): return 1\n    else:\n        def m(self): return 2", "def f(): return A().m()", UNFLAG], {"A.m"}),
        ([FLAG, "def g(n=getattr(sys, 'kreg_flag', 0)): return n", "def f(): return g()", UNFLAG], {"g"}),
        (["DEBUG = True", "if DEBUG:\n    def g(): return 'd'\nelse:\n    def g(): return 'r'", "DEBUG = False", "def f(): return g()"], set()),
        (["x = 2\nmatch x:\n    case 1:\n        def g(): return 1\n    case _:\n        def g(): return 2", "x = 1", "def f(): return g()"], set()),
        # what calls have moved
        (["def g(x, seen=[]):\n    seen.append(x)\n    return len(seen)", "g(1)", "def f(): return g(2)"], {"g"}),
        (["def g(x, seen=[]):\n    seen.append(x)\n    return len(seen)", "def f(): return g(2)"], set()),
        (["def g(x, *, seen={}):\n    seen[x] = 1\n    return len(seen)", "g(1)", "def f(): return g(2)"], {"g"}),
        (["class A:\n    def m(self, seen=[]):\n        seen.append(1)\n        return len(seen)", "A().m()", "def f(): return A().m()"], {"A.m"}),
        (["import numpy as np\ndef g(w=np.zeros(2)):\n    w += 1\n    return w.tolist()", "g()", "def f(): return g()"], {"g"}),
        (["import itertools\ndef g(ids=itertools.count()): return next(ids)", "g()", "def f(): return g()"], {"g"}),
        ([COUNTS, "c()", "def f(): return c()"], {"c"}),
        ([COUNTS, "def f(): return c()"], set()),
        (["def make(t):\n    def put(k):\n        t[k] = 1\n        return len(t)\n    return put\nput = make({})", "put('a')", "def f(): return put('b')"], {"put"}),
        ([DECORATED, "g()", "def f(): return g()"], {"g"}),
        ([DECORATED, "def f(): return g()"], set()),
        ([STARTS, "a = A()\ng = a.m", "g()", "def f(): return g()"], {"a", "g"}),
        (["class A:\n    made = 0\n    @classmethod\n    def make(cls):\n        cls.made += 1\n        return cls.made", "A.make()", "def f(): return A.make()"], set()),
        (["class A:\n    ids = iter([1, 2, 3])", "next(A.ids)", "def f(): return next(A.ids)"], {"A.ids"}),
        (["import random\ndef g(t=random.random()): return t", "def f(): return g()"], {"g"}),
        (["import random\nclass A:\n    t = random.random()", "def f(): return A.t"], set()),
        (["def g():\n    'doc'\ng.__doc__ += '!'", "def f(): return g.__doc__"], {"g"}),
        # what an expression makes
        (["def make(n): return lambda: n\ng = make(3)", "def f(): return g()"], set()),
        (["N = 3\ndef make(n): return lambda: n\ng = make(N)", "N = 4", "def f(): return g()"], set()),
        (["def make(n): return lambda: n", "g = make(3)", "def make(n): return lambda: n + 1", "def f(): return g()"], set()),
        (["N = [3]\ndef make(): return lambda n=N[0]: n\ng = make()", "N = [4]", "def f(): return g(), N"], {"g"}),
        (["def two(): return (lambda: 1), (lambda: 2)\ng, h = two()", "def f(): return g(), h()"], set()),
        (["def g(): return 1\ndef h(): return 2", "g, h = h, g", "def f(): return g(), h()"], set()),
        (["import functools\ndef g(a, b=1): return a, b\nh = functools.partial(g, b=[3])", "h.keywords['b'].append(4)", "def f(): return h(1)"], {"h"}),
        (["import functools\ndef g(a, b=1): return a, b\nh = functools.partial(g, b=3)", "def g(a, b=1): return b, a", "def f(): return h(1)"], set()),
        (["import operator\ng = operator.itemgetter(1)", "def f(): return g([1, 2])"], set()),
        ([STARTS + "\ng = A().m", "def f(): return g()"], set()),
        (["A = type('A', (), {'n': 1, 'm': lambda self: 2})", "def f(): return A().m(), A.n"], set()),
        # classes that were changed
        ([METHOD, "old = A.m\nA.m = lambda self: old(self) + 1", "def f(): return A().m()"], set()),
        ([METHOD + "\nclass B: pass", "for each in (A, B): each.m = lambda self: 9", "def f(): return A().m()"], {"A.m"}),
        ([METHOD, "def patch(c): c.z = 4\npatch(A)", "def f(): return A.z"], set()),
        ([METHOD, "def patch(c): c.m = lambda self: 7\npatch(A)", "def f(): return A().m()"], {"A.m"}),
        ([METHOD, "A.m.__defaults__ = (5,)\ndel A.m", "def f(): return hasattr(A, 'm')"], {"A.m"}),
        (["class B: x = 1\nclass C: x = 2\nclass A(B): pass", "A.__bases__ = (C,)", "def f(): return A.x"], set()),
        (["class A:\n    @property\n    def p(self): return 1", "A.p = A.p.getter(lambda self: 4)", "def f(): return A().p"], {"A.p"}),
        (["class A:\n    @property\n    def p(self): return 1", "A.p = property(lambda self: 2)", "def f(): return A().p"], set()),
        ([INNER, "A.B.n = 5", "def f(): return A.B.n, A.x"], {"A.B"}),
        (["class A:\n    __n = 3\n    def m(self): return self.__n", "A._A__n = 4", "def f(): return A().m()"], set()),
        (["K = 2", CHANGES_CLASS, "K = 3", "def f(): return A.n"], set()),
        ([PREPARED, "def f(): return A.tag"], set()),
        ([POLYGONS, "g.register(int, lambda x: 1)", "def f(): return g(1), g('')"], set()),
        ([POLYGONS, "@g.register\ndef _(x: int): return 1", "def f(): return g(1), g('')"], set()),
        (["class A:\n    x = 1\nclass B(A): pass", "class A:\n    x = 2", "def f(): return B.x, A.x"], set()),
        # names that mean two things
        (["for n in (1, 2):\n    class K: v = n", "n = 7", "def f(): return K.v, n"], set()),
        (["KINDS = {}\nfor n in (1, 2):\n    class K: v = n\n    KINDS[n] = K", "def f(): return KINDS[1].v"], {"KINDS"}),
        (["fs = {k: (lambda: k) for k in 'ab'}", "def f(): return fs['a'](), fs['b']()"], set()),
        (["def g(x): return len(x)", "len = lambda x: 42", "def f(): return g([1])"], set()),
        (["from math import *", "sin = 3", "def f(): return cos(0), sin"], set()),
        (["n = 0\ndef bump():\n    global n\n    n += 1\n    return n", "bump(); bump()", "def f(): return bump()"], set()),
        (["def f(d=2): return 1", "f = f"], set()),
        # objects
        ([STARTS + "\na = A()", "a.n = 4", "def f(): return a.n"], set()),
        ([STARTS + "\na = A()", "vars(a)['n'] = 4", "def f(): return a.n"], {"a"}),
        (["class P:\n    __slots__ = ('a',)\n    def __init__(self, a): self.a = a\np = P(1)", "def f(): return p.a"], set()),
        ([LOGS, "w = v + v", "def f(): return w.n, LOG"], {"w"}),
        ([LOGS, "w = [v]", "def f(): return w[0].n, LOG"], set()),
        (["R = [[0]] * 2", "def f():\n    R[0].append(1)\n    return R"], set()),
        (["A = []\nB = A", "def f():\n    A.append(2)\n    return B"], set()),
        (["import threading\nclass A:\n    lock = threading.Lock()\n    def m(self):\n        with self.lock: return 1", "def f(): return A().m()"], set()),
        (["import asyncio\nasync def co(x): return [i async for i in agen()] + [x]\nasync def agen(): yield 1", "def f(): return asyncio.new_event_loop().run_until_complete(co(1))"], set()),
    ],
)  # fmt: skip
def test_what_is_not_named_is_the_same(cells, told):
    notebook = Cells(*cells)
    module = notebook.module("f")
    assert {each.name for each in module.left_out} == told, module.text
    if not told:
        assert executed(module)["f"]() == notebook.namespace["f"](), module.text
