"""What a module has of a notebook's cells: small notebooks as a table, each executed in a fresh namespace."""

from __future__ import annotations

import sys

import pytest
from in_process import Cells, executed

EFFECT = "EFFECTS.append(1)"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param(["def f(): return 1"], "def f(): return 1", id="a function"),
        pytest.param(["import math, os", "def f(): return math.pi"], "import math\n\n\ndef f(): return math.pi", id="of an import what is needed"),
        pytest.param(["from math import pi, e as E, tau\ndef f(): return E"], "from math import e as E\n\n\ndef f(): return E", id="of a from import what is needed"),
        pytest.param(["import os.path, os\ndef f(): return os.path.sep"], "import os.path, os\n\n\ndef f(): return os.path.sep", id="a module in a module") ,
        pytest.param(["from math import *\ndef f(): return floor(2.5)"], "from math import floor\n\n\ndef f(): return floor(2.5)", id="a star import"),
        pytest.param(["A = 1", "print(A)\ndef f(): return A"], "A = 1\n\n\ndef f(): return A", id="a constant"),
        pytest.param(["# the number\n# of units\nA = 1  # one\nB = 2", "def f(): return A"], "# the number\n# of units\nA = 1  # one\n\n\ndef f(): return A", id="comments"),
        pytest.param(["A = 1; EFFECTS = []; EFFECTS.append(1)", "def f(): return A"], "A = 1\n\n\ndef f(): return A", id="one of several on a line"),
        pytest.param(["def g(): return 1", "def f(): return g()", "def h(): return 2"], "def g(): return 1\n\n\ndef f(): return g()", id="a helper"),
        pytest.param(["class B:\n    x = 1\n\n    # why\n    def m(self): return self.x", "class A(B): pass\n\ndef f(): return A().m()"], "class B:\n    x = 1\n\n    # why\n    def m(self): return self.x\n\n\nclass A(B): pass\n\n\ndef f(): return A().m()", id="base classes"),
        pytest.param(["def f(): return g()", "def g(): return 1"], "def f(): return g()\n\n\ndef g(): return 1", id="a helper that comes later"),
        pytest.param(["A = 1\nB = A + 1", "def f(): return B"], "A = 1\nB = A + 1\n\n\ndef f(): return B", id="a constant of a constant"),
        pytest.param(["import functools\n\ndef deco(f):\n    @functools.wraps(f)\n    def g(): return f() + 1\n    return g", "@deco\ndef f(): return 1"], "import functools\n\n\ndef deco(f):\n    @functools.wraps(f)\n    def g(): return f() + 1\n    return g\n\n\n@deco\ndef f(): return 1", id="a decorator"),
        pytest.param(["def f(): return 1", "g = f\nf = 5", "def h(): return g()\ndef f(): return h()"], None, id="a name that is bound twice"),
        pytest.param(["def make(n): return lambda: n", "f = make(3)"], "def make(n): return lambda: n\n\n\nf = make(3)", id="a closure of a harmless function"),
        pytest.param(["try:\n    import no_such_module as m\nexcept ImportError:\n    import math as m", "def f(): return m.pi"], "try:\n    import no_such_module as m\nexcept ImportError:\n    import math as m\n\n\ndef f(): return m.pi", id="a conditional import"),
        pytest.param(["def build(): return {'a': 1}", "V = build()\ndef f(): return V"], None, id="a computed constant"),
        pytest.param(["import random", "V = random.Random(1).sample(range(9), 3)", "def f(): return V"], None, id="a computed constant of a library"),
        pytest.param(["V = []", "V.append('a')", "def f(): return V"], None, id="a list that was filled"),
        pytest.param(["T = {}\ndef add(f):\n    T[f.__name__] = f\n    return f", "@add\ndef g(): return 4", "def f(): return T['g']()"], None, id="a registry that decorators fill"),
        pytest.param(["T = {}", "def g(): return 4", "T['g'] = g", "def f(): return T['g']()"], None, id="a registry that statements fill"),
        pytest.param(["class A: pass", "A.x = 3", "def f(): return A.x"], "class A: pass\n\n\nA.x = 3\n\n\ndef f(): return A.x", id="an attribute that is set later"),
        pytest.param(["if 'f' not in globals():\n    def f(): return 1"], "def f(): return 1", id="a guarded definition"),
        pytest.param(["if True:\n    print(1)\n    def f():\n        '''x\n    y'''\n        return 1\nelse:\n    def f(): return 2"], None, id="a definition beside an effect"),
        pytest.param(["if True:\n    print(1)\n    class A: pass\n    A.x = 3\ndef f(): return A.x"], "class A: pass\n\n\nA.x = 3\n\n\ndef f(): return A.x", id="an attribute beside an effect"),
        pytest.param(["class C: pass", "if 'C' not in globals():\n    class C:\n        def m(self): return 1\ndef f(): return hasattr(C(), 'm')"], None, id="a class that a guard left alone"),
        pytest.param(["for A in range(3): print(A)\ndef f(): return A"], None, id="a loop's variable"),
        pytest.param(["import math\nfor g in (math.sin, math.cos): pass\ndef f(): return g(0)"], None, id="a function out of a loop"),
        pytest.param(["%matplotlib inline\nx = 1\ndef f(): return x\n!ls"], "x = 1\n\n\ndef f(): return x", id="magics"),
        pytest.param(["%%time\nx = 1\ndef f(): return x"], "x = 1\n\n\ndef f(): return x", id="a cell magic that executes its body"),
        pytest.param(["from __future__ import annotations\nclass A:\n    x: Unknown", "def f(): return A.__annotations__"], None, id="annotations as text"),
        pytest.param(["from typing import Optional\nclass A:\n    x: 'Optional[B]'\nclass B: pass", "def f(): return sorted(A.__annotations__)"], None, id="annotations in strings"),
        pytest.param(["class A:\n    def x(self) -> 'A': return self\ndef f(): return isinstance(A().x(), A)"], None, id="a class that names itself"),
        pytest.param(["def f(n=3): return 1 if n == 0 else f(n - 1)"], "def f(n=3): return 1 if n == 0 else f(n - 1)", id="a function that calls itself"),
        pytest.param(["from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)._asdict()"], None, id="a namedtuple"),
        pytest.param(["from dataclasses import dataclass, field\n@dataclass\nclass C:\n    n: int = 1\n    v: list = field(default_factory=list)\nCONFIG = C(n=4)\ndef f(): return CONFIG.n"], None, id="a dataclass's instance"),
        pytest.param(["import enum\nclass E(enum.Enum):\n    A = 1\ndef f(e=E.A): return e.value"], None, id="an enum"),
        pytest.param(["import re\nP = re.compile('a+')\ndef f(): return P.match('aab').group()"], None, id="a pattern"),
        pytest.param(["A, (B, *C) = 1, (2, 3)\ndef f(): return A + B + C[0]"], None, id="several variables at once"),
        pytest.param(["X = Y = 3\nX += 1\ndef f(): return X, Y"], None, id="what is added to"),
        pytest.param(["_n = 0\ndef count():\n    global _n\n    _n += 1\n    return _n\ncount()\ndef f(): return _n"], None, id="a global that a function changes"),
        pytest.param(["def f(x=(y := 3)): return x + y"], None, id="a name that is bound in an expression"),
        pytest.param(["import json as j, math as m\ndef f(): return j.dumps(m.floor(1.5))"], None, id="two imports in one statement"),
        pytest.param(["    A = 1\n    def f(): return A"], "A = 1\n\n\ndef f(): return A", id="an indented cell"),
        pytest.param(["f = lambda x=2: x * 3"], "f = lambda x=2: x * 3", id="a lambda"),
        pytest.param(["import functools\ndef g(a, b): return a + b\nf = functools.partial(g, 1, 2)"], None, id="a partial"),
        pytest.param(["class Meta(type):\n    def __new__(m, n, b, d): return super().__new__(m, n, b, d | {'k': K})\nK = 2\nclass A(metaclass=Meta): pass\ndef f(): return A.k"], None, id="a metaclass"),
        pytest.param(["class B:\n    def __init_subclass__(cls): ALL.append(cls.__name__)\nALL = []\nclass A(B): pass\ndef f(): return ALL"], None, id="a base that is told of its subclasses"),
    ],
)  # fmt: skip
def test_a_module_does_what_the_notebook_did(cells, expected):
    notebook = Cells(*cells)
    before = notebook.namespace["f"]()
    module = notebook.module("f")
    if expected is not None:
        assert module.text == f"{expected}\n"
    assert module.left_out == (), module.text
    assert executed(module)["f"]() == before, module.text
    assert "print(" not in module.text and EFFECT not in module.text


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the user's."""
    (tmp_path / "of_mine").mkdir()
    for name, text in {
        "of_mine/__init__.py": "",
        "of_mine/base.py": "import math\n\nEFFECT = print('imported')\n\nclass Base:\n    # half\n    x = math.pi / 2\n",
        "of_mine/more.py": "from .base import Base\n\ndef unused(): pass\n\nclass More(Base):\n    def m(self): return self.x * FACTOR\n\nFACTOR = 2\n",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "of_mine"]:
        del sys.modules[name]


IMPORTED = "from of_mine.more import More\n\n\nclass A(More): pass\n\n\ndef f(): return A().m()\n"
COPIED = """import math


class Base:
    # half
    x = math.pi / 2


class More(Base):
    def m(self): return self.x * FACTOR


FACTOR = 2


class A(More): pass


def f(): return A().m()
"""


@pytest.mark.parametrize(("inline", "expected"), [(False, IMPORTED), (True, COPIED)])
def test_modules_of_the_users_are_imported_or_copied(package, inline, expected):
    notebook = Cells("from of_mine.more import More", "class A(More): pass\ndef f(): return A().m()")
    module = notebook.module("f", inline=inline)
    assert module.text == expected and module.left_out == ()
    assert executed(module)["f"]() == notebook.namespace["f"]()


def test_what_is_copied_may_have_another_name(package):
    notebook = Cells("from of_mine.more import More as M\nfrom math import pi\ndef f(): return M().m() / pi")
    module = notebook.module("f", inline=True)
    assert "\nM = More\n" in module.text and executed(module)["f"]() == 1


def test_a_module_whose_names_mean_something_else_in_the_notebook_is_imported(package):
    notebook = Cells("from of_mine.more import More\nFACTOR = 7\ndef f(): return More().m(), FACTOR")
    module = notebook.module("f", inline=True)
    assert module.text.startswith("from of_mine.more import More\n")
    assert executed(module)["f"]() == notebook.namespace["f"]()


# -- what is left out


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["LOG = {}\ndef make():\n    LOG['made'] = 1\n    return object()", "NET = make()\ndef f(): return NET"], {"NET": "its statement changes LOG['made'], and an object"}),
        (["import io\nFILE = io.StringIO()\ndef f(): return FILE"], {"FILE": "calls io.StringIO()"}),
        (["BIG = list(range(99_999))\nBIG.pop()\ndef f(): return BIG"], {"BIG": "its statement would give another value elsewhere, and a list of 99,998 items"}),
        (["import io\nFILE = io.StringIO()", "def f(x=FILE): return x"], {"FILE": "calls io", "f": "it needs FILE, which is left out"}),
        (["import io\nFILE = io.StringIO()\ndef deco(f):\n    FILE.write('x')\n    return f", "@deco\ndef f(): pass"], {"FILE": "calls io", "f": "it needs FILE"}),
        (["f = %time lambda: 1"], {"f": "there is a magic in its statement"}),
        (["def f():\n    %time x = 1\n    return x"], {"f": "there is a magic in its statement"}),
    ],
)  # fmt: skip
def test_what_is_left_out_is_named_with_its_cell(cells, expected):
    notebook = Cells(*cells)
    notebook.namespace["f"] = notebook.namespace["f"] if callable(notebook.namespace["f"]) else print
    module = notebook.module("f")
    told = {each.name: each for each in module.left_out}
    assert told.keys() == expected.keys(), module.text
    for name, why in expected.items():
        assert why in told[name].why and told[name].cell in notebook.last.values()
        assert f"# left out: {name} of cell [{told[name].cell}]: {told[name].why}\n" in module.text
    executed(module)


def test_a_long_value_has_several_lines():
    notebook = Cells("def build(): return {f'word {n}': n for n in range(20)}", "V = [build()][-1]\ndef f(): return V")
    notebook.namespace["V"]["more"] = 1
    module = notebook.module("f")
    assert module.text.startswith("# computed in cell [2]\nV = {'word 0': 0,\n")
    assert executed(module)["f"]() == notebook.namespace["V"]


def test_an_object_that_no_last_text_defines_is_named():
    notebook = Cells()
    notebook.run("a", "def f(): return 1")
    notebook.run("a", "x = 1")
    (left_out,) = notebook.module("f").left_out
    assert (left_out.name, left_out.why) == ("f", "no cell's last text defines it")


def test_what_a_failed_cell_did_not_come_to_does_not_count():
    notebook = Cells("def g(): return 1", "def f(): return g()")
    with pytest.raises(ZeroDivisionError):
        notebook.run("c", "1 / 0\ndef g(): return 2")
    assert executed(notebook.module("f"))["f"]() == 1


def test_the_last_text_of_a_cell_counts():
    notebook = Cells()
    notebook.run("a", "def helper(): return 1")
    notebook.run("b", "def f(): return helper()")
    notebook.run("a", "def helper(): return 2")
    assert executed(notebook.module("f"))["f"]() == 2
