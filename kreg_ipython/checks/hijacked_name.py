"""Find custom objects under a name that already means something in Keras or another package."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.checks.notebook import Found, Harm, Notebook
from kreg_ipython.guard.messages import where
from kreg_ipython.lib.naming import definition_text, key_text, module_of


def hijacked_name(notebook: Notebook) -> Iterator[Found]:
    """Look for custom objects whose key is a built-in identifier, or shadows a package's own entry.

    Where Keras looks among the custom objects first, the string means the user's object everywhere. Where it does not,
    the user's object is never found.
    """
    ledger = notebook.guard.ledger
    for entry in ledger:
        family, _, registry = entry.registry.partition(".")
        if registry != "custom_objects" or ledger.is_shadowed(entry) or not notebook.asked(entry.subject):
            continue
        key, place = key_text(entry.key), where(entry) if entry.owner else "the notebook"
        name = key.rpartition(">")[2]
        register = f"@{family.removesuffix('2')}.utils.register_keras_serializable"
        fix = f"{register}(package='mine', name={name!r})"
        below = ledger.under(entry)
        families = [keras for keras in notebook.families if keras.custom_objects == entry.registry]
        home = next(filter(None, (keras.hijacked(key) for keras in families)), None)
        ignoring = next(filter(None, (keras.ignored(key) for keras in families)), None)
        if ">" not in key and home is None and ignoring is not None:
            message = (
                f"{key!r} is Keras's own name in {ignoring}, which does not look among the custom objects for it: the "
                f"string means Keras's, and {definition_text(entry.subject)} is never used"
            )
            way_out = f"give the function or class itself instead of the string, or put {fix} before it"
            yield Found(key, place, message, way_out, Harm.SILENT)
        elif ">" not in key and home is not None:
            message = (
                f"{key!r} is also a name in {home}: where Keras gets this string, in compile or from a saved file, "
                f"it uses {definition_text(entry.subject)}"
            )
            if home.endswith(".activations") and isinstance(entry.subject, type):
                message += ", which is a class where a function is called"
            yield Found(key, place, message, fix, Harm.SILENT)
        elif below is not None and (below.owner is None or below.owner.kind == "module"):
            theirs = module_of(below.subject)
            if theirs not in (None, "__main__", module_of(entry.subject)):
                message = f"{key!r} is also registered by {theirs}: its saved files now load with your object"
                yield Found(key, place, message, fix, Harm.SILENT)
