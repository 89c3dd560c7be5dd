"""%kreg: what it shows, and what it says to a wrong word."""

from __future__ import annotations

import json

import pytest
from test_cells import GRADIENT, LAYER


def test_bare_kreg_is_the_status_as_text_and_html(nb):
    nb.run("a", "\n" + LAYER.format(1))
    outcome = nb.run("q", "%kreg")
    assert f"{nb.package}>Foo" in outcome.text
    assert "@keras.utils.register" in outcome.text
    assert outcome.text.startswith("kreg: ")
    html = outcome.results[0]["text/html"]
    assert f"{nb.package}&gt;Foo" in html and "<script" not in html
    assert nb.run("q", "%kreg status").text == outcome.text


@pytest.mark.needs("tensorflow")
def test_the_result_is_an_object_and_its_dict_the_same_as_json(nb):
    nb.run("a", "x = 1\n" + GRADIENT.format(1))
    number = nb.value("get_ipython().execution_count - 1")
    nb.run("q", "st = %kreg status\nentries = st.to_dict()['entries']")
    [entry] = nb.value("[e for e in entries if 'PKG' in e['key']]")
    assert entry == {
        "registry": "tensorflow.gradients",
        "key": f"{nb.package}Grad",
        "object": "__main__._gradient",
        "owner": {"kind": "cell", "id": "a", "label": f"cell [{number}]"},
        "line": 3,
        "run": number,
        "state": "current",
        "note": "",
    }
    printed = nb.run("q", "%kreg status --json")
    assert json.loads(printed.stdout)["entries"] == nb.value("entries")
    assert printed.results == []


@pytest.mark.parametrize(
    ("state", "history"),
    [
        ("current", [("a", 1)]),
        ("partial", [("a", 1), ("a", "1/0")]),
        ("kept", [("a", 1), ("a", "if 0:{}")]),
        ("shadowed", [("a", 1), ("b", 2)]),
    ],
)
def test_every_state_is_shown(nb, state, history):
    for cell, what in history:
        guarded = LAYER.format(1).replace("\n", "\n    ")
        source = what.format(guarded) if isinstance(what, str) else LAYER.format(what)
        nb.run(cell, source, fails=what == "1/0")
    states = [entry["state"] for entry in nb.entries() if entry["owner"]["id"] == "a"]
    assert states == [state]


@pytest.mark.needs("keras>=3", "tensorflow", "tf_keras")
def test_what_frameworks_registered_is_counted_and_listed_only_on_demand(nb):
    status = nb.value("get_ipython().run_line_magic('kreg', 'status').to_dict()")
    assert status["framework"]["tensorflow.gradients"] > 500
    assert status["framework"]["tf_keras.custom_objects"] == nb.value("len(tf_keras.utils.get_custom_objects())") >= 13
    assert not [e for e in status["entries"] if e["state"] == "framework"]
    everything = nb.value("get_ipython().run_line_magic('kreg', 'status --all').to_dict()")
    listed = [e for e in everything["entries"] if e["registry"] == "tensorflow.gradients" and e["state"] == "framework"]
    assert len(listed) == status["framework"]["tensorflow.gradients"]


def test_names_that_look_like_markup_or_have_lines_are_harmless(nb):
    nb.run("a", "keras.utils.get_custom_objects().update({'PKG<script>alert(1)</script>': abs, 'PKG\\nx': abs})")
    outcome = nb.run("q", "%kreg")
    assert "<script" not in outcome.results[0]["text/html"]
    assert f"{nb.package}\\nx" in outcome.text


@pytest.mark.needs("tensorflow")
def test_a_registry_that_is_not_understood_is_one_line_and_a_row_and_the_others_go_on(own_kernel):
    own_kernel.run("i", "import tensorflow as tf, keras")
    own_kernel.run("p", "from tensorflow.python.util import dispatch; del dispatch.dispatch_for_unary_elementwise_apis")
    outcome = own_kernel.run("l", "%load_ext kreg_ipython")
    assert [line for line in outcome.stderr.splitlines() if line.startswith("kreg:")] == [
        "kreg: the registry tensorflow.elementwise_dispatch is not guarded properly: NotThere: "
        "tensorflow.python.util.dispatch:dispatch_for_unary_elementwise_apis"
    ]
    for source in (GRADIENT, GRADIENT):
        assert "kreg" not in own_kernel.run("a", source.format(1)).stderr
    status = own_kernel.run("q", "%kreg")
    assert "not guarded: tensorflow.elementwise_dispatch: NotThere" in status.text


@pytest.mark.needs("keras>=3")
@pytest.mark.needs("tensorflow")
def test_a_registry_that_this_version_does_not_have_is_no_fault(own_kernel):
    own_kernel.run("i", "import tensorflow as tf")
    own_kernel.run("p", "from tensorflow.python.util import dispatch; del dispatch._GLOBAL_DISPATCHERS")
    assert "kreg" not in own_kernel.run("l", "%load_ext kreg_ipython").stderr
    status = own_kernel.value("get_ipython().run_line_magic('kreg', '').to_dict()")
    assert status["faults"] == {} and status["absent"] == ["tensorflow.global_dispatchers"]
