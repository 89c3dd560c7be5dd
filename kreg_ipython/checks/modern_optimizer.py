"""Write the skeleton of an optimizer for today's Keras, with the arguments and slots of an outdated one."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from kreg_ipython.checks.keras import Keras, is_frameworks
from kreg_ipython.checks.notebook import tree_of

_KERAS_3 = """\
class {name}({keras}.optimizers.{base}):
    def __init__(self, {arguments}, **kwargs):
        super().__init__({passed}, **kwargs)
{kept}
    def build(self, variables):
        super().build(variables)
{slots}
    def update_step(self, gradient, variable, learning_rate):
        at = self._get_variable_index(variable)  # a slot is an item of a list now: self.{slot}[at]
        self.assign_sub(variable, learning_rate * gradient)  # yours goes here

    def get_config(self):
        return {{**super().get_config(){told}}}"""

_KERAS_2 = """\
class {name}({keras}.optimizers.{base}):
    def __init__(self, {arguments}, **kwargs):
        super().__init__({passed}, **kwargs)
{rate}{kept}
    def build(self, var_list):
        again = getattr(self, '_built', False)  # it is called at each step
        super().build(var_list)
        if again:
            return
        self._built = True
{slots}
    def update_step(self, gradient, variable):
        at = self._index_dict[self._var_key(variable)]  # a slot is an item of a list now: self.{slot}[at]
        variable.assign_sub(self.learning_rate * gradient)  # yours goes here

    def get_config(self):
        rate = self._serialize_hyperparameter(self._learning_rate)
        return {{**super().get_config(), 'learning_rate': rate{told}}}"""

_RATE = "        self._learning_rate = self._build_learning_rate(learning_rate)\n"
"""What the plain base of Keras 2 leaves to the optimizer."""

_ALIASES = {"lr": "learning_rate"}
_NOT_THE_USERS = ("self", "learning_rate", "lr", "name", "kwargs")


def methods(kind: type) -> dict[str, Any]:
    """Return the functions of a class and of those of its bases that users wrote."""
    own = [vars(base) for base in reversed(kind.__mro__) if not is_frameworks(base)]
    return {name: value for names in own for name, value in names.items() if inspect.isfunction(value)}


def arguments_of_base(kind: type) -> list[str]:
    """Return the arguments of the framework's class that the user's class is built on."""
    return list(inspect.signature(vars(base_of(kind)).get("__init__", object)).parameters)[1:]


def base_of(kind: type) -> type:
    """Return the framework's class that the user's class is built on."""
    return next(base for base in kind.__mro__ if is_frameworks(base) or base is object)


def arguments(kind: type) -> dict[str, Any]:
    """Return the arguments that the user's constructor adds, with their defaults."""
    return {name: default for name, default in _signature(kind).items() if name not in _NOT_THE_USERS}


def skeleton(kind: type, keras: Keras) -> str:
    """Return the text of the class for this Keras.

    Its step is plain gradient descent. Users carry over their own.
    """
    given, texts, base = arguments(kind), _defaults(kind), base_of(kind)
    own_base = base not in keras.optimizers and getattr(keras.module.optimizers, base.__name__, None) is base
    theirs = [name for name in given if own_base and name in arguments_of_base(kind)]
    names = dict.fromkeys(_ALIASES.get(name, name) for name in [*_signature(kind)][1:])
    names = dict.fromkeys(["learning_rate"] if "learning_rate" not in names else []) | names | {"name": None}
    rate = texts.get("learning_rate", texts.get("lr", "0.01"))
    defaults = {"learning_rate": rate, "name": repr(kind.__name__)}
    passed = [*(["learning_rate"] if own_base or keras.is_3 else []), *theirs, "name"]
    kept = [name for name in given if name not in theirs]
    slots = {slot: f"{slot}_slot" if slot in names else slot for slot in _slots(kind)}
    variables = "variables" if keras.is_3 else "var_list"
    made = [f"        self.{at} = [{_variable(slot, keras)} for each in {variables}]\n" for slot, at in slots.items()]
    return (_KERAS_3 if keras.is_3 else _KERAS_2).format(
        name=kind.__name__,
        keras=keras.path,
        base=base.__name__ if own_base else "Optimizer",
        rate="" if own_base else _RATE,
        arguments=", ".join(f"{name}={defaults.get(name) or texts.get(name, 'None')}" for name in names),
        passed=", ".join(f"{name}={name}" for name in passed),
        kept="".join(f"        self.{name} = {name}\n" for name in kept),
        slots="".join(made),
        slot=next(iter(slots.values()), "m"),
        told="".join(f", {name!r}: self.{name}" for name in kept),
    )


def _signature(kind: type) -> dict[str, Any]:
    made = methods(kind).get("__init__")
    parameters = inspect.signature(made).parameters.values() if made is not None else ()
    return {each.name: each.default for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)}


def _defaults(kind: type) -> dict[str, str]:
    """Return the defaults as source text, since a value may have no text."""
    made = tree_of(methods(kind).get("__init__"))
    if not isinstance(made, ast.FunctionDef):
        return {}
    given = [*made.args.posonlyargs, *made.args.args]
    pairs = [*zip(given[len(given) - len(made.args.defaults) :], made.args.defaults)]
    pairs += [(each, value) for each, value in zip(made.args.kwonlyargs, made.args.kw_defaults) if value is not None]
    return {each.arg: ast.unparse(value) for each, value in pairs}


def _variable(slot: str, keras: Keras) -> str:
    return f"self.add_variable_from_reference(each, {'name=' if keras.is_3 else ''}{slot!r})"


def _slots(kind: type) -> list[str]:
    """Return the names that are given to ``add_slot``."""
    found = []
    for method in methods(kind).values():
        for node in ast.walk(tree_of(method) or ast.Module(body=[], type_ignores=[])):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_slot":
                words = [*node.args, *(word.value for word in node.keywords)]
                found += [word.value for word in words if isinstance(word, ast.Constant)]
    return [name for name in dict.fromkeys(found) if isinstance(name, str) and name.isidentifier()]
