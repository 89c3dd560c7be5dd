"""What is read in a from_config of the user's: only what is certain, and nothing is called."""

from __future__ import annotations

import linecache
import textwrap
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kreg_ipython.checks.signature import refused

_numbers = count()


class Layer:
    """Stands for Keras's, whose from_config calls the class."""

    @classmethod
    def from_config(cls, config):
        raise AssertionError("a check calls nothing")


class Wrapper(Layer):
    """Stands for one of Keras's that takes something out of the config."""

    @classmethod
    def from_config(cls, config):
        raise AssertionError("a check calls nothing")


for kind in (Layer, Wrapper):
    kind.__module__ = "keras.src.layers"


def defined(
    body: str,
    init: str = "self, units, **kw",
    base: str = "Layer",
    head: str = "cls, config",
    file: Path | None = None,
) -> Any:
    """Return a class whose from_config has this body, as if a cell had defined it, or a file."""
    text = (
        f"class Foo({base}):\n    def __init__({init}): pass\n    @classmethod\n    def from_config({head}):\n"
        + textwrap.indent(textwrap.dedent(body).strip(), "        ")
        + "\n"
    )
    name = f"/cells/{next(_numbers)}.py" if file is None else str(file)
    if file is None:
        linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name
    else:
        file.write_text(text)
    names: dict[str, Any] = {"Layer": Layer, "Wrapper": Wrapper, "__name__": "__main__"}
    exec(compile(text, name, "exec", dont_inherit=True), names)
    return names["Foo"]


def told(kind: Any, **config: Any) -> str | None:
    found = refused(kind, {"name": "foo", **config})
    return None if found is None else found.why


LEFT_OUT = "get_config leaves out 'units', which from_config requires"


@pytest.mark.parametrize(
    "body",
    [
        "return cls(config['units'])",
        "units = config.pop('units')\nreturn cls(units, **config)",
        "'''Make it.\n\n    From a config.'''\nimport math\nreturn cls(units=config['units'], name=config['name'])",
        "config = dict(config)\nconfig.pop('units')\nreturn cls(1, **config)",
        "own = config.copy()\ndel own['units']\nreturn cls(1, **own)",
        "return cls(1, inner=make(config['units']))",
        "config['name'] = 'x'\nunits: int = config['units']",
        "if 'inner' in config:\n    config['units'] = 1\nreturn cls(**config, units=config['units'])",
        "if 'units' not in config:\n    config['units']",
    ],
)
def test_a_key_that_is_required_and_left_out_is_found(body):
    kind = defined(body)
    assert told(kind) == LEFT_OUT
    assert told(kind, units=3) in (None, "from_config does not hand on 'units', which __init__ requires")


@pytest.mark.parametrize(
    ("body", "init", "config", "says"),
    [
        ("return cls(**config)", "self, units, **kw", {}, "get_config leaves out 'units', which __init__ requires"),
        ("return super().from_config(config)", "self, units, **kw", {}, "get_config leaves out 'units', which __init"),
        (
            "made = cls(**{**config, 'more': 1})\nmade.more = 1\nreturn made",
            "self, units, **kw",
            {},
            "get_config leaves out 'units', which __init__ requires",
        ),
        (
            "config.pop('units')\nreturn cls(**config)",
            "self, units, **kw",
            {"units": 3},
            "from_config does not hand on 'units', which __init__ requires",
        ),
        ("return cls(**config)", "self, *, name", {"more": 1}, "__init__ does not take 'more', which from_config hands on"),
        ("config.update(more=1)\nreturn cls(**config)", "self, name", {}, "__init__ does not take 'more', which from_co"),
        ("return Foo(3, **config)", "self, name", {}, "multiple values for argument 'name'"),
    ],
)  # fmt: skip
def test_arguments_that_the_constructor_does_not_get_or_not_take_are_found(body, init, config, says):
    assert says in str(told(defined(body, init), **config))


@pytest.mark.parametrize(
    "body",
    [
        "return cls(config.get('units', 1))",
        "return cls(config.pop('units', 1), **config)",
        "config.setdefault('units', 1)\nreturn cls(**config)",
        "config['units'] = 1\nreturn cls(**config)",
        "config.update(units=1)\nreturn cls(**config)",
        "config = {'units': 1, **config}\nreturn cls(**config)",
        "if 'units' not in config:\n    config['units'] = 1\nreturn cls(**config)",
        "return cls(config['units'] if 'units' in config else 1)",
        "return cls('units' in config and config['units'])",
        "complete(config)\nreturn cls(config['units'])",
        "holder = [config]\nholder[0]['units'] = 1\nreturn cls(**config)",
        "config |= {'units': 1}\nreturn cls(**config)",
        "for key in ('units',):\n    config[key] = 1\nreturn cls(**config)",
        "try:\n    units = config['units']\nexcept KeyError:\n    units = 1\nreturn cls(units)",
        "with scope():\n    return cls(config['units'])",
        "while True:\n    return cls(**config)",
        "if debug:\n    return None\nreturn cls(config['units'])",
        "return None\nreturn cls(config['units'])",
        "cls = other\nreturn cls(config['units'])",
        "config = upgraded(config)\nreturn cls(**config)",
        "config = defaults | config\nreturn cls(**config)",
        "return other(config['name'])",
        "return cls(*config['name'])",
        "return cls(*[config['units']], **config)",
        "if 'units' not in config:\n    raise ValueError\nreturn cls(config['units'])",
        "lambda: config['units']\nreturn cls(1)",
        "later = [config['units'] for _ in ()]\nreturn cls(1)",
        "def inner(): return config['units']\nreturn cls(1)",
        "config[key()] = 1\nreturn cls(**config)",
        "config.update(more)\nreturn cls(**config)",
        "own = config\nown['units'] = 1\nreturn cls(**config)",
        "return build(cls, config)",
        "raise NotImplementedError",
    ],
)
def test_what_may_be_right_is_left_alone(body):
    assert told(defined(body)) is None


def test_a_class_that_takes_what_it_is_given_is_left_alone():
    assert (
        told(defined("return cls(config['units'], config.pop('units'), **config)", "self, *a, **kw"), units=1) is None
    )
    assert told(defined("return super().from_config(config)", base="Wrapper")) is None
    assert told(defined("return cls(**config)"), layers=[]) is None
    assert told(defined("return cls(config['units'])", head="cls, config, custom_objects=None"), units=1) is None
    assert told(defined("return cls(*config)", head="*args")) is None


@pytest.mark.parametrize(("old", "new"), [("@classmethod", "@other"), ("['units']", "['width']")])
def test_a_function_that_is_decorated_or_whose_file_has_changed_is_not_read(tmp_path, old, new):
    path = tmp_path / "kinds.py"
    kind = defined("return cls(config['units'])", file=path)
    assert told(kind) == LEFT_OUT
    path.write_text(path.read_text().replace(old, new) + "# of another length\n")
    assert told(kind) is None


def test_what_helps_is_code():
    assert refused(defined("return cls(config['units'])"), {}).fix == (
        "def get_config(self): return {**super().get_config(), 'units': self.units}  # in Foo"
    )
    fix = refused(defined("config.pop('units')\nreturn cls(**config)"), {"units": 1}).fix
    assert fix == "cls(units=…, **config)  # in Foo.from_config"
    fix = refused(defined("return cls(**config)", "self, units=1"), {"name": "foo"}).fix
    assert fix == "def __init__(self, units=1, **kwargs): super().__init__(**kwargs)  # in Foo"
