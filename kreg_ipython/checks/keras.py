"""Know where Keras 3, tf_keras and Keras 2 keep what the checks look at. No Keras is imported here."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from kreg_ipython.lib.holders import attributes_of
from kreg_ipython.lib.naming import module_of
from kreg_ipython.registries import FRAMEWORKS

_IDENTIFIED = ("losses", "metrics", "activations", "layers", "initializers", "regularizers", "constraints")


@dataclass(frozen=True)
class Keras:
    """One imported Keras.

    Attributes:
        name: the name that users import it by.
        module: the module itself.
    """

    name: str
    module: ModuleType

    @property
    def is_3(self) -> bool:
        """True for Keras 3 and later, where an optimizer is bound to the variables it was built with."""
        return int(self.module.__version__.partition(".")[0]) >= 3

    @property
    def backend(self) -> str:
        """The name of what it computes with: ``jax``."""
        return str(self.module.config.backend()) if self.is_3 else "tensorflow"

    @property
    def model(self) -> type[Any]:
        """The base of all models."""
        base: type[Any] = self.module.Model
        return base

    @property
    def metric(self) -> type[Any]:
        """The base of all metrics."""
        base: type[Any] = self.module.metrics.Metric
        return base

    @property
    def optimizer(self) -> type[Any]:
        """The base of today's optimizers."""
        home = sys.modules.get("keras.optimizers.optimizer") if self._is_2_12 else self.module.optimizers
        base: type[Any] = vars(home or self.module.optimizers)["Optimizer"]
        return base

    @property
    def loads_lambdas(self) -> bool:
        """True if the function of a ``Lambda`` layer is loaded without asking: until Keras 2.12."""
        return self._is_2_12

    @property
    def _is_2_12(self) -> bool:
        """True for Keras up to 2.12, whose ``keras.optimizers`` has other classes than ``tf.keras.optimizers``."""
        return f"{self.name}.src" not in sys.modules

    @property
    def path(self) -> str:
        """The expression by which its classes are to be had."""
        return "tf.keras" if self._is_2_12 else self.name

    @property
    def legacy_optimizer(self) -> type[Any] | None:
        """The base of optimizers with slots; None in Keras 3."""
        if self._is_2_12:
            home = sys.modules.get("keras.optimizers.legacy.optimizer_v2")
            return getattr(home, "OptimizerV2", None)
        legacy = vars(self.module.optimizers).get("legacy") if not self.is_3 else None
        return getattr(legacy, "Optimizer", None)

    @property
    def optimizers(self) -> tuple[type[Any], ...]:
        """The bases of all optimizers."""
        legacy = self.legacy_optimizer
        return (self.optimizer,) if legacy is None else (self.optimizer, legacy)

    @property
    def with_variables(self) -> tuple[type[Any], ...]:
        """The bases of what has variables: layers, which models are, optimizers and metrics."""
        return (self.module.layers.Layer, *self.optimizers, self.metric)

    @property
    def custom_objects(self) -> str:
        """The name of the registry of its custom objects."""
        return f"{self.name}.custom_objects" if f"{self.name}.src" in sys.modules else f"{self.name}2.custom_objects"

    @property
    def binds_by_place(self) -> bool:
        """True if ``fit`` gives an optimizer the model's variables by their places, whichever they are: on JAX."""
        return self.backend == "jax"

    @property
    def imports_models(self) -> bool:
        """True if loading imports the class of a model that is not registered. A layer's class is never imported."""
        return not self.is_3

    # -- models

    def optimizer_of(self, model: Any) -> Any:
        """Return the optimizer that the model was compiled with; None if it was not compiled."""
        try:
            return model.optimizer
        except Exception:  # a property of the user's
            return None

    def variables(self, model: Any) -> list[Any]:
        """Return all variables of the model; none if it is not built."""
        return self._variables(model, "variables")

    def trainable_variables(self, model: Any) -> list[Any]:
        """Return the variables of the model that training changes; none if it is not built."""
        return self._variables(model, "trainable_variables")

    def _variables(self, model: Any, which: str) -> list[Any]:
        try:
            return list(getattr(model, which)) if model.built else []
        except Exception:  # a model of Keras 2 that says it is built before it is; a property of the user's
            return []

    def trains_a_part(self, model: Any, known: Collection[Hashable]) -> bool:
        """Return whether the model's own training step gives its optimizer only some of its variables."""
        own = not is_frameworks(type(model).train_step)
        return own and {*known} <= {self.key_of(each) for each in self.variables(model)}

    def functions_of(self, model: Any) -> Iterator[Any]:
        """Yield the functions that the layers have as attributes, and the loss, if it is a function."""
        for layer in model._flatten_layers():
            yield from (value for value in list(attributes_of(layer).values()) if isinstance(value, FunctionType))
        loss = getattr(model, "loss", None)
        if isinstance(loss, FunctionType):
            yield loss

    def was_trainable(self, model: Any) -> list[Any]:
        """Return the trainable variables of the layers that were not frozen when the model was compiled."""
        states = getattr(model, "_compiled_trainable_state", None) or {}
        frozen = [layer for layer, trainable in list(states.items()) if not trainable]
        hidden = {id(variable) for layer in frozen for variable in getattr(layer, "variables", ())}
        return [variable for variable in self.trainable_variables(model) if id(variable) not in hidden]

    def compiled_metrics(self, model: Any) -> Any:
        """Return the metrics given to ``compile(metrics=…)``, by output if there are several; None without any."""
        kept = getattr(model, "_compile_metrics" if self.is_3 else "compiled_metrics", None)
        given = getattr(kept, "_user_metrics", None)
        if self.is_3 and isinstance(given, (list, tuple)) and len(getattr(model, "outputs", None) or ()) > 1:
            return [[metric] if isinstance(metric, (str, self.metric)) else metric for metric in given]  # one an output
        return given

    def attached_metrics(self, model: Any) -> list[Any]:
        """Return the metrics that are attributes of the model, and of its layers if their values are reported, too."""
        inside = [model] if self.is_3 else list(model._flatten_layers())
        found = {id(metric): metric for layer in inside for metric in self._own_metrics(layer)}
        return list(found.values())

    def _own_metrics(self, layer: Any) -> Iterable[Any]:
        compiled = {"_compile_metrics", "_loss_tracker", "_compile_loss", "compiled_metrics", "compiled_loss"}
        for name, value in list(getattr(layer, "__dict__", {}).items()):
            if name not in compiled and isinstance(value, self.metric):
                yield value

    def configs(self, model: Any) -> list[Any]:
        """Return the configs that saving would write.

        For a model of one of Keras's own classes these are the configs of its layers and of ``compile``. The graph that
        connects the layers is left out: it is long and names nothing.

        Raises:
            Exception: what saving would raise.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(self._configs(model))

    def _configs(self, model: Any) -> Iterator[Any]:
        if not isinstance(model, self.model) or not is_frameworks(type(model)):
            yield self._config(model)
            return
        for layer in model.layers:
            yield from self._configs(layer)
        yield model.get_compile_config() if getattr(model, "optimizer", None) is not None else {}

    def _config(self, layer: Any) -> Any:
        """Return the config of a layer, or of a model of the user's.

        Keras 2.12 saves such a model as a SavedModel, of which nothing is known here. It names other objects by less
        than its successors: as ``{"class_name": "Mine", "config": {}}``, a function by a string.
        """
        if not self._is_2_12:
            return self.module.saving.serialize_keras_object(layer)
        if isinstance(layer, self.model):
            return {}
        config = sys.modules["keras.saving.serialization_lib"].serialize_keras_object(layer)
        return _spelt_out(config, self._parts(layer))

    def _parts(self, layer: Any) -> dict[str, Any]:
        """Return the functions, and the classes of the objects, that the user gave a layer, by what they go by."""
        parts: dict[str, Any] = {}
        for each in layer._flatten_layers():
            for value in [each, *attributes_of(each).values()]:
                subject = value if isinstance(value, FunctionType) else type(value)
                if not is_frameworks(subject) and (isinstance(value, FunctionType) or hasattr(value, "get_config")):
                    parts[self.module.utils.get_registered_name(subject)] = subject
        return parts

    # -- optimizers

    def known_variables(self, optimizer: Any) -> set[Hashable] | None:
        """Return the keys of the variables that an optimizer was built with; None if it accepts any."""
        if not isinstance(optimizer, self.optimizer):
            return None
        if self.is_3:
            return {self.key_of(each) for each in optimizer._trainable_variables} if optimizer.built else None
        return set(getattr(optimizer, "_index_dict", ())) or None

    def makes_variables(self, optimizer: Any) -> bool:
        """Return whether an optimizer is not built yet, and makes variables when it is."""
        if not isinstance(optimizer, self.optimizer) or self.known_variables(optimizer) is not None:
            return False
        plain = self.is_3 and type(optimizer) is self.module.optimizers.SGD  # it has no slots without a momentum
        return not plain or bool(optimizer.momentum) or bool(optimizer.use_ema)

    def variables_of(self, optimizer: Any, alive: Iterable[Any]) -> list[Any]:
        """Return the variables that an optimizer was built with and that are alive. Keras 2 knows only their keys."""
        if self.is_3:
            return list(optimizer._trainable_variables)
        known = self.known_variables(optimizer) or ()
        return [each for each in alive if is_variable(each) and self.key_of(each) in known]

    def key_of(self, variable: Any) -> Hashable:
        """Return the key by which an optimizer knows a variable."""
        if self.is_3:
            return id(variable)
        key: Hashable = getattr(variable, "_unique_id", id(variable))
        return key

    # -- names

    def meaning(self, identifier: str, home: str) -> Any:
        """Return what a string such as ``"mse"`` stands for in one of Keras's modules; None if nothing."""
        module = getattr(self.module, home, None)
        known = getattr(sys.modules.get(f"{self.name}.src.{home}"), "ALL_OBJECTS_DICT", {})
        return known.get(identifier) or vars(module).get(identifier)

    def hijacked(self, identifier: str) -> str | None:
        """Return the module that knows this identifier but looks among the custom objects first; None if there is none.

        Measured with ``optimizers.get`` and its like.
        """
        for home in ("initializers", "layers") if self.is_3 else _IDENTIFIED:
            if self.meaning(identifier, home) is not None and not identifier.startswith("_"):
                return f"{self.name}.{home}"
        named = {name.lower() for name in vars(self.module.optimizers) if not name.startswith("_")}
        return f"{self.name}.optimizers" if identifier in named else None

    def ignored(self, identifier: str) -> str | None:
        """Return the module that has this identifier and does not look among the custom objects; None if none has.

        Measured with ``activations.get`` and its like.
        """
        for home in ("activations", "losses", "metrics", "regularizers", "constraints") if self.is_3 else ():
            if self.meaning(identifier, home) is not None and not identifier.startswith("_"):
                return f"{self.name}.{home}"
        return None


def _spelt_out(config: Any, parts: dict[str, Any], key: str = "") -> Any:
    """Return a config of Keras 2.12 as later versions write it."""
    if isinstance(config, dict):
        found = {name: _spelt_out(value, parts, name) for name, value in config.items()}
        kind = parts.get(str(config.get("class_name")))
        if isinstance(kind, type) and "registered_name" not in config:
            found |= {"module": kind.__module__, "registered_name": config["class_name"], "class_name": kind.__name__}
        return found
    if isinstance(config, (list, tuple)):
        return [_spelt_out(value, parts) for value in config]
    if isinstance(config, str) and isinstance(parts.get(config), FunctionType) and key not in ("name", "class_name"):
        return {"class_name": "function", "config": config, "module": parts[config].__module__}
    return config


def is_variable(value: Any) -> bool:
    """Return whether a value is a variable of TensorFlow's, or one of Keras 3's."""
    return hasattr(type(value), "assign_sub")


def is_frameworks(subject: Any) -> bool:
    """Return whether a framework defines an object."""
    return (module_of(subject) or "").partition(".")[0] in FRAMEWORKS


def is_built_on(kind: type, bases: Iterable[type]) -> bool:
    """Return whether a class has one of these bases, without asking the class: an abstract base would hash it."""
    return any(base is wanted for base in kind.__mro__ for wanted in bases)


def families() -> list[Keras]:
    """Return every imported Keras."""
    return [*_families()]


def _families() -> Iterator[Keras]:
    for name in ("keras", "tf_keras"):
        module = sys.modules.get(name)
        if module is not None and all(hasattr(module, needed) for needed in ("Model", "optimizers", "__version__")):
            yield Keras(name, module)
