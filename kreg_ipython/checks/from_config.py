"""Read what a ``from_config`` of the user's takes from its config, without calling it.

Only what is certain counts: statements that are executed one after the other, and keys that are written out. Where
anything else happens to the config, reading ends, and no more is known.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from kreg_ipython.checks.definitions import function_tree

_COPIES = {"dict", "copy.copy", "copy.deepcopy"}
_IN_PART = (
    *(ast.IfExp, ast.BoolOp, ast.Lambda, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
"""Expressions of which only a part may be evaluated, or not now."""


_Keys = dict[str, None]


class Made(NamedTuple):
    """The arguments of a constructor: the number of those without names, and the names of the others."""

    positional: int
    names: tuple[str, ...]


class _End(Exception):
    """Reading has come to an end: the object is made, a key is lacking, or nobody can tell."""

    def __init__(self, lacking: str | None = None, made: Made | None = None) -> None:
        self.lacking, self.made = lacking, made


class Reads:
    """One ``from_config``, read for a class.

    Args:
        kind: the class that is made.
        home: the class that has the function.
        is_plain: returns whether the ``from_config`` of a base calls ``cls(**config)``.
    """

    def __init__(self, kind: type, home: type, is_plain: Callable[[type], bool]) -> None:
        self._kind, self._home, self._is_plain = kind, home, is_plain
        self._function = getattr(vars(home)["from_config"], "__func__", None)
        self._class = ""
        self._dicts: dict[str, _Keys] = {}
        """The keys of the dicts that are known, by the variables that hold them. Two variables may hold one dict."""

    def read(self, config: Mapping[str, Any]) -> tuple[str | None, Made | None]:
        """Return a key that the function requires and the config lacks, and the arguments of the constructor.

        Both are None if nobody can tell.
        """
        tree = function_tree(self._function)
        if tree is None:
            return None, None
        names = [each.arg for each in [*tree.args.posonlyargs, *tree.args.args]]
        if [ast.unparse(each) for each in tree.decorator_list] != ["classmethod"] or len(names) < 2:
            return None, None
        self._class, self._dicts = names[0], {names[1]: dict.fromkeys(config)}
        try:
            self._execute(tree.body)
        except _End as end:
            return end.lacking, end.made
        return None, None

    def _execute(self, statements: Iterable[ast.stmt]) -> None:
        for each in statements:
            if isinstance(each, (ast.Expr, ast.Return)):
                if each.value is not None:
                    self._evaluate(each.value)
                if isinstance(each, ast.Return):
                    raise _End
            elif isinstance(each, (ast.Assign, ast.AnnAssign)):
                self._assign(each)
            elif isinstance(each, ast.Delete):
                for target in each.targets:
                    self._take(target)
            elif isinstance(each, ast.If):
                self._execute(each.body if self._is_true(each.test) else each.orelse)
            elif not isinstance(each, (ast.Pass, ast.Import, ast.ImportFrom)):
                raise _End

    def _assign(self, statement: ast.Assign | ast.AnnAssign) -> None:
        keys = self._evaluate(statement.value) if statement.value is not None else None
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            into, key = self._item(target)
            if into is not None and key is not None:
                into[key] = None
            elif isinstance(target, ast.Name) and target.id != self._class:
                self._dicts.pop(target.id, None)
                if keys is not None:
                    self._dicts[target.id] = keys
            elif not isinstance(target, ast.Attribute) or self._mentions(target):
                raise _End

    def _take(self, target: ast.expr) -> None:
        """Take a key out that must be there: ``del config["units"]``."""
        known, key = self._item(target)
        if known is None or key is None:
            raise _End
        self._require(known, key)
        del known[key]

    def _is_true(self, test: ast.expr) -> bool:
        """Return the truth of ``"units" in config``; of no other test it is known."""
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.left, ast.Constant):
            known = self._known(test.comparators[0])
            if known is not None and isinstance(test.ops[0], (ast.In, ast.NotIn)):
                return (test.left.value in known) == isinstance(test.ops[0], ast.In)
        raise _End

    # -- expressions

    def _evaluate(self, node: ast.AST) -> _Keys | None:
        """Evaluate an expression as far as the config goes; return the keys of a dict, if it is one that is known."""
        if isinstance(node, ast.Name):
            return self._known(node)
        if isinstance(node, ast.Subscript):
            known, key = self._item(node)
            if known is not None and key is not None:
                self._require(known, key)
                return None
        if isinstance(node, ast.Compare) and self._known(node.comparators[-1]) is not None:
            node = node.left
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Dict):
            return self._dict(node)
        if isinstance(node, _IN_PART):
            if self._mentions(node):
                raise _End
            return None
        for child in ast.iter_child_nodes(node):
            self._plain(child)
        return None

    def _plain(self, node: ast.AST) -> None:
        """Evaluate an expression whose value goes where nobody can follow; no dict that is known may go there."""
        if self._evaluate(node) is not None:
            raise _End

    def _call(self, node: ast.Call) -> _Keys | None:
        known = self._known(node.func.value) if isinstance(node.func, ast.Attribute) else None
        if known is not None:
            return self._method(node, known)
        function = ast.unparse(node.func)
        if function in _COPIES and len(node.args) == 1 and not node.keywords:
            copied = self._evaluate(node.args[0])
            return None if copied is None else {**copied}
        if function in (self._class, self._home.__name__):
            self._make(node)
        if function in ("super().from_config", f"super({self._home.__name__}, {self._class}).from_config"):
            self._hand_up(node)
        self._plain(node.func)
        for value in [*node.args, *(word.value for word in node.keywords)]:
            self._plain(value)
        return None

    def _method(self, node: ast.Call, known: _Keys) -> _Keys | None:
        """Call a method of a dict that is known."""
        assert isinstance(node.func, ast.Attribute)
        method, given = node.func.attr, [getattr(each, "value", None) for each in node.args]
        if method == "copy" and not node.args:
            return {**known}
        if method == "update" and not node.args:
            for word in node.keywords:
                self._plain(word.value)
                known |= {word.arg: None} if word.arg is not None else self._spread(word.value)
            return None
        if method not in ("get", "pop", "setdefault") or not given or not isinstance(given[0], str) or node.keywords:
            raise _End
        for value in node.args[1:]:
            self._plain(value)
        if method == "pop":
            if len(node.args) == 1:
                self._require(known, given[0])
            known.pop(given[0], None)
        elif method == "setdefault":
            known.setdefault(given[0])
        return None

    def _make(self, node: ast.Call) -> None:
        """Make the object: what follows does not matter any more."""
        of_class = isinstance(node.func, ast.Name) and node.func.id == self._class
        named = self._function.__globals__.get(self._home.__name__) if self._function is not None else None
        if not of_class and named is not self._kind:
            raise _End
        names: list[str] = []
        for value in node.args:
            if isinstance(value, ast.Starred):
                raise _End
            self._plain(value)
        for word in node.keywords:
            if word.arg is None:
                names += self._spread(word.value)
            else:
                self._plain(word.value)
                names.append(word.arg)
        raise _End(made=Made(len(node.args), tuple(names)))

    def _hand_up(self, node: ast.Call) -> None:
        """Hand the config on to the ``from_config`` of the next base."""
        later = self._kind.__mro__[self._kind.__mro__.index(self._home) + 1 :]
        base = next((each for each in later if "from_config" in vars(each)), None)
        if base is None or not self._is_plain(base) or len(node.args) != 1 or node.keywords:
            raise _End
        raise _End(made=Made(0, tuple(self._spread(node.args[0]))))

    def _dict(self, node: ast.Dict) -> _Keys | None:
        keys: _Keys = {}
        certain = True
        for key, value in zip(node.keys, node.values):
            if key is None:
                keys |= self._spread(value)
            else:
                self._plain(value)
                certain &= isinstance(key, ast.Constant) and isinstance(key.value, str)
                keys[getattr(key, "value", "")] = None
        return keys if certain else None

    def _spread(self, node: ast.expr) -> _Keys:
        """Return the keys of what stands after ``**``."""
        keys = self._evaluate(node)
        if keys is None:
            raise _End
        return keys

    # -- what is known

    def _known(self, node: ast.AST) -> _Keys | None:
        return self._dicts.get(node.id) if isinstance(node, ast.Name) else None

    def _item(self, node: ast.expr) -> tuple[_Keys | None, str | None]:
        """Return the keys of the dict in ``config["units"]``, and the key."""
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            return self._known(node.value), node.slice.value if isinstance(node.slice.value, str) else None
        return None, None

    def _require(self, known: _Keys, key: str) -> None:
        if key not in known:
            raise _End(lacking=key)

    def _mentions(self, node: ast.AST) -> bool:
        return any(isinstance(each, ast.Name) and each.id in self._dicts for each in ast.walk(node))
