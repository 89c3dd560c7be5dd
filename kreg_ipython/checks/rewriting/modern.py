"""Write an optimizer of Keras 2's slots for today's Keras: its constructor, its slots, its step, its config."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from kreg_ipython.checks.definitions import class_tree
from kreg_ipython.checks.keras import Keras, is_frameworks
from kreg_ipython.checks.rewriting.constructor import Constructor
from kreg_ipython.checks.rewriting.method import Method
from kreg_ipython.checks.rewriting.reading import added_slots, is_docstring, only_raises, parameters
from kreg_ipython.checks.rewriting.source import Source
from kreg_ipython.checks.rewriting.syntax import comment, indented, method_text, statements
from kreg_ipython.checks.rewriting.target import COEFFICIENTS, SPARSE_STEP, STEP
from kreg_ipython.checks.rewriting.translator import Translator

_UNCALLED = (
    *("_prepare", "_finish", "_apply_dense", "_apply_sparse", "get_updates", "_create_hypers", "_create_all_weights"),
    *("_transform_gradients", "_transform_unaggregated_gradients", "_aggregate_gradients"),
    "_resource_apply_sparse_duplicate_indices",
)


class Modern(NamedTuple):
    """A class that was written anew.

    Attributes:
        text: the code.
        missed: why statements of it were not translated.
    """

    text: str
    missed: list[str]


def modern(kind: type, keras: Keras) -> Modern:
    """Return a class, and those of its bases that users wrote, for this Keras."""
    chain = [base for base in reversed(kind.__mro__) if not is_frameworks(base) and issubclass(base, keras.optimizers)]
    trees = [class_tree(base) for base in chain]
    known = [tree for tree in trees if tree is not None]
    if not known or len(known) < len(trees):
        return Modern(f"# the source of {kind.__name__} is not known", [])
    source = Source(kind, keras, known)
    classes = [_Class(source, tree, base is not chain[0]) for base, tree in zip(chain, known)]
    text = "\n\n\n".join(each.text() for each in classes)
    return Modern(source.imports(text) + text, [reason for each in classes for reason in each.missed])


class _Class:
    """Writes one class.

    Args:
        source: what is known about it and its bases.
        tree: its definition.
        own_base: whether it is built on another class of the user's.

    Attributes:
        missed: why statements were not translated.
    """

    def __init__(self, source: Source, tree: ast.ClassDef, own_base: bool) -> None:
        self._source, self._tree, self._own_base = source, tree, own_base
        self._keras = source.keras
        self._target = source.target(own_base)
        self._constructor = Constructor(source, tree, self._target)
        self._methods = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        self.missed: list[str] = []

    def text(self) -> str:
        """Return the code of the class."""
        members = [text for member in self._tree.body for text in self._member(member)]
        members = [*self._missing_before(), *members, *self._missing_after()]
        first = members[0] if members else "pass"
        docstring = [first] if first.startswith(("'", '"')) else []
        decorators = "".join(f"@{ast.unparse(each)}\n" for each in self._tree.decorator_list)
        body = "\n\n".join([*docstring, *(each for each in members if each not in docstring)] or ["pass"])
        self.missed += self._constructor.missed
        return f"{decorators}class {self._tree.name}({self._bases()}):\n{indented(body)}"

    def _bases(self) -> str:
        if self._own_base:
            return ", ".join(ast.unparse(each) for each in self._tree.bases)
        texts = [ast.unparse(each) for each in self._tree.bases]
        own = [text for text in texts if text.rpartition(".")[2] in self._names_of_others]
        return ", ".join([*own, f"{self._keras.path}.optimizers.{self._source.base_name}"])

    @cached_property
    def _names_of_others(self) -> set[str]:
        """The names of bases that are no optimizers."""
        return {
            base.__name__
            for base in self._source.kind.__mro__
            if not issubclass(base, self._keras.optimizers) and base is not object and not is_frameworks(base)
        }

    def _member(self, member: ast.stmt) -> list[str]:
        special = {
            "__init__": self._constructor.written,
            "_create_slots": self._build,
            "_resource_apply_dense": self._step,
            "_resource_apply_sparse": self._sparse_step,
            "_prepare_local": self._coefficients,
            "get_config": self._constructor.config,
        }
        if not isinstance(member, ast.FunctionDef):
            return [ast.unparse(member)]
        if member.name in special:
            return list(special[member.name](member))
        return list(self._helper(member)) if self._source.is_legacy else [ast.unparse(member)]

    def _missing_before(self) -> Iterator[str]:
        if "__init__" not in self._methods and not self._own_base and self._source.plain:
            made = f"def __init__(self, learning_rate=0.01, name={self._tree.name!r}, **kwargs):\n"
            [empty] = statements(f"{made}    super().__init__(name, **kwargs)")
            assert isinstance(empty, ast.FunctionDef)
            yield from self._constructor.written(empty)

    def _missing_after(self) -> Iterator[str]:
        has, plain = self._source.has, self._source.plain and not self._own_base
        if plain and self._source.is_legacy and not self._keras.is_3 and not has("_create_slots"):
            yield "def build(self, var_list):\n    super().build(var_list)\n    self._built = True"
        if not self._own_base and self._target.decays:
            yield self._decayed_rate()
        if plain and not has("_resource_apply_dense") and not has(STEP):
            yield from self._plain_step()
        if "get_config" not in self._methods:
            yield from self._constructor.config(None)

    def _translated(self, method: Method) -> list[ast.stmt]:
        translator = Translator(method)
        body = translator.body()
        self.missed += translator.missed
        return body

    # -- the slots

    def _build(self, old: ast.FunctionDef) -> Iterator[str]:
        variables = old.args.args[1].arg if len(old.args.args) > 1 else "var_list"
        body = self._translated(Method(self._target, _with_none(old)))
        if self._keras.is_3:
            start = f"if self.built:\n    return\nsuper().build({variables})"
        else:
            start = "again = getattr(self, '_built', False)  # it is called at each step\n"
            start += f"super().build({variables})\nif again:\n    return\nself._built = True"
        slots = [self._target.slots[name] for name in added_slots(self._tree)]
        lists = [f"self.{slot} = []" for slot in dict.fromkeys(slots)]
        if "self.slots.setdefault" in "\n".join(map(ast.unparse, body)):
            lists.append("self.slots = {}")
        text = "\n".join([start, *lists, *map(ast.unparse, map(ast.fix_missing_locations, body))])
        yield f"def build(self, {variables}):\n{indented(text)}"

    # -- the step

    def _step(self, old: ast.FunctionDef) -> Iterator[str]:
        gradient, variable, state = _names_of_step(old, 3)
        body = self._body_of_step(old, state, variable)
        given = f"self, {gradient}, {variable}" + (", learning_rate" if self._keras.is_3 else "")
        yield method_text(STEP, given, [*self._sparse_start(gradient, variable), *body])

    def _body_of_step(self, old: ast.FunctionDef, state: str, variable: str) -> list[ast.stmt]:
        """Return the translation of a step, with the coefficients if it uses them."""
        rate = "learning_rate" if self._keras.is_3 and "learning_rate" not in _bound(old) else "self.learning_rate"
        method = Method(self._target, old, rate, state, variable, is_step=True)
        body = [each for each in self._translated(method) if not is_docstring(each)]
        if not any(isinstance(node, ast.Name) and node.id == state for each in body for node in ast.walk(each)):
            return body
        own = self._source.has("_prepare_local")
        dtype = f"{variable}.dtype"
        coefficients = f"self.{COEFFICIENTS}({dtype})" if own else method.coefficients(dtype)
        return [*statements(f"{state} = {coefficients}"), *body]

    def _sparse_start(self, gradient: str, variable: str) -> list[ast.stmt]:
        """Return the statements that treat the gradient of an embedding, which has the rows that were used."""
        tf = self._target.tensorflow
        if self._target.backend != "tensorflow":
            return []
        if not self._source.has_sparse_step:
            dense = f"{gradient} = {tf}.convert_to_tensor({gradient})"
            what = comment("the gradient of an Embedding has the rows that were used")
            [made] = statements(f"if isinstance({gradient}, {tf}.IndexedSlices):\n    {dense}")
            return [*what, made]
        if not self._keras.is_3:
            step = f"self.{SPARSE_STEP}({gradient}.values, {variable}, {gradient}.indices)"
            return statements(f"if isinstance({gradient}, {tf}.IndexedSlices):\n    return {step}")
        return statements(
            f"if isinstance({gradient}, {tf}.IndexedSlices):\n"
            f"    rows, places = {tf}.unique({gradient}.indices)\n"
            f"    values = {tf}.math.unsorted_segment_sum({gradient}.values, places, {tf}.shape(rows)[0])\n"
            f"    return self.{SPARSE_STEP}(values, {variable}, rows, learning_rate)"
        )

    def _sparse_step(self, old: ast.FunctionDef) -> Iterator[str]:
        if only_raises(old) or self._target.backend != "tensorflow":
            return
        gradient, variable, indices, state = _names_of_step(old, 4)
        given = f"self, {gradient}, {variable}, {indices}" + (", learning_rate" if self._keras.is_3 else "")
        yield method_text(SPARSE_STEP, given, self._body_of_step(old, state, variable))

    def _coefficients(self, old: ast.FunctionDef) -> Iterator[str]:
        names = [each.arg for each in old.args.args]
        _, dtype, state = (*names[1:4], *("var_device", "var_dtype", "apply_state")[len(names[1:4]) :])
        body = self._translated(Method(self._target, old, state=state))
        first = ast.unparse(body[0])
        start = f"{state}.update("
        if first.startswith(start):  # what the former base put there
            body = [*statements(f"{state} = {first[len(start) : -1]}"), *body[1:]]
        else:
            body = [*statements(f"{state} = {{}}"), *body]
        body += statements(f"return {state}")
        yield method_text(COEFFICIENTS, f"self, {dtype}", body)

    def _plain_step(self) -> Iterator[str]:
        given = "self, gradient, variable" + (", learning_rate" if self._keras.is_3 else "")
        if self._source.has("get_updates"):  # of the first Keras 2: one method for all variables
            body = [*comment("not translated: get_updates"), *statements("raise NotImplementedError('get_updates')")]
        else:
            body = [
                *self._sparse_start("gradient", "variable"),
                *comment("the class has no step: this is plain gradient descent"),
            ]
            plain = "self.assign_sub(variable, learning_rate * gradient)"
            body += statements(plain if self._keras.is_3 else "variable.assign_sub(self.learning_rate * gradient)")
        yield method_text(STEP, given, body)

    def _decayed_rate(self) -> str:
        rate, decay = (self._target.cast(each, "dtype") for each in ("self.learning_rate", "self._initial_decay"))
        steps = self._target.cast("self.iterations", "dtype")
        return f"def _decayed_lr(self, dtype):\n    return {rate} / (1.0 + {decay} * {steps})"

    def _helper(self, old: ast.FunctionDef) -> Iterator[str]:
        """Write any other method: its statements are translated, too."""
        names = [each.arg for each in parameters(old, of_class=False)]
        new = copy.deepcopy(old)
        state = "apply_state" if "apply_state" in names else None
        new.body = self._translated(Method(self._target, old, state=state))
        new.decorator_list = [each for each in old.decorator_list if ".function" not in ast.unparse(each)]
        if old.name in _UNCALLED:
            self.missed.append(f"{old.name} is called by nothing")
            new.body = [*comment(f"{self._keras.path}.optimizers.Optimizer does not call this method"), *new.body]
        yield ast.unparse(ast.fix_missing_locations(new))


def _bound(method: ast.FunctionDef) -> set[str]:
    """Return the names that a method assigns."""
    return {node.id for node in ast.walk(method) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _with_none(old: ast.FunctionDef) -> ast.FunctionDef:
    """Return ``_create_slots`` so that each list has an item for each variable, also where it makes no slot."""
    new = copy.deepcopy(old)
    for loop in ast.walk(new):
        for node in ast.walk(loop) if isinstance(loop, ast.For) else ():
            if isinstance(node, ast.If):
                _fill(node.body, node.orelse, node)
                _fill(node.orelse, node.body, node)
    return new


def _fill(here: list[ast.stmt], there: list[ast.stmt], node: ast.If) -> None:
    holder = ast.ClassDef("holder", [], [], list(here), [])
    other = {*added_slots(ast.ClassDef("other", [], [], list(there), []))}
    for name in added_slots(holder):
        if name not in other and not any(f"_no_slot({name!r})" in ast.unparse(each) for each in there):
            there += statements(f"self._no_slot({name!r})")


def _names_of_step(old: ast.FunctionDef, count: int) -> list[str]:
    given = [each.arg for each in old.args.args[1:]]
    usual = (
        ["gradient", "variable", "indices", "apply_state"] if count == 4 else ["gradient", "variable", "apply_state"]
    )
    return [*given[:count], *usual[len(given[:count]) :]]
