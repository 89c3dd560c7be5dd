"""Facts of two processes: equal exactly if the definitions do the same. Here the processes are two namespaces."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest

from kreg_ipython.export import facts


def table(text: str, home: str, monkeypatch: pytest.MonkeyPatch, then: str = "") -> dict[str, Any]:
    made = ModuleType(home)
    monkeypatch.setitem(sys.modules, home, made)
    exec(compile(text, f"<{home}>", "exec", dont_inherit=True), vars(made))
    exec(then, vars(made))
    described = facts.table(facts.found(vars(made), ["x"]), ["one", "two"], ["UNSEEN"])
    return json.loads(json.dumps(described))  # as it comes from another process


@pytest.mark.parametrize(
    "text",
    [
        "def x(a, b=[1], *, c={'k': (1, 2.5)}): return a + len(b)",
        "import math\ndef x(): return math.floor(K) + int('3')\nK = 2.5",
        "class A:\n    n = float('nan')\n    def m(self): return super().__repr__()\nclass x(A): pass",
        "import enum\nclass x(enum.Enum):\n    A = 1\n    B = enum.auto()",
        "from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass x:\n    a: int = 1\n    b: list = field(default_factory=list)",
        "from typing import *\nT = TypeVar('T')\nclass x(Generic[T]):\n    O = Optional[T]",
        "import abc\nclass x(abc.ABC):\n    @abc.abstractmethod\n    def m(self): ...",
        "import functools, re, collections, datetime, fractions, pathlib, operator, threading, itertools\n"
        "x = [functools.partial(max, 1), re.compile('a'), collections.deque([1]), collections.Counter('a'), pathlib.Path('a'),\n"
        "     datetime.date(2020, 1, 1), fractions.Fraction(1, 3), operator.itemgetter(1), threading.Lock(), object()]",
        "import functools\n@functools.lru_cache(maxsize=3)\ndef g(a): return a\n@functools.singledispatch\ndef x(a): return g(a)\n@x.register\ndef _(a: int): return x",
        "class x:\n    __slots__ = ('a', 'b')\n    def __init__(self): self.a = 1\nx = [x(), x]",
        "class L(list): pass\nclass D(dict): n = 1\nclass S(str): pass\nx = L([D(a=S('b'))])\nx.me = x",
        "x = []\nx.append(x)",
        "def x():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n        return x\n    return g\nx = x()",
        "class x:\n    @property\n    def p(self): return 1\n    @classmethod\n    def c(cls): return cls\n    @staticmethod\n    def s(): pass\n    b = [].append",
        "class x:\n    def __eq__(self, other): raise RuntimeError\n    def __getattr__(self, name): raise RuntimeError\n    def __reduce_ex__(self, n): raise RuntimeError\nx = x()",
        "def x(): return UNSEEN\nUNSEEN = open",
        "import random, threading, weakref\nrandom.random()\nx = [random.random, random.randint, threading.local(), weakref.WeakSet()]",
        "import functools\n@functools.singledispatch\ndef x(a): return a\nx(1)",
    ],
)  # fmt: skip
def test_what_is_made_twice_is_the_same(text, monkeypatch):
    one, two = (table(text, home, monkeypatch) for home in ("one", "two"))
    assert [*facts.differences(one, two)] == []


@pytest.mark.parametrize(
    ("text", "then", "parts"),
    [
        ("def x(a=[]): a.append(1)", "x()", ["default a", "items"]),
        ("def x(*, a={}): a['k'] = 1", "x()", ["default a", "items"]),
        ("def x():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n    return g\nx = x()", "x()", ["variable n"]),
        ("def x(): return 1", "x.n = 1", ["attribute n"]),
        ("def x(): return 'a'", "x.__code__ = (lambda: 'b').__code__", ["code", "name"]),
        ("def x(): return 'a'", "x.__doc__ = 'b'", ["text"]),
        ("def x(): return K\nK = 1", "K = 2", []),
        ("def x(): return K\nK = 1", "del K", []),
        ("def x(): return len([])", "len = max", []),
        ("class x:\n    n = 1", "x.n = True", ["attribute n"]),
        ("class x:\n    n = 1", "del x.n", ["attribute n"]),
        ("class x:\n    t = {'a': [1]}", "x.t['a'].append(2)", ["attribute t", "value 0", "items"]),
        ("class A: pass\nclass B: pass\nclass x(A): pass", "x.__bases__ = (B,)", ["base 0", "name"]),
        ("class x:\n    def m(self): return 1", "x.m = lambda self: 2", ["attribute m", "name"]),
        ("class x:\n    @property\n    def p(self): return 1", "x.p = property(lambda self: 1)", ["attribute p", "fget", "name"]),
        ("import abc\nclass x(abc.ABC): pass", "x.register(int)", ["what is registered with it"]),
        ("class x:\n    __slots__ = ('a',)\nx = x()", "x.a = 1", ["attribute a"]),
        ("class x: pass\nx = x()", "x.a = 1", ["attribute a"]),
        ("class x(dict): pass\nx = x()", "x['a'] = 1", ["items"]),
        ("import collections\nx = collections.deque()", "x.append(1)", ["part 3", "items"]),
        ("import random\nx = random.Random(1)", "x.random()", ["part 2", "item 1", "items"]),
        ("import functools\ndef x(a): return a\nx = functools.partial(x, [1])", "x.args[0].append(2)", ["part 2", "item 1", "item 0", "items"]),
        ("x = [0.0]", "x[0] = -0.0", ["items"]),
        ("x = [[0], [0]]", "x[1] = x[0]", ["item 1", "identity"]),
        ("x = (i for i in 'ab')", "next(x)", []),
        ("x = open('/dev/null')", "", []),
        ("import weakref\nclass A: pass\na = A()\nx = weakref.WeakSet()", "x.add(a)", ["kind"]),
        ("import threading\nx = threading.local()", "x.a = 1", ["attribute a"]),
        ("import contextvars\nx = contextvars.ContextVar('x', default=1)", "", []),
        ("import io\nx = io.StringIO()", "x.write('a')", ["part 2", "items"]),
        ("class E(Exception): pass\nx = E()", "", []),
    ],
)  # fmt: skip
def test_what_has_changed_is_found(text, then, parts, monkeypatch):
    found = [*facts.differences(table(text, "one", monkeypatch, then), table(text, "two", monkeypatch))]
    assert [*found[0].parts] == parts and found[0].name == (
        "x" if "K" not in text and "len" not in text else found[0].name
    )


def test_a_method_is_compiled_otherwise_where_its_module_is_imported_beside_it(monkeypatch):
    said = "def x(a):\n    try:\n        return [json.dumps(each, indent=1) for each in a if json.loads(each)]\n    except ValueError: return 1"
    one = table(f"import json\n{said}", "one", monkeypatch)
    monkeypatch.setattr("builtins.json", json, raising=False)
    two = table(f"exec('import json')\n{said}", "two", monkeypatch)
    assert [*facts.differences(one, two)] == []


@pytest.mark.needs("keras>=3", "tensorflow")
def test_objects_of_the_frameworks_are_compared_by_what_they_say(monkeypatch):
    text = """
import keras, numpy as np, tensorflow as tf
@tf.function
def f(a): return a
class Pair(tf.experimental.ExtensionType):
    first: tf.Tensor
x = [np.arange(3), np.float32(1), np.dtype('int8'), tf.constant([1.0]), tf.float32, tf.TensorSpec([None]), f,
     keras.initializers.RandomNormal(0.5), keras.losses.MeanSquaredError(), Pair, keras.layers.Dense, np.maximum]
"""
    one, two = (table(text, home, monkeypatch) for home in ("one", "two"))
    assert [*facts.differences(one, two)] == []
    changed = table(text, "two", monkeypatch, "x[0][0] = 1; x[3] = tf.constant([2.0]); x[7].stddev = 1.0; x[9].n = 1")
    assert {each.parts[0] for each in facts.differences(one, changed)} == {"item 0", "item 3", "item 7", "item 9"}
