"""Write an optimizer of Keras 2's slots for today's Keras: its constructor, its slots, its step, its config."""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Iterator
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from kreg_ipython.checks.keras import Keras, is_frameworks
from kreg_ipython.checks.notebook import class_tree
from kreg_ipython.checks.optimizer_translation import (
    COEFFICIENTS,
    RATE_NAMES,
    SPARSE_STEP,
    STEP,
    Target,
    Translator,
    comment,
    expression,
    statements,
)

SLOTS = ("_create_slots", "_resource_apply_dense", "_resource_apply_sparse", "_prepare_local")
"""The methods that only the optimizers of Keras 2 call."""

_FORMER = ("_set_hyper", "_get_hyper", "get_slot", "add_slot", "_serialize_hyperparameter", "_decayed_lr")
_UNCALLED = (
    *("_prepare", "_finish", "_apply_dense", "_apply_sparse", "get_updates", "_create_hypers", "_create_all_weights"),
    *("_transform_gradients", "_transform_unaggregated_gradients", "_aggregate_gradients"),
    "_resource_apply_sparse_duplicate_indices",
)
_NOT_THE_USERS = ("self", "learning_rate", "lr", "name", "kwargs")

_BETAS = "learning_rate beta_1 beta_2 epsilon"
_FORMER_ARGUMENTS = {
    "Adadelta": "learning_rate rho epsilon name",
    "Adagrad": "learning_rate initial_accumulator_value epsilon name",
    "Adam": f"{_BETAS} amsgrad name",
    "Adamax": f"{_BETAS} name",
    "Nadam": f"{_BETAS} name",
    "RMSprop": "learning_rate rho momentum epsilon centered name",
    "SGD": "learning_rate momentum nesterov name",
}
"""The order of the constructor's arguments in Keras 2, by class."""

_FORMER_SLOTS = {
    "Adadelta": {"accum_grad": "_accumulated_grads", "accum_var": "_accumulated_delta_vars"},
    "Adagrad": {"accumulator": "_accumulators"},
    "Adam": {"m": "_momentums", "v": "_velocities", "vhat": "_velocity_hats"},
    "Adamax": {"m": "_m", "v": "_u"},
    "Nadam": {"m": "_momentums", "v": "_velocities"},
    "RMSprop": {"rms": "_velocities", "momentum": "_momentums", "mg": "_average_gradients"},
    "SGD": {"momentum": "momentums"},
}
"""The attributes that have the slots of Keras 2's classes today."""

_FORMER_COEFFICIENTS = {
    "Adam": {
        "beta_1_t": "{cast}(self.beta_1, {dtype})",
        "beta_2_t": "{cast}(self.beta_2, {dtype})",
        "one_minus_beta_1_t": "1 - {cast}(self.beta_1, {dtype})",
        "one_minus_beta_2_t": "1 - {cast}(self.beta_2, {dtype})",
        "beta_1_power": "{cast}(self.beta_1, {dtype}) ** {cast}(self.iterations + 1, {dtype})",
        "beta_2_power": "{cast}(self.beta_2, {dtype}) ** {cast}(self.iterations + 1, {dtype})",
        "epsilon": "{cast}(self.epsilon, {dtype})",
    },
    "SGD": {"momentum": "{cast}(self.momentum, {dtype})"},
}
"""What Keras 2's classes put into ``apply_state`` besides the learning rate."""


class Modern(NamedTuple):
    """A class that was written anew.

    Attributes:
        text: the code.
        missed: why statements of it were not translated.
    """

    text: str
    missed: list[str]


def methods(kind: type) -> dict[str, Any]:
    """Return the functions of a class and of those of its bases that users wrote."""
    own = [vars(base) for base in reversed(kind.__mro__) if not is_frameworks(base)]
    found = {name: getattr(value, "_python_function", value) for names in own for name, value in names.items()}
    return {name: value for name, value in found.items() if inspect.isfunction(value)}


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
    return {name: default for name, default in given.items() if name not in _NOT_THE_USERS}


def modern(kind: type, keras: Keras) -> Modern:
    """Return a class, and those of its bases that users wrote, for this Keras."""
    chain = [base for base in reversed(kind.__mro__) if not is_frameworks(base) and issubclass(base, keras.optimizers)]
    trees = [class_tree(base) for base in chain]
    known = [tree for tree in trees if tree is not None]
    if not known or len(known) < len(trees):
        return Modern(f"# the source of {kind.__name__} is not known", [])
    module = _Module(kind, keras, known)
    classes = [_Class(module, tree, base is not chain[0]) for base, tree in zip(chain, known)]
    text = "\n\n\n".join(each.text() for each in classes)
    return Modern(module.imports(text) + text, [reason for each in classes for reason in each.missed])


class _Module:
    """What is known about the classes that are written together: a class of the user's, and its bases.

    Args:
        kind: the class.
        keras: its Keras.
        trees: the definitions, the base first.
    """

    def __init__(self, kind: type, keras: Keras, trees: list[ast.ClassDef]) -> None:
        self.kind, self.keras, self.trees = kind, keras, trees
        self.base = base_of(kind)
        self.plain = self.base in keras.optimizers or getattr(keras.module.optimizers, self._base_name, None) is None
        self.namespace = next((each.__globals__ for each in methods(kind).values()), {})
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
        found: type[Any] = (
            self.keras.optimizer if self.plain else getattr(self.keras.module.optimizers, self._base_name)
        )
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
        known = {} if self.plain else _FORMER_COEFFICIENTS.get(self.base_name, {})
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
        return {name: _name_of(value) for name, value in [*self.namespace.items()] if isinstance(value, ModuleType)}

    @property
    def _tensorflow(self) -> str:
        return next((name for name, full in self._modules.items() if full == "tensorflow" and name in self.names), "tf")

    def _is_module(self, name: str, path: str) -> bool:
        value = self.namespace.get(name)
        last = path.rpartition(".")[2]
        return isinstance(value, ModuleType) and _name_of(value).startswith(path[:5]) and _name_of(value).endswith(last)

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
        return {} if self.plain else _FORMER_SLOTS.get(self.base_name, {})

    @cached_property
    def slots(self) -> dict[str, str]:
        """The attributes for the user's slots. A slot may be called like an argument, a method, or what the base has."""
        named = [word for tree in self.trees for word in _added_slots(tree)]
        others = {*self._stored, *self._taken, *methods(self.kind), *self.parameters}
        return {name: f"{_identifier(name)}_slot" if name in others else _identifier(name) for name in named}

    @cached_property
    def attributes(self) -> dict[str, str]:
        """New names for the user's attributes that the base has, too."""
        taken = {*self._taken, *self.arguments_of_base} - self.passed
        return {name: f"own_{name.lstrip('_')}" for name in self._stored if name in taken and name not in RATE_NAMES}

    @cached_property
    def passed(self) -> set[str]:
        """The arguments that the user's constructor passes on to the framework's."""
        made = [each for each in self.trees[0].body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
        call = _super_call(made[0]) if made else None
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
        former = _FORMER_ARGUMENTS.get(self.base_name, "").split()
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
        return [each.arg for made in self._all("__init__") for each in _parameters(made)]

    @cached_property
    def _stored(self) -> list[str]:
        return [name for tree in self.trees for name in _stored(tree)]

    @cached_property
    def _taken(self) -> set[str]:
        """The attributes of the base and of its objects."""
        found = {*dir(self.today), "decay_rate"} - {"decay_rate"}
        for base in self.today.__mro__:
            if base.__module__.partition(".")[0] in ("keras", "tf_keras"):
                made = [vars(base).get(name) for name in ("__init__", "build")]
                found |= {name for each in made if (code := _code(each)) is not None for name in code.co_names}
        return found


class _Class:
    """Writes one class.

    Args:
        module: what is known about it and its bases.
        tree: its definition.
        own_base: whether it is built on another class of the user's.

    Attributes:
        missed: why statements were not translated.
    """

    def __init__(self, module: _Module, tree: ast.ClassDef, own_base: bool) -> None:
        self._module, self._tree, self._own_base = module, tree, own_base
        self._keras = module.keras
        self._target = module.target(own_base)
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
        return f"{decorators}class {self._tree.name}({self._bases()}):\n{_indented(body)}"

    def _bases(self) -> str:
        if self._own_base:
            return ", ".join(ast.unparse(each) for each in self._tree.bases)
        texts = [ast.unparse(each) for each in self._tree.bases]
        own = [text for text in texts if text.rpartition(".")[2] in self._names_of_others]
        return ", ".join([*own, f"{self._keras.path}.optimizers.{self._module.base_name}"])

    @cached_property
    def _names_of_others(self) -> set[str]:
        """The names of bases that are no optimizers."""
        return {
            base.__name__
            for base in self._module.kind.__mro__
            if not issubclass(base, self._keras.optimizers) and base is not object and not is_frameworks(base)
        }

    def _member(self, member: ast.stmt) -> list[str]:
        special = {
            "__init__": self._constructor,
            "_create_slots": self._build,
            "_resource_apply_dense": self._step,
            "_resource_apply_sparse": self._sparse_step,
            "_prepare_local": self._coefficients,
            "get_config": self._get_config,
        }
        if not isinstance(member, ast.FunctionDef):
            return [ast.unparse(member)]
        if member.name in special:
            return list(special[member.name](member))
        return list(self._helper(member)) if self._module.is_legacy else [ast.unparse(member)]

    def _missing_before(self) -> Iterator[str]:
        if "__init__" not in self._methods and not self._own_base and self._module.plain:
            made = f"def __init__(self, learning_rate=0.01, name={self._tree.name!r}, **kwargs):\n"
            [empty] = statements(f"{made}    super().__init__(name, **kwargs)")
            assert isinstance(empty, ast.FunctionDef)
            yield from self._constructor(empty)

    def _missing_after(self) -> Iterator[str]:
        if not self._own_base and self._target.decays:
            yield self._decayed_rate()
        plain = self._module.plain and not self._own_base
        if plain and not any(map(self._module.has, ("_resource_apply_dense", STEP))):
            yield from self._plain_step()
        if "get_config" not in self._methods and "__init__" in self._methods:
            yield from self._get_config(None)

    def _translator(self, method: ast.FunctionDef, **given: Any) -> Translator:
        return Translator(self._target, method, **given)

    def _function(self, name: str, given: str, body: list[ast.stmt], before: list[ast.stmt] | None = None) -> str:
        text = "\n".join(ast.unparse(ast.fix_missing_locations(each)) for each in [*(before or []), *body])
        return f"def {name}({given}):\n{_indented(text)}"

    # -- the constructor

    def _constructor(self, made: ast.FunctionDef) -> Iterator[str]:
        made = copy.deepcopy(made)
        if self._own_base:
            _rename_rate(made)
            body = self._translated_body(made, [each for each in made.body if not self._is_rate_or_name(each)])
            yield self._function("__init__", ast.unparse(made.args), [*body, *self._kept(made)])
            return
        renamed = _rename_rate(made)
        rate, before = self._rate(made, renamed)
        call = _super_call(made)
        words = self._module.bound(call) if call is not None else {}
        words.pop("learning_rate", None)
        decay = words.pop("decay", None)
        words["name"] = self._named(made, words.pop("name", None))
        if made.args.kwarg is None:
            made.args.kwarg = ast.arg("kwargs")
        kwargs = made.args.kwarg.arg
        if self._target.decays:
            given = ast.unparse(decay) if decay is not None else f"{kwargs}.pop('decay', 0.0)"
            before += statements(f"initial_decay = {given}")
        words = {**self._theirs(made, words), **words}
        if rate is not None and (self._keras.is_3 or not self._module.plain):
            words = {"learning_rate": rate, **words}
        given = ", ".join(f"{name}={ast.unparse(value)}" for name, value in words.items())
        after = statements(f"super().__init__({given}, **{kwargs})")
        if not self._keras.is_3 and self._module.plain and rate is not None:
            after += statements(f"self._learning_rate = self._build_learning_rate({ast.unparse(rate)})")
        if self._target.decays:
            after += statements("self._initial_decay = initial_decay")
        body = self._body_around(made, call, [*before, *after])
        yield self._function("__init__", ast.unparse(made.args), [*body, *self._kept(made)])

    def _rate(self, made: ast.FunctionDef, renamed: bool) -> tuple[ast.expr | None, list[ast.stmt]]:
        """Return the learning rate that the base gets, and statements that go before."""
        call = _super_call(made)
        rate = self._module.bound(call).get("learning_rate") if call is not None else None
        for node in made.body:
            rate = _rate_set_by(node) or rate
        names = [each.arg for each in _parameters(made)]
        used = {node.id for node in ast.walk(rate) if isinstance(node, ast.Name)} if rate is not None else set()
        local = {text for node in made.body for text in _assigned(node)}
        if rate is None and not self._module.plain and "learning_rate" not in names:
            return None, []
        if "learning_rate" not in names and (rate is None or not used - {"float", "int"}):
            _add(made, "learning_rate", rate or ast.Constant(0.01))
            names, rate = [*names, "learning_rate"], None
        for name, value in defaults(made).items():
            if name == "learning_rate" and isinstance(value, ast.Constant) and type(value.value) is int:
                value.value = float(value.value)
        if rate is None or "self" in used or used & local:
            rate = ast.Name("learning_rate", ast.Load())
        kwargs = made.args.kwarg.arg if made.args.kwarg is not None else "kwargs"
        text = ast.unparse(rate)
        if renamed or text.startswith(f"{kwargs}.get('lr'"):
            if made.args.kwarg is None:
                made.args.kwarg = ast.arg(kwargs)
            value = "learning_rate" if renamed else ast.unparse(rate.args[1])  # type: ignore[attr-defined]
            popped = f"learning_rate = {kwargs}.pop('lr', {value})"
            return ast.Name("learning_rate", ast.Load()), statements(popped)
        return rate, []

    def _named(self, made: ast.FunctionDef, given: ast.expr | None) -> ast.expr:
        """Return the name that the base gets. The constructor takes one, since a config has one."""
        names = [each.arg for each in _parameters(made)]
        if "name" in names:
            return given if given is not None else ast.Name("name", ast.Load())
        constant = given if isinstance(given, ast.Constant) else ast.Constant(self._tree.name)
        _add(made, "name", constant)
        return ast.Name("name", ast.Load())

    def _theirs(self, made: ast.FunctionDef, words: dict[str, ast.expr]) -> dict[str, ast.expr]:
        """Return the user's arguments that are the base's, too, and that the user does nothing else with."""
        kept = {*_stored(self._tree), *words, *_NOT_THE_USERS}
        names = [each.arg for each in _parameters(made) if each.arg not in kept]
        used = {node.id for each in made.body for node in ast.walk(each) if isinstance(node, ast.Name)}
        return {
            name: ast.Name(name, ast.Load())
            for name in names
            if name in self._module.arguments_of_base and name not in used
        }

    def _body_around(self, made: ast.FunctionDef, call: ast.Call | None, new: list[ast.stmt]) -> list[ast.stmt]:
        """Return the user's statements with the base's constructor before the first attribute that is set."""
        kept = [each for each in made.body if not self._is_rate_or_name(each)]
        at = next((n for n, each in enumerate(kept) if call is not None and call in ast.walk(each)), 0)
        sets = next((n for n, each in enumerate(kept) if "self." in ast.unparse(each)), at)
        before = [each for each in kept[: min(at, sets)] if call not in ast.walk(each)]
        after = [each for each in kept[min(at, sets) :] if call is None or call not in ast.walk(each)]
        if call is None and after and _is_docstring(after[0]):
            before, after = after[:1], after[1:]
        return [*self._translated_body(made, before), *new, *self._translated_body(made, after)]

    def _is_rate_or_name(self, node: ast.stmt) -> bool:
        targets = [ast.unparse(each) for each in node.targets] if isinstance(node, ast.Assign) else []
        return _rate_set_by(node) is not None or bool({*targets} & {"self.name", "self._name"})

    def _translated_body(self, made: ast.FunctionDef, body: list[ast.stmt]) -> list[ast.stmt]:
        if not self._module.is_legacy:
            return body
        translator = self._translator(made)
        new = translator.block(body)
        self.missed += translator.missed
        return new

    # -- the config

    def _own_arguments(self, made: ast.FunctionDef) -> list[str]:
        """Return the arguments that the base's config does not tell."""
        told = {name for name in self._module.passed if name in self._module.arguments_of_base}
        told |= {*self._theirs(made, {})}
        names = [each.arg for each in _parameters(made)]
        return [name for name in names if name not in _NOT_THE_USERS and name not in told]

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
                    return self._target.attributes.get(key.value, key.value)
        return None

    def _unkept(self, made: ast.FunctionDef) -> Iterator[tuple[str, str]]:
        """Yield the arguments that no attribute holds and no config tells, with an attribute for each."""
        told = self._told()
        for name in self._own_arguments(made):
            if self._holds(made, name) is None and name not in told:
                free = name not in _stored(self._tree) and name not in self._module.attributes
                yield name, name if free and not hasattr(self._module.today, name) else f"given_{name}"

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

    def _get_config(self, old: ast.FunctionDef | None) -> Iterator[str]:
        if old is not None and not self._module.is_legacy:
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
        if not self._own_base and self._target.decays:
            pairs.setdefault("decay", "self._initial_decay")
        if not self._own_base and self._module.plain and not self._keras.is_3:
            pairs = {"learning_rate": "self._serialize_hyperparameter(self._learning_rate)", **pairs}
        if pairs:
            told_text = ", ".join(f"{name!r}: {value}" for name, value in pairs.items())
            yield f"def get_config(self):\n    return {{**super().get_config(), {told_text}}}"

    def _translated(self, value: ast.expr) -> str:
        [empty] = statements("def get_config(self): pass")
        assert isinstance(empty, ast.FunctionDef)
        return ast.unparse(self._translator(empty).visit(copy.deepcopy(value)))

    # -- the slots

    def _build(self, old: ast.FunctionDef) -> Iterator[str]:
        variables = old.args.args[1].arg if len(old.args.args) > 1 else "var_list"
        translator = self._translator(_with_none(old))
        body = translator.body()
        self.missed += translator.missed
        if self._keras.is_3:
            start = f"if self.built:\n    return\nsuper().build({variables})"
        else:
            start = f"again = getattr(self, '_built', False)\nsuper().build({variables})\nif again:\n    return\nself._built = True"
            start = start.replace("\nsuper", "  # it is called at each step\nsuper", 1)
        slots = [self._target.slots[name] for name in _added_slots(self._tree)]
        lists = [f"self.{slot} = []" for slot in dict.fromkeys(slots)]
        if "self.slots.setdefault" in "\n".join(map(ast.unparse, body)):
            lists.append("self.slots = {}")
        text = "\n".join([start, *lists, *map(ast.unparse, map(ast.fix_missing_locations, body))])
        yield f"def build(self, {variables}):\n{_indented(text)}"

    # -- the step

    def _step(self, old: ast.FunctionDef) -> Iterator[str]:
        gradient, variable, state = _names_of_step(old, 3)
        rate = "learning_rate" if self._keras.is_3 and "learning_rate" not in _bound(old) else "self.learning_rate"
        translator = self._translator(old, rate=rate, state=state, variable=variable, is_step=True)
        body = [each for each in translator.body() if not _is_docstring(each)]
        self.missed += translator.missed
        start = [*self._sparse_start(gradient, variable), *self._coefficients_of(translator, body, state, variable)]
        given = f"self, {gradient}, {variable}" + (", learning_rate" if self._keras.is_3 else "")
        yield self._function(STEP, given, body, start)

    def _sparse_start(self, gradient: str, variable: str) -> list[ast.stmt]:
        """Return the statements that treat the gradient of an embedding, which has the rows that were used."""
        tf = self._target.tensorflow
        if self._target.backend != "tensorflow":
            return []
        if not self._module.has_sparse_step:
            dense = f"{gradient} = {tf}.convert_to_tensor({gradient})"
            what = comment("the gradient of an Embedding: the rows that were used")
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

    def _coefficients_of(
        self, translator: Translator, body: list[ast.stmt], state: str, variable: str
    ) -> list[ast.stmt]:
        used = {node.id for each in body for node in ast.walk(each) if isinstance(node, ast.Name)}
        if state not in used:
            return []
        if self._module.has("_prepare_local"):
            return statements(f"{state} = self.{COEFFICIENTS}({variable}.dtype)")
        return statements(f"{state} = {translator.coefficients(f'{variable}.dtype')}")

    def _sparse_step(self, old: ast.FunctionDef) -> Iterator[str]:
        if only_raises(old) or self._target.backend != "tensorflow":
            return
        gradient, variable, indices, state = _names_of_step(old, 4)
        rate = "learning_rate" if self._keras.is_3 and "learning_rate" not in _bound(old) else "self.learning_rate"
        translator = self._translator(old, rate=rate, state=state, variable=variable, is_step=True)
        body = [each for each in translator.body() if not _is_docstring(each)]
        self.missed += translator.missed
        given = f"self, {gradient}, {variable}, {indices}" + (", learning_rate" if self._keras.is_3 else "")
        yield self._function(SPARSE_STEP, given, body, self._coefficients_of(translator, body, state, variable))

    def _coefficients(self, old: ast.FunctionDef) -> Iterator[str]:
        names = [each.arg for each in old.args.args]
        _, dtype, state = (*names[1:4], *("var_device", "var_dtype", "apply_state")[len(names[1:4]) :])
        translator = self._translator(old, state=state)
        body = translator.body()
        self.missed += translator.missed
        first = ast.unparse(body[0])
        start = f"{state}.update("
        if first.startswith(start):  # what the former base put there
            body = [*statements(f"{state} = {first[len(start) : -1]}"), *body[1:]]
        else:
            body = [*statements(f"{state} = {{}}"), *body]
        body += statements(f"return {state}")
        yield self._function(COEFFICIENTS, f"self, {dtype}", body)

    def _plain_step(self) -> Iterator[str]:
        target = self._target
        start = [
            *self._sparse_start("gradient", "variable"),
            *comment("the class has no step: this is plain gradient descent"),
        ]
        if target.is_3:
            body = statements("self.assign_sub(variable, learning_rate * gradient)")
            yield self._function(STEP, "self, gradient, variable, learning_rate", body, start)
        else:
            body = statements("variable.assign_sub(self.learning_rate * gradient)")
            yield self._function(STEP, "self, gradient, variable", body, start)

    def _decayed_rate(self) -> str:
        rate, decay = (self._target.cast(each, "dtype") for each in ("self.learning_rate", "self._initial_decay"))
        steps = self._target.cast("self.iterations", "dtype")
        return f"def _decayed_lr(self, dtype):\n    return {rate} / (1.0 + {decay} * {steps})"

    def _helper(self, old: ast.FunctionDef) -> Iterator[str]:
        """Write any other method: its statements are translated, too."""
        names = [each.arg for each in _parameters(old, of_class=False)]
        new = copy.deepcopy(old)
        translator = self._translator(old, state="apply_state" if "apply_state" in names else None)
        new.body = translator.body()
        new.decorator_list = [each for each in old.decorator_list if ".function" not in ast.unparse(each)]
        self.missed += translator.missed
        if old.name in _UNCALLED:
            self.missed.append(f"{old.name} is called by nothing")
            new.body = [*comment(f"{self._keras.path}.optimizers.Optimizer does not call this method"), *new.body]
        yield ast.unparse(ast.fix_missing_locations(new))


def is_name(value: ast.expr, given: dict[str, ast.expr]) -> bool:
    """Return whether a value is the name of an optimizer: a text, or an argument whose default is one.

    Args:
        value: the value.
        given: the defaults of the constructor's arguments.
    """
    if isinstance(value, ast.JoinedStr):
        return True
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str)
    if isinstance(value, ast.Name):
        default = given.get(value.id)
        return value.id == "name" or (isinstance(default, ast.Constant) and isinstance(default.value, str))
    return isinstance(value, ast.Attribute) and value.attr == "__name__"


def defaults(made: ast.FunctionDef) -> dict[str, ast.expr]:
    """Return the defaults of a function's arguments."""
    given = [*made.args.posonlyargs, *made.args.args]
    pairs = [*zip(given[len(given) - len(made.args.defaults) :], made.args.defaults)]
    pairs += [(each, value) for each, value in zip(made.args.kwonlyargs, made.args.kw_defaults) if value is not None]
    return {each.arg: value for each, value in pairs}


def _parameters(made: ast.FunctionDef, *, of_class: bool = True) -> list[ast.arg]:
    return [*made.args.posonlyargs, *made.args.args, *made.args.kwonlyargs][1 if of_class else 0 :]


def _add(made: ast.FunctionDef, name: str, default: ast.expr) -> None:
    """Add an argument behind the others, so that they keep their places."""
    if made.args.vararg is not None or len(made.args.defaults) < len(made.args.args) - 1 and made.args.kwonlyargs:
        made.args.kwonlyargs.append(ast.arg(name))
        made.args.kw_defaults.append(default)
    else:
        made.args.args.append(ast.arg(name))
        made.args.defaults.append(default)


def _rename_rate(made: ast.FunctionDef) -> bool:
    """Call the argument ``lr`` what it is called today; return whether there was one."""
    names = [each.arg for each in _parameters(made)]
    if "lr" not in names or "learning_rate" in names:
        return False
    for each in ast.walk(made):
        if isinstance(each, ast.arg) and each.arg == "lr":
            each.arg = "learning_rate"
        if isinstance(each, ast.Name) and each.id == "lr":
            each.id = "learning_rate"
    return True


def _super_call(made: ast.FunctionDef) -> ast.Call | None:
    """Return the call of the base's constructor; None without one."""
    for node in ast.walk(made):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".__init__"):
            return node
    return None


def _rate_set_by(node: ast.stmt) -> ast.expr | None:
    """Return the learning rate that a statement of the constructor sets; None if it sets none."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if (
            ast.unparse(call.func) == "self._set_hyper"
            and len(call.args) == 2
            and isinstance(call.args[0], ast.Constant)
        ):
            return call.args[1] if call.args[0].value in RATE_NAMES else None
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        target = node.targets[0]
        return node.value if ast.unparse(target.value) == "self" and target.attr in RATE_NAMES else None
    return None


def _pairs(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """Return what a statement assigns to what."""
    target = node.targets[0]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        return [*zip(target.elts, node.value.elts)]
    return [(each, node.value) for each in node.targets]


def _assigned(node: ast.stmt) -> list[str]:
    return [ast.unparse(each) for each in node.targets] if isinstance(node, ast.Assign) else []


def _bound(method: ast.FunctionDef) -> set[str]:
    """Return the names that a method assigns."""
    return {node.id for node in ast.walk(method) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _stored(tree: ast.ClassDef) -> list[str]:
    """Return the attributes and hyperparameters that a class sets."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            found.append(node.attr)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._set_hyper":
            found += [each.value for each in node.args[:1] if isinstance(each, ast.Constant)]
    return [name for name in dict.fromkeys(found) if name not in ("name", "_name")]


def _added_slots(tree: ast.ClassDef) -> list[str]:
    """Return the names that are given to ``add_slot``."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_slot":
            words = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "slot_name")]
            found += [word.value for word in words if isinstance(word, ast.Constant)]
    return [name for name in dict.fromkeys(found) if isinstance(name, str)]


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
    other = {*_added_slots(ast.ClassDef("other", [], [], list(there), []))}
    for name in _added_slots(holder):
        if name not in other and not any(f"_no_slot({name!r})" in ast.unparse(each) for each in there):
            there += statements(f"self._no_slot({name!r})")


def _names_of_step(old: ast.FunctionDef, count: int) -> list[str]:
    given = [each.arg for each in old.args.args[1:]]
    usual = (
        ["gradient", "variable", "indices", "apply_state"] if count == 4 else ["gradient", "variable", "apply_state"]
    )
    return [*given[:count], *usual[len(given[:count]) :]]


def only_raises(old: ast.FunctionDef) -> bool:
    """Return whether a method says that it does nothing."""
    body = [each for each in old.body if not _is_docstring(each)]
    return all(isinstance(each, (ast.Raise, ast.Pass)) for each in body)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "slot_" + "".join(each if each.isalnum() else "_" for each in name)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.splitlines())


def _name_of(module: ModuleType) -> str:
    """Return the name of a module; one that is loaded when it is used stays unloaded."""
    return str(object.__getattribute__(module, "__dict__").get("__name__", ""))


def _code(function: Any) -> Any:
    function = inspect.unwrap(function) if isinstance(function, FunctionType) else function
    return getattr(function, "__code__", None)
