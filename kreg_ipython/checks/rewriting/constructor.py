"""Write the constructor and the config of an optimizer for today's Keras."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from kreg_ipython.checks.rewriting.method import Method
from kreg_ipython.checks.rewriting.reading import defaults, is_docstring, parameters, rate_set_by, stored, super_call
from kreg_ipython.checks.rewriting.source import NOT_THE_USERS, Source
from kreg_ipython.checks.rewriting.syntax import expression, method_text, statements
from kreg_ipython.checks.rewriting.target import Target
from kreg_ipython.checks.rewriting.translator import Translator


class Constructor:
    """Writes the constructor of one class, and the config that it will be loaded from.

    Args:
        source: what is known about the class and its bases.
        tree: its definition.
        target: what it is written for.

    Attributes:
        missed: why statements were not translated.
    """

    def __init__(self, source: Source, tree: ast.ClassDef, target: Target) -> None:
        self._source, self._tree, self._target = source, tree, target
        self._methods = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        self.missed: list[str] = []

    def written(self, made: ast.FunctionDef) -> Iterator[str]:
        """Yield the text of the constructor."""
        made = copy.deepcopy(made)
        made.body = [each for one in made.body for each in _unscoped(one)]
        if self._target.own_base:
            _rename_rate(made)
            body = self._translated_body(made, [each for each in made.body if not self._is_rate_or_name(each)])
            yield method_text("__init__", ast.unparse(made.args), [*body, *self._kept(made)])
            return
        renamed = _rename_rate(made)
        if made.args.kwarg is None:
            made.args.kwarg = ast.arg("kwargs")
        rate, before = self._rate(made, renamed)
        call = super_call(made)
        words = self._source.bound(call) if call is not None else {}
        words.pop("learning_rate", None)
        decay = words.pop("decay", None)
        words["name"] = self._named(made, words.pop("name", None))
        kwargs = made.args.kwarg.arg
        if self._target.decays:
            given = ast.unparse(decay) if decay is not None else f"{kwargs}.pop('decay', 0.0)"
            before += statements(f"initial_decay = {given}")
        words = {**self._theirs(made, words), **words}
        if rate is not None and (self._target.is_3 or not self._source.plain):
            words = {"learning_rate": rate, **words}
        given = ", ".join(f"{name}={ast.unparse(value)}" for name, value in words.items())
        after = statements(f"super().__init__({given}, **{kwargs})")
        if not self._target.is_3 and self._source.plain and rate is not None:
            after += statements(f"self._learning_rate = self._build_learning_rate({ast.unparse(rate)})")
        if self._target.decays:
            after += statements("self._initial_decay = initial_decay")
        body = self._body_around(made, call, [*before, *after])
        yield method_text("__init__", ast.unparse(made.args), [*body, *self._kept(made)])

    def _rate(self, made: ast.FunctionDef, renamed: bool) -> tuple[ast.expr | None, list[ast.stmt]]:
        """Return the learning rate that the base gets, and statements that go before.

        A config has ``learning_rate``, so the constructor takes it by this name, also where the user's has another one.
        """
        call = super_call(made)
        rate = self._source.bound(call).get("learning_rate") if call is not None else None
        for node in made.body:
            rate = rate_set_by(node) or rate
        names = [each.arg for each in parameters(made)]
        used = {node.id for node in ast.walk(rate) if isinstance(node, ast.Name)} if rate is not None else set()
        if rate is None and not self._source.plain and "learning_rate" not in names:
            return None, []
        if "learning_rate" not in names and not used - {"float", "int"}:
            _add(made, "learning_rate", rate or ast.Constant(0.01))
            names, rate = [*names, "learning_rate"], None
        _make_float(defaults(made).get("learning_rate"))
        local = {text for node in made.body for text in _assigned(node)}
        plain = ast.Name("learning_rate", ast.Load())
        if rate is None or "self" in used or used & local:
            rate = plain
        kwargs = made.args.kwarg.arg if made.args.kwarg is not None else "kwargs"
        text = ast.unparse(rate)
        if renamed:
            return plain, statements(f"learning_rate = {kwargs}.pop('lr', learning_rate)")
        if isinstance(rate, ast.Call) and text.startswith(f"{kwargs}.get('lr'"):
            return plain, statements(f"learning_rate = {text.replace('.get', '.pop', 1)}")
        if "learning_rate" not in names:
            return plain, statements(f"learning_rate = {kwargs}.pop('learning_rate', {text})")
        return rate, []

    def _named(self, made: ast.FunctionDef, given: ast.expr | None) -> ast.expr:
        """Return the name that the base gets. The constructor takes one, since a config has one."""
        names = [each.arg for each in parameters(made)]
        if "name" in names:
            return given if given is not None else ast.Name("name", ast.Load())
        if given is not None and {node.id for node in ast.walk(given) if isinstance(node, ast.Name)} & {*names}:
            _add(made, "name", ast.Constant(None))
            return expression(f"name or {ast.unparse(given)}")
        _add(made, "name", given if isinstance(given, ast.Constant) else ast.Constant(self._tree.name))
        return ast.Name("name", ast.Load())

    def _theirs(self, made: ast.FunctionDef, words: dict[str, ast.expr]) -> dict[str, ast.expr]:
        """Return the user's arguments that are the base's, too, and that the user does nothing else with."""
        kept = {*stored(self._tree), *words, *NOT_THE_USERS}
        names = [each.arg for each in parameters(made) if each.arg not in kept]
        used = {node.id for each in made.body for node in ast.walk(each) if isinstance(node, ast.Name)}
        return {
            name: ast.Name(name, ast.Load())
            for name in names
            if name in self._source.arguments_of_base and name not in used
        }

    def _body_around(self, made: ast.FunctionDef, call: ast.Call | None, new: list[ast.stmt]) -> list[ast.stmt]:
        """Return the user's statements with the base's constructor before the first attribute that is set."""
        kept = [each for each in made.body if not self._is_rate_or_name(each)]
        calls = [each for each in kept if call is not None and any(node is call for node in ast.walk(each))]
        sets = [each for each in kept if "self." in ast.unparse(each) or each in calls]
        first = kept.index(sets[0]) if sets else int(bool(kept) and is_docstring(kept[0]))
        before, after = kept[:first], [each for each in kept[first:] if each not in calls]
        return [*self._translated_body(made, before), *new, *self._translated_body(made, after)]

    def _is_rate_or_name(self, node: ast.stmt) -> bool:
        targets = [ast.unparse(each) for each in node.targets] if isinstance(node, ast.Assign) else []
        return rate_set_by(node) is not None or bool({*targets} & {"self.name", "self._name", "self.iterations"})

    def _translated_body(self, made: ast.FunctionDef, body: list[ast.stmt]) -> list[ast.stmt]:
        if not self._source.is_legacy:
            return body
        translator = Translator(Method(self._target, made))
        new = translator.block(body)
        self.missed += translator.missed
        return new

    # -- the config

    def _own_arguments(self, made: ast.FunctionDef) -> list[str]:
        """Return the arguments that the base's config does not tell."""
        told = {name for name in self._source.passed if name in self._source.arguments_of_base}
        told |= {*self._theirs(made, {})}
        names = [each.arg for each in parameters(made)]
        return [name for name in names if name not in NOT_THE_USERS and name not in told]

    def _holds(self, made: ast.FunctionDef, name: str) -> str | None:
        """Return the attribute that has an argument as it was given; None without one."""
        for node in ast.walk(made):
            pairs = _pairs(node) if isinstance(node, ast.Assign) else []
            found = [to.attr for to, value in pairs if ast.unparse(value) == name and isinstance(to, ast.Attribute)]
            if found:
                return self._target.attributes.get(found[0], found[0])
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._set_hyper" and len(node.args) == 2:
                key, value = node.args
                if ast.unparse(value) == name and isinstance(key, ast.Constant):
                    return self._target.attributes.get(str(key.value), str(key.value))
        return None

    def _unkept(self, made: ast.FunctionDef) -> Iterator[tuple[str, str]]:
        """Yield the arguments that no attribute holds and no config tells, with an attribute for each."""
        told = self._told()
        for name in self._own_arguments(made):
            if self._holds(made, name) is None and name not in told:
                free = name not in stored(self._tree) and name not in self._source.attributes
                yield name, name if free and not hasattr(self._source.today, name) else f"given_{name}"

    def _kept(self, made: ast.FunctionDef) -> list[ast.stmt]:
        return [each for name, at in self._unkept(made) for each in statements(f"self.{at} = {name}")]

    def _told(self) -> dict[str, ast.expr]:
        """Return what the user's own get_config tells of attributes, by key."""
        tree = self._methods.get("get_config")
        found: dict[str, ast.expr] = {}
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values)
                found.update({str(key.value): value for key, value in pairs if isinstance(key, ast.Constant)})
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                key = node.targets[0].slice
                found.update({str(key.value): node.value} if isinstance(key, ast.Constant) else {})
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("dict", "config.update"):
                found.update({word.arg: word.value for word in node.keywords if word.arg})
        names = {
            key: {each.id for each in ast.walk(value) if isinstance(each, ast.Name)} for key, value in found.items()
        }
        return {key: value for key, value in found.items() if names[key] <= {"self", "float", "int", "bool", "str"}}

    def config(self, old: ast.FunctionDef | None) -> Iterator[str]:
        """Yield the text of ``get_config``, if the class needs one. ``old`` is the user's; None without one."""
        if old is not None and not self._source.is_legacy:
            yield ast.unparse(old)
            return
        made = copy.deepcopy(self._methods.get("__init__"))
        pairs: dict[str, str] = {}
        if made is not None:
            _rename_rate(made)
            unkept, told = dict(self._unkept(made)), self._told()
            for name in self._own_arguments(made):
                at = self._holds(made, name) or unkept.get(name)
                value = f"self.{at}" if at is not None else self._translated(told[name])
                pairs[name] = value
        if not self._target.own_base and self._target.decays:
            pairs.setdefault("decay", "self._initial_decay")
        if not self._target.own_base and self._source.plain and not self._target.is_3:
            pairs = {"learning_rate": "self._serialize_hyperparameter(self._learning_rate)", **pairs}
        if pairs:
            told_text = ", ".join(f"{name!r}: {value}" for name, value in pairs.items())
            yield f"def get_config(self):\n    return {{**super().get_config(), {told_text}}}"

    def _translated(self, value: ast.expr) -> str:
        [empty] = statements("def get_config(self): pass")
        assert isinstance(empty, ast.FunctionDef)
        return ast.unparse(Translator(Method(self._target, empty)).visit(copy.deepcopy(value)))


def _add(made: ast.FunctionDef, name: str, default: ast.expr) -> None:
    """Add an argument behind the others, so that they keep their places."""
    if made.args.vararg is not None or (len(made.args.defaults) < len(made.args.args) - 1 and made.args.kwonlyargs):
        made.args.kwonlyargs.append(ast.arg(name))
        made.args.kw_defaults.append(default)
    else:
        made.args.args.append(ast.arg(name))
        made.args.defaults.append(default)


def _rename_rate(made: ast.FunctionDef) -> bool:
    """Call the argument ``lr`` what it is called today; return whether there was one."""
    names = [each.arg for each in parameters(made)]
    if "lr" not in names or "learning_rate" in names:
        return False
    for each in ast.walk(made):
        if isinstance(each, ast.arg) and each.arg == "lr":
            each.arg = "learning_rate"
        if isinstance(each, ast.Name) and each.id == "lr":
            each.id = "learning_rate"
    return True


def _pairs(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """Return what a statement assigns to what."""
    target = node.targets[0]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        return [*zip(target.elts, node.value.elts)]
    return [(each, node.value) for each in node.targets]


def _unscoped(node: ast.stmt) -> list[ast.stmt]:
    """Return the statements in a scope that only gave names."""
    scoped = isinstance(node, ast.With) and all("name_scope" in ast.unparse(item) for item in node.items)
    return node.body if isinstance(node, ast.With) and scoped else [node]


def _make_float(value: ast.expr | None) -> None:
    """Make a learning rate a float, as Keras 3 wants it."""
    if isinstance(value, ast.Constant) and type(value.value) is int:
        value.value = float(value.value)


def _assigned(node: ast.stmt) -> list[str]:
    return [ast.unparse(each) for each in node.targets] if isinstance(node, ast.Assign) else []
