"""Which global names a statement binds and reads: a table, and Python's own symbol tables over the standard library."""

from __future__ import annotations

import ast
import os
import symtable
from collections.abc import Iterator
from pathlib import Path

import pytest

from kreg_ipython.export.scopes import Names, names

NEW = pytest.mark.needs("python>=3.12")  # type parameters


def read(text: str, **options: bool) -> Names:
    (statement,) = ast.parse(text).body
    return names(statement, **options)


@pytest.mark.parametrize(
    ("text", "now", "later"),
    [
        # functions
        ("def f(x): return x + y", "", "y"),
        ("def f(x=a, *, y=b): pass", "a b", ""),
        ("def f(x: A, *args: B, **kw: C) -> D: pass", "A B C D", ""),
        ("async def f(): await g()", "", "g"),
        ("@deco(1)\ndef f(): return f()", "deco", "f"),
        ("f = lambda x, y=d: x + y + z", "d", "z"),
        ("def f():\n    x = 1\n    def g(): return x + y\n    return g", "", "y"),
        ("def f():\n    def g(): return x\n    x = 1", "", ""),
        ("def f():\n    global x\n    x = y", "", "y"),
        ("def f():\n    global x\n    def g(): return x", "", "x"),
        ("def f(x):\n    def g():\n        nonlocal x\n        x = y\n    return g", "", "y"),
        ("def f():\n    import a.b as c, d.e\n    return c, d, e", "", "e"),
        ("def f():\n    for x in y: pass\n    with z as w: return x, w", "", "y z"),
        ("def f():\n    try: pass\n    except E as e: return e", "", "E"),
        ("def f():\n    x: A = b\n    return x", "", "b"),
        ("def f():\n    del x", "", ""),
        ("def f():\n    x += y", "", "y"),
        # classes
        ("class A(B, metaclass=M): pass", "B M", ""),
        ("class A:\n    x = y\n    def f(self): return x", "y", "x"),
        ("class A:\n    x = 1\n    y = x", "", ""),
        ("class A:\n    x = x", "x", ""),
        ("class A:\n    def f(self): pass\n    g = f", "", ""),
        ("class A:\n    n = 1\n    x = [n for _ in range(n)]", "range n", ""),
        ("class A:\n    x: B = c", "B c", ""),
        ("class A:\n    x: B", "B", ""),
        ("class A:\n    def f(self): return __class__, A", "", "__class__ A"),
        ("class A:\n    def f(self): return super().f()", "", "super"),
        ("class A:\n    class B(C): x = D", "C D", ""),
        ("class A:\n    global x\n    x = 1\n    y = x", "", ""),
        ("class A:\n    def f(self): return __x", "", "_A__x"),
        ("class A:\n    @property\n    def f(self): pass\n    @f.setter\n    def f(self, v): pass", "property", ""),
        ("def f(x):\n    class A:\n        y = x\n        z = w", "", "w"),
        # comprehensions
        ("x = [a for a in b if c]", "b c", ""),
        ("x = {k: v + w for k, v in d for e in k}", "d w", ""),
        ("x = [y for x in z for y in x]", "z", ""),
        ("x = [(y := f(a)) for a in b]", "f b", ""),
        ("x = (lambda: [a + b for a in c])", "", "b c"),
        ("def f(x): return [x + y for y in z]", "", "z"),
        ("def f():\n    [y := 1 for _ in z]\n    return y", "", "z"),
        # expressions
        ("f'{a!r:>{width}} {b.c}'", "a width b", ""),
        ("x = y = z", "z", ""),
        ("x = x + 1", "x", ""),
        ("x += y", "x y", ""),
        ("x[i] = y.z", "x i y", ""),
        ("a, (b, *c) = d", "d", ""),
        ("if (n := f()): g(n)", "f g", ""),
        ("del x", "x", ""),
        ("x: A", "A", ""),
        # compound statements
        ("try:\n    import a\nexcept ImportError:\n    a = b", "ImportError b", ""),
        ("if a:\n    x = b\nelse:\n    x = c", "a b c", ""),
        ("for x in y:\n    def f(): return x, z", "y", "x z"),
        ("for x in x: pass", "x", ""),
        ("with a as b: c(b)", "a c", ""),
        ("while a: a = b", "a b", ""),
        ("match a:\n    case B(c, d=[e, *f]) if g: h(c, e, f)\n    case {'k': i, **j}: i, j\n    case k: k\n    case L.M: pass", "a B g h L", ""),
        ("try: pass\nexcept E as e: print(e)", "E print", ""),
        # imports
        ("from a import b as c", "", ""),
        ("import a.b.c", "", ""),
    ],
)  # fmt: skip
def test_what_a_statement_reads(text, now, later):
    assert (set(now.split()), set(later.split())) == (read(text).now, read(text).later)


@pytest.mark.parametrize(
    ("text", "binds"),
    [
        ("def f(): x = 1", "f"),
        ("class A: x = 1", "A"),
        ("class A:\n    global x\n    x = 1", "A x"),
        ("import a.b, c.d as e", "a e"),
        ("from a import b, c as d", "b d"),
        ("from a import *", ""),
        ("a = b, (c, *d) = e", "a b c d"),
        ("x: int = 1", "x"),
        ("x: int", ""),
        ("x[0] = y.z = 1", ""),
        ("x += 1", "x"),
        ("print(x := 1, [y := z for z in w])", "x y"),
        ("for a in b:\n    c = a\nelse: d = 1", "a c d"),
        ("with a as (b, c): pass", "b c"),
        ("try: a = 1\nexcept E as e: b = 1", "a b"),
        ("match a:\n    case [b, *c]: d = 1\n    case {**e}: pass", "b c d e"),
        ("if a: import b", "b"),
    ],
)
def test_what_a_statement_binds(text, binds):
    assert read(text).binds == set(binds.split())


def test_what_functions_bind_is_bound_later():
    assert read("def f():\n    global x, y\n    x = y").binds_later == {"x"}


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("def f(x: 'A') -> 'list[B]': pass", "A list B"),
        ("class A:\n    x: 'Optional[C]'", "Optional C"),
        ("def f(x: Literal['a', 'b']): pass", ""),
        ("def f(x: 'not code ['): pass", ""),
        ("def f():\n    x: A = 1", "A"),
        ("class A:\n    def f(self) -> 'A': pass", "A"),
    ],
)
def test_what_annotations_name_in_strings(text, quoted):
    assert read(text).quoted == set(quoted.split())


def test_annotations_that_are_text_are_not_evaluated():
    found = read("def f(x: A, y: 'B' = c) -> D: pass", annotations_are_text=True)
    assert (found.now, found.quoted) == ({"c"}, {"A", "B", "D"})


def test_the_dotted_names_are_those_that_are_written():
    assert read("class A(k.layers.Layer):\n    x = f(a.b).c").chains == {"k.layers.Layer", "a.b"}


def test_a_star_import_names_its_module():
    assert read("from a.b import *").star == {"a.b"}


@NEW
@pytest.mark.parametrize(
    ("text", "now", "later"),
    [
        ("def f[T](x: T) -> list[T]: return T", "list", ""),
        ("class A[T: B](C[T]): x: T", "C", "B"),
        ("type X[T] = dict[T, Y]", "", "dict Y"),
    ],
)
def test_type_parameters_are_names_of_their_definition(text, now, later):
    assert (read(text).now, read(text).later) == (set(now.split()), set(later.split()))


# -- Python's own tables


def by_symtable(text: str) -> set[str]:
    """Return the global names that a text mentions, by Python's own symbol table, without what only class bodies do."""

    def walk(table: symtable.SymbolTable) -> set[str]:
        found = set()
        for symbol in table.get_symbols():
            is_global = symbol.is_global() or table.get_type() == "module"
            if is_global and (symbol.is_referenced() or symbol.is_assigned() or symbol.is_imported()):
                found.add(symbol.get_name())
        return found.union(*map(walk, table.get_children()))

    return walk(symtable.symtable(text, "f", "exec"))


FILES = "inspect dataclasses test/test_grammar test/test_patma test/test_scope"


def mentioned(statement: ast.stmt) -> Iterator[str]:
    """Yield the names about which Python's table says something else, or nothing."""
    yield from ("__class__", "__debug__")
    for node in ast.walk(statement):
        if isinstance(node, ast.ExceptHandler) and node.name:  # we say it is gone after the clause
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):  # no value, no binding
            yield node.target.id


@pytest.mark.parametrize("name", FILES.split())
def test_the_names_are_those_that_python_knows(name):
    path = Path(os.__file__).parent / f"{name}.py"
    for statement in ast.parse(path.read_text()).body if path.exists() else ():
        try:
            expected = by_symtable(ast.unparse(statement))
        except SyntaxError:
            continue
        found = names(statement)
        ours = found.binds | found.now | found.later | found.binds_later
        assert expected - ours <= {*mentioned(statement)} | found.quoted, ast.unparse(statement)
        loads = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
        assert ours - expected <= {node.id for node in loads}, "a class may read a name before it binds it"
