"""Look-ups of keys that are gone: put back, served to a graph that was traced earlier, or explained."""

from __future__ import annotations

import pytest
from guarding import announce, hides_our_frames

from kreg_ipython.guard import lookups, messages
from kreg_ipython.guard.ledger import Owner
from kreg_ipython.registries.registry import Absence, Gate
from kreg_ipython.registries.shapes import DictRegistry

G = "def grad(): return {}\ngradient('G', grad)"


@pytest.fixture
def swept(lab):
    """A lab in which a cell has registered a gradient, and does not any more."""
    lab.cell("a", G.format(1))
    lab.main.first = lab.home.graphs["G"]
    lab.cell("a", "pass")
    assert lab.home.graphs == {}
    return lab


def graph(lab, key="G"):
    """Return what a graph that was traced before finds."""
    exec(compile(f"found = find({key!r})", "<frozen graph>", "exec"), vars(lab.tracing))
    return lab.tracing.found


def test_a_look_up_is_left_alone_until_something_is_missing(lab):
    code = lab.home.find.__code__
    lab.cell("a", G.format(1))
    assert lab.home.find.__code__ is code
    lab.cell("a", G.format(2))
    assert lab.home.find.__code__ is not code
    assert graph(lab)() == 2 and lab.said == []


def test_a_swept_gradient_is_served_to_a_graph_that_names_it_with_one_notice(swept):
    for _ in range(2):
        assert graph(swept) is swept.main.first
    assert swept.said == [messages.served("G", "graphs")] and swept.home.graphs == {}


def test_a_users_look_up_fails_as_in_a_fresh_kernel_and_says_where_the_key_has_gone(swept):
    error = swept.cell("b", "find('G')", fails=LookupError)
    assert error.args == ("no gradient G",)
    assert swept.noted(error) == ["kreg: 'G' was registered by cell [1] until run [2], which does not register it"]
    assert type(error) is LookupError


def test_an_error_that_is_no_look_ups_is_explained_and_not_served(swept):
    exec("def find(key): raise TypeError(key)", vars(swept.home))
    new = swept.home.find
    swept.guard.registries["graphs"].diverts_lookups = False
    swept.guard._lookups.divert(swept.guard.registries["graphs"])
    swept.tracing.find = new
    with pytest.raises(TypeError) as caught:
        graph(swept)
    assert swept.noted(caught.value) == [
        "kreg: 'G' was registered by cell [1] until run [2], which does not register it"
    ]


def test_a_key_that_was_never_there_is_not_explained(swept):
    error = swept.cell("b", "find('H')", fails=LookupError)
    assert not hasattr(error, "__notes__") and swept.said == []


def test_what_is_removed_for_a_run_is_served_without_a_word(lab):
    lab.cell("a", G.format(1))
    first = lab.home.graphs["G"]
    lab.main.graph = lambda: lab.tracing.found.append(lab.tracing.find("G"))
    lab.tracing.found = found = []
    exec("def look(): found.append(find('G'))", vars(lab.tracing))
    lab.main.look = lab.tracing.look
    lab.cell("a", "look()\n" + G.format(2))
    assert found == [first] and lab.said == [] and lab.home.graphs["G"]() == 2


def test_what_is_running_again_is_told_to_a_look_up_of_the_cells(lab):
    lab.cell("a", G.format(1))
    error = lab.cell("a", "find('G')\n" + G.format(2), fails=LookupError)
    text = "'G' was registered by cell [2], which is running again and has not registered it yet"
    assert lab.noted(error) == [f"kreg: {text}"]
    assert lab.home.graphs["G"]() == 1, "it is restored"


def test_what_was_cleared_is_told(lab):
    lab.cell("a", G.format(1))
    lab.guard.clear(list(lab.guard.ledger))
    error = lab.cell("b", "find('G')", fails=LookupError)
    assert lab.noted(error) == ["kreg: 'G' was registered by cell [1] until it was cleared (%kreg clear)"]


def test_what_came_back_is_not_explained(swept):
    swept.guard.undo()
    del swept.home.graphs["G"]  # behind our back
    swept.faulty = True
    error = swept.cell("b", "find('G')", fails=LookupError)
    assert not hasattr(error, "__notes__") and swept.said == []


def test_our_notes_are_repeated_on_an_error_of_what_the_missing_one_is_a_part_of(swept):
    exec(
        "def find(key):\n"
        "    if key == 'whole':\n"
        "        try: find('G')\n"
        "        except LookupError as e: raise ValueError('whole')\n"
        "    raise LookupError(key)\n",
        vars(swept.home),
    )
    swept.guard.registries["graphs"].diverts_lookups = False
    swept.guard._lookups.divert(swept.guard.registries["graphs"])
    swept.main.find = swept.home.find
    error = swept.cell("b", "find('whole')", fails=ValueError)
    text = "'G' was registered by cell [1] until run [2], which does not register it"
    assert swept.noted(error) == [f"kreg: {text}"] or swept.said == [text]


def test_what_was_removed_to_let_an_edit_through_is_put_back_by_the_look_up_that_misses_it(lab):
    text = "if 'G' not in known:\n    def grad(): return {}\n    gradient('G', grad)"
    lab.main.known = lab.home.graphs
    lab.cell("a", text.format(1))
    lab.cell("a", "found = find('G')\n" + text.format(2))
    assert lab.main.found() == 1 and lab.home.graphs["G"]() == 1
    assert lab.acts("G")[:3] == ["registered G", "removed G", "restored G"]
    assert lab.reasons("G", "restored") == ["it was looked up"] and lab.said == []


def test_what_is_registered_by_another_cell_is_found(swept):
    swept.cell("b", G.format(3))
    assert graph(swept)() == 3 and swept.said == []


def test_the_oldest_of_many_swept_gradients_are_forgotten(lab, monkeypatch):
    monkeypatch.setattr(lookups, "_SERVED", 2)
    lab.cell("a", "for n in 'ABC': gradient(n, abs)")
    lab.cell("a", "pass")
    assert len(lab.guard.ledger.swept) == 2
    kept = [key for _, key in lab.guard.ledger.swept]
    assert {graph(lab, key) for key in kept} == {abs}
    [gone] = set("ABC") - set(kept)
    with pytest.raises(LookupError):
        graph(lab, gone)


def test_only_what_graphs_look_up_by_name_is_held(lab):
    lab.cell("a", "register('x', abs)")
    lab.cell("a", "pass")
    assert lab.guard.ledger.swept == {} and lab.guard.registries["silent"].diverts_lookups


def test_a_framework_without_such_a_function_is_no_fault(lab):
    del lab.home.find
    lab.cell("a", G.format(1))
    lab.cell("a", "pass")
    assert lab.guard.faults == {} and lab.said == []


def test_a_fault_while_looking_up_is_told_and_the_frameworks_error_stays(swept):
    swept.faulty = True
    swept.guard.memory.journal.last = lambda *args: 1 / 0
    error = swept.cell("b", "find('G')", fails=LookupError)
    assert error.args == ("no gradient G",)
    assert swept.said == ["the registry graphs is not guarded properly: ZeroDivisionError: division by zero"]


def test_what_a_former_guard_swept_is_still_served(swept):
    swept.guard.detach()
    swept.guard = swept.new_guard(swept.guard.ledger)
    swept.guard.attach("home")
    assert graph(swept) is swept.main.first and swept.said == [messages.served("G", "graphs")]


def test_a_registry_without_swept_entries_is_not_diverted_by_a_new_guard(lab):
    code = lab.home.find.__code__
    lab.guard.detach()
    lab.guard = lab.new_guard(lab.guard.ledger)
    lab.guard.attach("home")
    assert lab.home.find.__code__ is code


def test_a_look_up_gets_its_own_arguments(swept):
    swept.cell("a", G.format(1))
    assert swept.home.find("G", twice=True) == (swept.home.graphs["G"],) * 2
    assert swept.home.find(key="G") is swept.home.graphs["G"]


def test_a_look_up_that_finds_what_was_put_back_gets_its_own_arguments(lab):
    text = "if 'G' not in known:\n    def grad(): return {}\n    gradient('G', grad)"
    lab.main.known = []
    lab.cell("a", text.format(1))
    lab.cell("a", "found = find('G', twice=True)\n" + text.format(2))
    assert len(lab.main.found) == 2


def test_tracebacks_hide_the_look_up(swept):
    error = swept.cell("b", "find('G')", fails=LookupError)
    assert hides_our_frames(error)


# -- keys that were never registered

SHELVES = """
told, told_too, untold = {}, {}, {}

def tell(key, value):
    told[key] = value

def ask(key):
    if key == "broken":
        raise ValueError("the shelf is broken")
    if key not in told:
        raise ValueError(f"there is no {key}")
    return told[key]

def ask_too(key):
    return told_too[key]

def ask_untold(key):
    if key not in untold:
        raise KeyError(f"there is no {key}")
"""


@pytest.fixture
def asked(lab):
    """A lab with registries that explain what they lack; the facts with which they are asked to, in ``absences``."""
    exec(SHELVES, vars(lab.home))
    lab.absences = []

    def explain(absence: Absence) -> str:
        lab.absences.append(absence)
        return f"{absence.key} is nowhere"

    def gate(function: str, explain=explain) -> Gate:
        return Gate(function, lambda key: (key, None), act="look up", lacks=lacks, explain=explain)

    def lacks(error: BaseException, key: str) -> bool:
        return f"no {key}" in str(error)

    for adapter in (
        DictRegistry("told", "home:told", [Gate("home:tell", announce), gate("home:ask")]),
        DictRegistry("told too", "home:told_too", [gate("home:ask_too")]),
        DictRegistry("untold", "home:untold", [gate("home:ask_untold", None)]),
    ):
        lab.guard.add(adapter, now=True)
    lab.main.ask, lab.main.tell = lab.home.ask, lab.home.tell
    return lab


def test_what_a_registry_lacks_is_explained_with_all_that_is_known(asked):
    asked.cell("a", "tell('P>here', 1)")
    error = asked.cell("b", "ask('P>Thing')", fails=ValueError)
    assert asked.noted(error) == ["kreg: P>Thing is nowhere"]
    assert asked.absences == [Absence("P>Thing", "told", ["P>here"], None, None, None)]


@pytest.mark.parametrize(("where", "found"), [("told_too", "told too"), ("untold", None), ("told", None)])
def test_another_registry_that_has_the_key_is_named_if_it_is_explained_in_the_same_way(asked, where, found):
    getattr(asked.home, where)["Q>Other" if where == "told" else "P>Thing"] = 1
    asked.cell("b", "ask('P>Thing')", fails=ValueError)
    assert [absence.elsewhere for absence in asked.absences] == [found]


@pytest.mark.parametrize("known", ["a cell", "a file", None])
def test_who_defines_a_thing_of_that_name_is_told(asked, known):
    names = []
    owner = asked.owner("a")
    owner.number = 7
    asked.defined = lambda name: names.append(name) or {"a cell": owner, "a file": "book.ipynb"}.get(known)
    asked.cell("b", "ask('P>Thing')", fails=ValueError)
    [absence] = asked.absences
    assert names == ["Thing"]
    assert (absence.definer, absence.file) == {"a cell": ("cell [7]", None), "a file": (None, "book.ipynb")}.get(
        known, (None, None)
    )


@pytest.mark.parametrize(
    ("defined", "told"),
    [
        (None, ": run the cell or import the module that registers it"),
        ("book.ipynb", ". A cell of book.ipynb defines Thing: run it"),
        (Owner("cell", "c", number=7), ", but cell [7] defines Thing"),
    ],
)
def test_a_registry_without_words_of_its_own_has_plain_ones(asked, defined, told):
    asked.defined = lambda name: defined
    error = asked.cell("b", "import home; home.ask_untold('P>Thing')", fails=KeyError)
    assert asked.noted(error) == [f"kreg: 'P>Thing' was never registered in this kernel{told}"]


def test_an_error_about_something_else_is_not_explained(asked):
    error = asked.cell("b", "ask('broken')", fails=ValueError)
    assert not hasattr(error, "__notes__") and asked.absences == []
