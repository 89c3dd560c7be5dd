"""Know an optimizer class of the user's from its source, and the class of the framework that it is built on."""

from __future__ import annotations

import ast
import inspect
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any

from kreg_ipython.checks.definitions import methods
from kreg_ipython.checks.keras import Keras, is_frameworks
from kreg_ipython.checks.rewriting.reading import (
    added_slots,
    defaults,
    is_name,
    only_raises,
    parameters,
    stored,
    super_call,
)
from kreg_ipython.checks.rewriting.tables import FORMER_ARGUMENTS, FORMER_COEFFICIENTS, FORMER_SLOTS
from kreg_ipython.checks.rewriting.target import RATE_NAMES, STEP, Target

SLOTS = ("_create_slots", "_resource_apply_dense", "_resource_apply_sparse", "_prepare_local", "get_updates")
"""The methods that only the optimizers of Keras 2 call."""

NOT_THE_USERS = ("self", "learning_rate", "lr", "name", "kwargs")
_FORMER = ("_set_hyper", "_get_hyper", "get_slot", "add_slot", "_serialize_hyperparameter", "_decayed_lr")


def arguments_of_base(kind: type) -> list[str]:
    """Return the arguments of the framework's class that the user's class is built on."""
    for base in base_of(kind).__mro__:
        names = list(inspect.signature(vars(base)["__init__"]).parameters)[1:] if "__init__" in vars(base) else []
        if names and names != ["args", "kwargs"]:
            return names
    return []


def base_of(kind: type) -> type:
    """Return the framework's class that the user's class is built on."""
    return next(base for base in kind.__mro__ if is_frameworks(base) or base is object)


def arguments(kind: type) -> dict[str, Any]:
    """Return the arguments that the user's constructor adds, with their defaults."""
    made = methods(kind).get("__init__")
    parameters = inspect.signature(made).parameters.values() if made is not None else ()
    given = {each.name: each.default for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)}
    return {name: default for name, default in given.items() if name not in NOT_THE_USERS}


class Source:
    """The facts about the classes that are written together: a class of the user's, and its bases.

    Args:
        kind: the class.
        keras: its Keras.
        trees: the definitions, the base first.
    """

    def __init__(self, kind: type, keras: Keras, trees: list[ast.ClassDef]) -> None:
        self.kind, self.keras, self.trees = kind, keras, trees
        self.base = base_of(kind)
        self.plain = self.base in keras.optimizers or getattr(keras.module.optimizers, self._base_name, None) is None
        self.namespace: dict[str, Any] = next((each.__globals__ for each in methods(kind).values()), {})
        self.names = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
        self.words = {
            node.value
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        self.attributes_read = {
            node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)
        }
        self.is_legacy = bool({*SLOTS} & {*methods(kind)} or {*_FORMER} & self.attributes_read)
        if STEP in methods(kind) and not {*SLOTS} & {*methods(kind)}:
            self.is_legacy = bool({"_set_hyper", "_get_hyper"} & self.attributes_read)

    @property
    def _base_name(self) -> str:
        return self.base.__name__

    @property
    def base_name(self) -> str:
        """The name of the base in today's Keras."""
        return "Optimizer" if self.plain else self._base_name

    @cached_property
    def today(self) -> type[Any]:
        """The base in today's Keras, which is not the former one if that is Keras 2's."""
        if issubclass(self.base, self.keras.optimizer):
            return self.base
        named = self.keras.optimizer if self.plain else getattr(self.keras.module.optimizers, self._base_name)
        found: type[Any] = named
        return found

    @cached_property
    def arguments_of_base(self) -> list[str]:
        """The arguments of the base."""
        return arguments_of_base(self.today)

    @cached_property
    def decays(self) -> bool:
        """True if the classes know the argument ``decay`` of their former base."""
        return "_initial_decay" in self.attributes_read

    @cached_property
    def has_sparse_step(self) -> bool:
        """True if the user's class has a step of its own for the gradient of an embedding."""
        return any(not only_raises(each) for each in self._all("_resource_apply_sparse"))

    def has(self, method: str) -> bool:
        """Return whether the user's classes have a method."""
        return bool(self._all(method))

    def _all(self, method: str) -> list[ast.FunctionDef]:
        found = [member for tree in self.trees for member in tree.body if isinstance(member, ast.FunctionDef)]
        return [member for member in found if member.name == method]

    def target(self, own_base: bool) -> Target:
        """Return what the translation of a class is for."""
        keras = self.keras
        ops = "ops" if self._is_module("ops", "keras.ops") or "ops" not in self.namespace else f"{keras.path}.ops"
        cast = f"{ops if keras.is_3 else self._tensorflow}.cast"
        known = {} if self.plain else FORMER_COEFFICIENTS.get(self.base_name, {})
        used = {key: text.replace("{cast}", cast) for key, text in known.items() if key in self.words}
        return Target(
            keras.path,
            keras.is_3,
            keras.backend,
            ops,
            self._tensorflow,
            {"tf": "tensorflow", **self._modules},
            {**self._slots_of_base, **self.slots},
            self.attributes,
            used,
            self.decays,
            own_base,
        )

    @cached_property
    def _modules(self) -> dict[str, str]:
        """The full names of the modules in the namespace of the user's code."""
        known = [(name, self.namespace[name]) for name in self.names if name in self.namespace]
        return {name: _name_of(value) for name, value in known if issubclass(type(value), ModuleType)}

    @property
    def _tensorflow(self) -> str:
        names = (name for name, full in self._modules.items() if full == "tensorflow")
        return next((name for name in names if name in self.names), "tf")

    def _is_module(self, name: str, path: str) -> bool:
        value = self.namespace.get(name)
        last = path.rpartition(".")[2]
        if value is None or not issubclass(type(value), ModuleType):
            return False
        return _name_of(value).startswith(path[:5]) and _name_of(value).endswith(last)

    def imports(self, text: str) -> str:
        """Return the lines that import what the text uses and the user's code has not imported."""
        used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
        keras, tf = self.keras.path.partition(".")[0], self._tensorflow
        lines = []
        if keras in used - {tf} and not self._is_module(keras, keras):
            lines.append(f"import {keras}")
        if "ops" in used and not self._is_module("ops", "keras.ops"):
            lines.append(f"from {self.keras.path} import ops")
        if tf in used and tf not in self.namespace:
            lines.append(f"import tensorflow as {tf}")
        return "".join(f"{line}\n" for line in lines) + ("\n\n" if lines else "")

    @cached_property
    def _slots_of_base(self) -> dict[str, str]:
        return {} if self.plain else FORMER_SLOTS.get(self.base_name, {})

    @cached_property
    def slots(self) -> dict[str, str]:
        """The attributes for the user's slots. A slot may be called like an argument, a method or another one."""
        named = [word for tree in self.trees for word in added_slots(tree)]
        others = {*self._stored, *self._taken, *methods(self.kind), *self.parameters}
        return {name: f"{identifier(name)}_slot" if name in others else identifier(name) for name in named}

    @cached_property
    def attributes(self) -> dict[str, str]:
        """New names for the user's attributes that the base has, too."""
        taken = {*self._taken, *self.arguments_of_base} - self.passed
        return {name: f"own_{name.lstrip('_')}" for name in self._stored if name in taken and name not in RATE_NAMES}

    @cached_property
    def passed(self) -> set[str]:
        """The arguments that the user's constructor passes on to the framework's."""
        made = [each for each in self.trees[0].body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
        call = super_call(made[0]) if made else None
        return {*self.bound(call)} if call is not None else set()

    def bound(self, call: ast.Call) -> dict[str, ast.expr]:
        """Return the arguments of ``super().__init__`` by the names that they had in Keras 2."""
        given = call.args[1:] if call.args and ast.unparse(call.args[0]) == "self" else call.args
        words = {word.arg: word.value for word in call.keywords if word.arg}
        order = self._order(given, words)
        found = {**dict(zip(order, given)), **words}
        if "lr" in found:
            found["learning_rate"] = found.pop("lr")
        if "learning_rate" in found and self.is_name(found["learning_rate"]):
            found = {"name": found.pop("learning_rate"), **found}
        return found

    def _order(self, given: list[ast.expr], words: dict[str, ast.expr]) -> list[str]:
        if len(given) == 1 and self.is_name(given[0]):
            return ["name"]
        former = FORMER_ARGUMENTS.get(self.base_name, "").split()
        if not self.plain:
            return former or self.arguments_of_base
        return ["learning_rate", "name"] if "name" in words or len(given) > 1 or self.is_rate(given) else ["name"]

    def is_rate(self, given: list[ast.expr]) -> bool:
        """Return whether the first argument is a learning rate."""
        names = {node.id for node in ast.walk(given[0]) if isinstance(node, ast.Name)} if given else set()
        number = bool(given) and isinstance(given[0], ast.Constant) and isinstance(given[0].value, (int, float))
        return number or bool(names & RATE_NAMES)

    def is_name(self, value: ast.expr) -> bool:
        """Return whether a value is the name of an optimizer."""
        return is_name(value, self._defaults)

    @cached_property
    def _defaults(self) -> dict[str, ast.expr]:
        return {name: value for made in self._all("__init__") for name, value in defaults(made).items()}

    @cached_property
    def parameters(self) -> list[str]:
        """The arguments of the user's constructors."""
        return [each.arg for made in self._all("__init__") for each in parameters(made)]

    @cached_property
    def _stored(self) -> list[str]:
        return [name for tree in self.trees for name in stored(tree)]

    @cached_property
    def _taken(self) -> set[str]:
        """The attributes of the base and of its objects."""
        found = {*dir(self.today), "decay_rate"} - {"decay_rate"}
        for base in self.today.__mro__:
            if base.__module__.partition(".")[0] in ("keras", "tf_keras"):
                made = [vars(base).get(name) for name in ("__init__", "build")]
                found |= {name for each in made if (code := _code(each)) is not None for name in code.co_names}
        return found


def identifier(name: str) -> str:
    """Return an attribute for a slot."""
    return name if name.isidentifier() else "slot_" + "".join(each if each.isalnum() else "_" for each in name)


def _name_of(module: ModuleType) -> str:
    """Return the name of a module; one that is loaded when it is used stays unloaded."""
    return str(object.__getattribute__(module, "__dict__").get("__name__", ""))


def _code(function: Any) -> Any:
    function = inspect.unwrap(function) if isinstance(function, FunctionType) else function
    return getattr(function, "__code__", None)
