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
