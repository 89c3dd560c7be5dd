"""%kreg show, log, undo, clear, keep, watch, on and off: what they do, show and refuse, driven in a real kernel."""

from __future__ import annotations

import json
import re

import pytest
from kernels import CPU
from test_cells import GRADIENT, LAYER

BAR = LAYER.format(2).replace("Foo", "Bar")


def result(nb, line: str) -> dict:
    """Return what a command's result says of itself as a dict, checked to have its other two faces."""
    outcome = nb.run("q", f"%kreg {line}")
    assert outcome.text and not outcome.text.startswith("<") and outcome.stderr == ""
    assert outcome.results[0]["text/html"].startswith("<div>")
    return nb.value("_.to_dict()")


def acts(nb) -> list[tuple[str, str]]:
    """The log, as acts and the ends of their keys."""
    events = nb.value("get_ipython().run_line_magic('kreg', 'log').to_dict()['events']")
    return [(event["act"], event["key"].rpartition(">")[2]) for event in events if nb.package in event["key"]]


# -- show


def test_show_tells_where_an_entry_stands_and_what_it_shadows(nb):
    nb.run("a", LAYER.format(1))
    nb.run("b", "x = 1\n" + LAYER.format(2))
    [entry] = result(nb, "show PKG>Foo")["entries"]
    assert (entry["registry"], entry["state"], entry["owner"]["id"]) == (nb.custom_registry, "current", "b")
    assert entry["source"].startswith(("@keras.utils.register_keras_serializable", "class Foo"))
    [shadowed] = entry["shadows"]
    assert (shadowed["owner"]["id"], shadowed["state"]) == ("a", "shadowed")
    assert [event["act"] for event in entry["history"]] == ["registered", "shadowed", "registered"]
    text = nb.run("q", "%kreg show PKG>Foo").text
    assert f"{nb.package}>Foo in {nb.custom_registry}: current" in text
    assert re.search(r"\n  current   __main__.Foo +cell .*\n(?:    .*\n)*  shadowed  __main__.Foo +cell ", text)


@pytest.mark.needs("tensorflow")
def test_show_tells_which_variables_use_a_former_class_and_which_cell_to_run_again(nb):
    nb.run("a", LAYER.format(1))
    built = nb.run("m", "model = keras.Sequential([keras.layers.InputLayer((2,)), Foo(), keras.layers.Dense(1)])")
    assert built.error is None
    cell = nb.value("get_ipython().execution_count - 1")
    nb.run("o", "layer, other, kept = Foo(), keras.layers.Dense(1), [Foo]")
    nb.run("a", LAYER.format(2))
    [entry] = result(nb, "show PKG>Foo")["entries"]
    [former] = entry["former"]
    held = {holder["name"]: (holder["relation"], holder["cell"]) for holder in former["holders"]}
    assert held == {
        "model": ("is built from", cell),
        "layer": ("is an instance of", cell + 1),
        "kept": ("is built from", cell + 1),
    }
    text = " ".join(nb.run("q", "%kreg show PKG>Foo").text.split())
    assert f"model is built from the former Foo of run [{cell - 1}]; re-run cell [{cell}], which builds it" in text
    nb.run("m", "model = layer = kept = None")
    alive = result(nb, "show PKG>Foo")["entries"][0]["former"]
    assert [one["holders"] for one in alive] in ([], [[]])  # TensorFlow 2.12 itself keeps a class that it has traced


def test_show_knows_a_key_that_is_gone_and_suggests_one_for_a_typing_error(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", BAR)
    [entry] = result(nb, "show PKG>Foo")["entries"]
    assert entry["state"] == "not registered" and entry["history"][-1]["act"] == "swept"
    nb.run("b", "kept = Foo")
    assert f"'{nb.package}>Foo' is no longer registered; see %kreg show '{nb.package}>Foo'" in refusal(
        nb, "keep PKG>Foo"
    )
    assert f"unknown key 'Bar'. Did you mean '{nb.package}>Bar'?" in refusal(nb, "show Bar")
    assert f"Did you mean '{nb.package}>Bar'?" in refusal(nb, "show PKG>Baar")


@pytest.mark.needs("keras>=3")
@pytest.mark.needs("tensorflow")
def test_show_finds_a_frameworks_own_entry_in_one_registry_or_in_all(nb):
    [entry] = result(nb, "show MatMul --registry tensorflow.gradients")["entries"]
    assert entry["state"] == "framework" and entry["object"].endswith("_MatMulGrad")
    assert {entry["registry"] for entry in result(nb, "show MatMul")["entries"]} >= {"tensorflow.gradients"}


# -- log, undo


def test_the_log_says_what_was_done_and_why(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", LAYER.format(2))
    assert acts(nb) == []
    nb.run("a", BAR)
    assert acts(nb) == [("removed", "Foo"), ("swept", "Foo")]
    nb.run("a", "1/0", fails=True)
    assert acts(nb)[2:] == [("removed", "Bar"), ("restored", "Bar")]
    guarded = "if 0:" + BAR.replace("\n", "\n    ")
    nb.run("a", guarded)
    assert acts(nb)[4:] == [("kept", "Bar")]
    last = nb.value("get_ipython().run_line_magic('kreg', 'log -n 1').to_dict()['events']")
    number = nb.value("get_ipython().execution_count - 1")
    assert last == [
        {
            "act": "kept",
            "registry": nb.custom_registry,
            "key": f"{nb.package}>Bar",
            "owner": {"kind": "cell", "id": "a", "label": f"cell [{number}]"},
            "run": number,
            "reason": "the code that registered it is still there, and may have been skipped",
        }
    ]
    text = nb.run("q", "%kreg log").text
    assert "which registers" in text and "may have been skipped" in text


def test_a_long_log_is_cut_in_text_and_complete_in_the_dict(nb):
    for name in ("a", "b") * 20:
        nb.run("a", f"keras.utils.get_custom_objects()['PKG>{name}'] = 1")
    outcome = nb.run("q", "log = %kreg log\nlog")
    events = nb.value("len(log.to_dict()['events'])")
    assert events > 40
    assert outcome.text.splitlines()[0] == f"kreg: {events - 30} earlier events: %kreg log -n {events}"
    assert len(re.findall(r"^\w+ +PKG>[ab] ".replace("PKG", nb.package), outcome.text, re.MULTILINE)) == 30


def test_undo_takes_back_the_last_sweep_once(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", BAR)
    done = result(nb, "undo")
    assert done["entries"] == [{"registry": nb.custom_registry, "key": f"{nb.package}>Foo"}]
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}
    assert nb.status()["PKG>Foo"]["note"] == "%kreg undo restored it"
    assert "nothing to undo" in refusal(nb, "undo")
    nb.run("a", BAR)
    assert nb.custom_objects() == {"Bar": "Bar"}


def test_what_was_cleared_comes_back_in_the_state_that_it_had(nb):
    nb.run("a", LAYER.format(1))
    nb.run("q", "%kreg clear PKG>Foo\n%kreg undo")
    assert nb.status()["PKG>Foo"]["state"] == "current"
    assert result(nb, "clear --stale")["entries"] == []


def test_undo_brings_back_an_object_that_nothing_else_holds(nb):
    nb.run("a", "keras.utils.get_custom_objects()['PKG>f'] = lambda: 7")
    nb.run("a", "gc.collect()")
    nb.run("q", "%kreg undo")
    assert nb.value("keras.utils.get_custom_objects()['PKG>f']()") == 7


def test_undo_takes_back_a_clearing_under_what_has_been_registered_since(nb):
    nb.run("a", LAYER.format(1))
    nb.run("q", "%kreg clear PKG>Foo")
    nb.run("b", LAYER.format(2))
    said = result(nb, "undo")["message"]
    assert f"{nb.package}>Foo is under cell [{nb.value('get_ipython().execution_count - 2')}]'s" in said
    states = {entry["owner"]["id"]: entry["state"] for entry in nb.entries()}
    assert states == {"a": "shadowed", "b": "current"}
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == 2


@pytest.mark.needs("tensorflow")
def test_undo_leaves_alone_what_its_cell_has_registered_anew(nb):
    nb.run("a", GRADIENT.format(1))
    nb.run("a", "x = 1")
    nb.run("a", GRADIENT.format(2))
    assert "nothing to undo" in refusal(nb, "undo")
    assert nb.status()["PKGGrad"]["state"] == "current"


# -- clear, keep


def test_clear_takes_out_a_key_or_a_cells_entries_and_lets_the_shadowed_come_back(nb):
    nb.run("a", LAYER.format(1) + LAYER.format(1).replace("Foo", "Bar"))
    nb.run("b", LAYER.format(2))
    assert nb.run("q", "%kreg clear 'PKG>Bar'").text.startswith("kreg: cleared 1 entry: ")
    assert nb.custom_objects() == {"Foo": "Foo"}
    number = nb.status()["PKG>Foo"]["owner"]["label"].strip("cel []")
    nb.run("q", f"%kreg clear --cell {number}")
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == 1


@pytest.mark.needs("tensorflow")
def test_clear_is_the_way_out_of_a_collision(nb):
    nb.run("a", GRADIENT.format(1))
    mine = GRADIENT.format(2).replace("_gradient", "_mine")
    nb.run("b", mine, fails=True)
    nb.run("q", "%kreg clear PKGGrad")
    nb.run("b", mine)
    assert nb.status()["PKGGrad"]["owner"]["id"] == "b"


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("clear PKG>Foo PKG>Kept", {"Bar", "Mod"}),
        ("clear --module PKGmod", {"Foo", "Bar", "Kept"}),
        ("clear --stale", {"Foo", "Bar", "Mod"}),
        ("clear --all", set()),
    ],
)
def test_clear_takes_out_what_is_named(nb, files, line, left):
    files.write({"PKGmod.py": "import keras\n" + LAYER.format(1).replace("Foo", "Mod")})
    nb.run("i", "import PKGmod")
    nb.run("a", LAYER.format(1) + BAR)
    guarded = "if {}:" + LAYER.format(1).replace("Foo", "Kept").replace("\n", "\n    ")
    nb.run("k", guarded.format(1))
    nb.run("k", guarded.format(0))
    assert nb.status()["PKG>Kept"]["state"] == "kept"
    result(nb, line)
    assert set(nb.custom_objects()) == left
    result(nb, "undo")
    assert set(nb.custom_objects()) == {"Foo", "Bar", "Kept", "Mod"}


def test_what_the_user_keeps_survives_every_re_run_until_it_is_released(nb):
    nb.run("a", LAYER.format(1))
    result(nb, "keep PKG>Foo")
    nb.run("a", BAR)
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}
    assert (nb.status()["PKG>Foo"]["state"], nb.status()["PKG>Foo"]["note"]) == ("kept", "you said %kreg keep")
    nb.run("a", "1/0", fails=True)
    nb.run("a", "")
    assert nb.custom_objects() == {"Foo": "Foo"}
    nb.run("a", LAYER.format(3))
    assert nb.value("keras.utils.get_custom_objects()['PKG>Foo'].VERSION") == 3
    result(nb, "clear --stale")
    result(nb, "release PKG>Foo")
    nb.run("a", BAR)
    assert nb.custom_objects() == {"Bar": "Bar"}


def test_keep_in_the_cell_itself_keeps_what_the_cell_has_had_withdrawn(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", "%kreg keep PKG>Foo")
    assert nb.custom_objects() == {"Foo": "Foo"}


def test_keep_survives_off_and_on(nb):
    nb.run("a", LAYER.format(1))
    for line in ("keep PKG>Foo", "off", "on"):
        result(nb, line)
    nb.run("a", BAR)
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}


@pytest.mark.needs("tensorflow")
def test_a_kept_key_that_is_a_class_is_shown_as_kept(nb):
    nb.run("a", "class PKGKept: pass\ntf.register_tensor_conversion_function(PKGKept, lambda *a, **k: NotImplemented)")
    [entry] = nb.entries()
    nb.run("q", f"%kreg keep '{entry['key']}'")
    assert [entry["note"] for entry in nb.entries()] == ["you said %kreg keep"]
    nb.run("q", f"%kreg release '{entry['key']}'")


def test_what_is_released_is_said_to_go_with_the_next_run(nb):
    nb.run("a", LAYER.format(1))
    nb.run("q", "%kreg keep PKG>Foo")
    nb.run("a", BAR)
    nb.run("q", "%kreg release PKG>Foo")
    assert nb.status()["PKG>Foo"]["note"] == "%kreg release: the next run sweeps it"
    nb.run("a", BAR)
    assert nb.custom_objects() == {"Bar": "Bar"}


# -- on, off


def test_off_leaves_everything_as_stock_and_on_adopts(nb):
    nb.run("a", LAYER.format(1))
    nb.run("q", "%kreg off")
    assert "kreg is off" in nb.run("q", "%kreg").text
    for line in ("clear --all", "undo", "keep PKG>Foo", "show PKG>Foo2"):
        assert "kreg is off and knows no entries; %kreg on turns it on." in refusal(nb, line)
    nb.run("a", LAYER.format(1).replace("Foo", "Bar"))
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}
    nb.run("q", "%kreg on")
    assert set(nb.status()) == {"PKG>Foo", "PKG>Bar"}
    nb.run("a", LAYER.format(2).replace("Foo", "Bar"))
    assert nb.status()["PKG>Bar"]["owner"]["id"] == "a"


@pytest.mark.parametrize("off", ["%kreg off", "%kreg off\n%kreg off"])
def test_on_again_knows_what_off_has_forgotten_and_what_is_shadowed(nb, off):
    nb.run("a", "keras.utils.get_custom_objects().update(PKGone=1, PKGtwo=1)")
    nb.run("b", "keras.utils.get_custom_objects().update(PKGone=2)")
    nb.run("q", off)
    nb.run("q", "%kreg on")
    nb.run("a", "keras.utils.get_custom_objects().update(PKGone=3)")
    nb.run("a", "keras.utils.get_custom_objects().update(PKGthree=3)")
    objects = "{k[-3:]: v for k, v in keras.utils.get_custom_objects().items() if 'PKG' in k}"
    assert nb.value(objects) == {"one": 2, "ree": 3}
    nb.run("b", "x = 1")
    assert nb.value(objects) == {"ree": 3}


# -- every subcommand


EXAMPLES = {
    "engines": "engines",
    "status": "status --stale",
    "show": "show PKG>Foo",
    "log": "log -n 3",
    "check": "check PKGtable",
    "verify": "verify",
    "export": "export PKG.py",
    "panel": "panel",
    "undo": "undo",
    "clear": "clear PKG>Foo",
    "keep": "keep PKG>Foo",
    "release": "release PKG>Foo",
    "watch": "watch __main__:PKGtable",
    "unwatch": "unwatch __main__:PKGtable",
    "on": "on",
    "off": "off",
}


def test_every_subcommand_has_help_and_a_result_with_three_faces(nb):
    nb.run("a", "PKGtable = {}\n" + LAYER.format(1))
    nb.run("a2", "keras.utils.get_custom_objects()['PKG>x'] = 1")
    nb.run("a2", "x = 1")
    words = nb.value("list(__import__('kreg_ipython.commands').commands.SUBCOMMANDS)")
    assert set(words) == set(EXAMPLES)
    shown = nb.value("get_ipython().object_inspect('%kreg')['docstring']")
    for word in words:
        assert nb.run("q", f"%kreg {word} --help").stdout.startswith(f"usage: %kreg {word} ")
        assert f"%kreg {word} " in shown
    for line in ("keep", "watch", "status", "show", "log", "check", "undo", "release", "unwatch", "clear", "off", "on"):
        json.dumps(result(nb, EXAMPLES[line]))


@pytest.mark.parametrize("line", ["status", "show PKG>Foo", "log"])
def test_json_is_the_dict(nb, line):
    nb.run("a", LAYER.format(1))
    nb.run("a", LAYER.format(2))
    printed = nb.run("q", f"%kreg {line} --json")
    assert printed.results == []
    assert json.loads(printed.stdout) == nb.value(f"get_ipython().run_line_magic('kreg', '{line}').to_dict()")


def refusal(nb, line: str) -> str:
    """The one line in which a command is refused."""
    outcome = nb.kernel.collect(nb.kernel.send(f"%kreg {line}".replace("PKG", nb.package), {"cellId": "q"}))
    said = outcome.stderr + outcome.stdout + outcome.text
    assert len(said.strip().splitlines()) == 1 and "Traceback" not in said + outcome.traceback
    assert said.startswith("UsageError: %kreg")
    return said


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "stauts",
            "unknown subcommand 'stauts'; choose from status, show, log, check, verify, export, panel, undo, clear, keep, release, watch, unwatch, engines, on, off",
        ),
        ("status extra", "unrecognized arguments: extra"),
        ("status --registry kears", "unknown registry 'kears'. Did you mean 'keras', "),
        ("status --registry x", "unknown registry 'x'. Choose from "),
        ("status --cell 99999", "cell [99999] has no entries"),
        ("status --cell x", "invalid cell number value: 'x'"),
        ("show", "the following arguments are required: KEY"),
        ("show Nothing", "unknown key 'Nothing'"),
        ("show Nothing --registry nowhere", "unknown registry 'nowhere'"),
        ("log -n x", "'x' is not a number of events"),
        ("engines", "no ipyparallel client is active; rc = ipyparallel.Client() makes one"),
        ("status --engines", "no ipyparallel client is active"),
        ("engines nothing", "'nothing' is no client and no view"),
        ("engines --timeout x", "'x' is not a number of seconds"),
        ("undo", "nothing to undo"),
        ("clear", "give exactly one of: "),
        ("clear --all --stale", "give exactly one of: "),
        ("clear Nothing", "none of your entries has the key 'Nothing'"),
        ("clear --cell 99999", "cell [99999] has no entries"),
        ("clear --module nowhere", "no module or script 'nowhere' has entries"),
        ("keep Nothing", "none of your entries has the key 'Nothing'"),
        ("release Nothing", "not kept: 'Nothing'. "),
        ("watch keras", "'keras' is not the path of a container; write MODULE:ATTR"),
        ("watch os:environ", "os:environ is of type _Environ, not a dict, list or set; name"),
        ("watch sys:modulse", "sys has no 'modulse'. Did you mean 'modules'?"),
        ("unwatch sys:modules", "sys:modules is not watched."),
        ("'unbalanced", "No closing quotation"),
        ("on now", "unrecognized arguments: now"),
        ("x\x1b[31m" + "y" * 5000, "unknown subcommand 'x\\x1b"),
    ],
)
def test_a_wrong_word_gets_one_line_and_the_way_out(nb, line, says):
    assert says in refusal(nb, line)


def test_a_framework_registry_is_not_watched_a_second_time(nb):
    home = nb.value(
        "next(r for r in sys.modules['kreg_ipython.session.process'].current().guard.present() if r.name == 'absl.flags').name"
    )
    assert home == "absl.flags"
    nb.silently("table = keras.utils.get_custom_objects()")
    assert f"is already guarded, as {nb.custom_registry}." in refusal(nb, "watch __main__:table")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%kreg st", "status"),
        ("%kreg status --st", "--stale"),
        ("%kreg status --registry ker", None),
        ("%kreg show PKG", "PKG>Foo"),
        ("%kreg show PKG>F", "PKG>Foo"),
        ("%kreg clear --cell ", None),
        ("%kreg clear PKG>Foo PKG>B", "PKG>Bar"),
        ("%kreg keep 'PKGspa", "'PKGspace d'"),
        ("kreg sta", "status"),
    ],
)
def test_words_options_and_live_keys_are_completed(nb, typed, offered):
    nb.run("a", LAYER.format(1) + BAR)
    nb.run("b", "keras.utils.get_custom_objects()['PKGspace d'] = 1")
    if offered is None:
        offered = (
            nb.custom_registry if "registry" in typed else nb.status()["PKG>Foo"]["owner"]["label"].strip("cel []")
        )
    code = typed.replace("PKG", nb.package)
    assert offered.replace("PKG", nb.package) in [
        code[code.rindex(" ") + 1 : start] + match for start, match in nb.kernel.complete(code)
    ]


@pytest.mark.needs("ipython>=8.6")
@pytest.mark.parametrize("typed", ["%kreg ", "%kreg s", "%kreg status --", "%kreg show ", "%kreg clear --", "kreg ke"])
def test_no_other_word_is_offered_beside_those_of_kreg(nb, typed):
    nb.silently("status_of_mine = 1")
    offered = [match for _, match in nb.kernel.complete(typed)]
    words = nb.value("list(__import__('kreg_ipython.commands').commands.SUBCOMMANDS)")
    keys = nb.value(
        "__import__('kreg_ipython.commands.find').commands.find.known_keys("
        "get_ipython().magics_manager.registry['KregMagics'].notebook)"
    )
    assert offered
    assert [each for each in offered if not each.startswith("--") and each not in [*words, *keys]] == []
    assert len([each for each in offered if each.startswith("--")]) < 10
    assert "status_of_mine" in {match for _, match in nb.kernel.complete("status")}


# -- configuration


def test_config_shows_and_changes_what_can_be_set(nb):
    shown = nb.run("q", "%config KregMagics").stdout
    for name in ("enabled", "verbosity", "on_conflict", "status"):
        assert f"KregMagics.{name}=" in shown
    nb.run("q", "%config KregMagics.enabled = False")
    assert "kreg is off" in nb.run("q", "%kreg").text
    nb.run("q", "%kreg on")
    assert nb.value("get_ipython().magics_manager.registry['KregMagics'].enabled") is True
    nb.run("a", LAYER.format(1))
    nb.run("q", "%config KregMagics.status = '--stale'")
    assert f"{nb.package}>Foo" not in nb.run("q", "%kreg").text
    assert f"{nb.package}>Foo" in nb.run("q", "%kreg status --registry keras --registry " + nb.custom_registry).text


@pytest.mark.parametrize("line", ["verbosity = 'loud'", "on_conflict = 1"])
def test_a_wrong_setting_is_refused_and_changes_nothing(nb, line):
    outcome = nb.run("q", f"%config KregMagics.{line}", fails=None)
    assert "KregMagics" in outcome.stderr + outcome.traceback
    settings = "sys.modules['kreg_ipython.session.process'].current().guard.memory.settings"
    assert nb.value(f"[{settings}.verbosity, {settings}.on_conflict]") == ["notices", "note"]


def test_wrong_options_for_the_status_are_one_line(nb):
    nb.run("q", "%config KregMagics.status = '--no'")
    assert "unrecognized arguments: --no" in refusal(nb, "")


def test_a_wrong_setting_in_the_profile_is_one_line_and_the_defaults_hold(own_kernel):
    own_kernel.silently("get_ipython().config.KregMagics.verbosity = 'loud'")
    told = own_kernel.run("l", "%load_ext kreg_ipython").stderr.splitlines()
    assert (
        len(told) == 1
        and told[0].startswith("kreg: invalid configuration, the defaults are used: ")
        and "'loud'" in told[0]
    )
    assert "kreg: 0 entries of yours" in own_kernel.run("q", "%kreg").text
    own_kernel.run("u", "%unload_ext kreg_ipython")


def test_the_profile_configures_the_extension_before_it_is_loaded(own_kernel):
    own_kernel.silently("get_ipython().config.KregMagics.enabled = False")
    own_kernel.run("l", "%load_ext kreg_ipython")
    assert "kreg is off" in own_kernel.run("q", "%kreg").text
    own_kernel.run("q", "%kreg on")
    assert "kreg: 0 entries of yours" in own_kernel.run("q", "%kreg").text


# -- much, and hostile


def test_ten_thousand_entries_are_shown_quickly_and_stay_readable(nb):
    nb.run("a", "keras.utils.get_custom_objects().update({f'PKG>{i}': i for i in range(10_000)})")
    nb.run("c", CPU)
    nb.run(
        "t",
        "kreg = lambda: get_ipython().run_line_magic('kreg', 'status')\ntook = cpu(lambda: (repr(kreg()), kreg()._repr_html_()))",
    )
    assert nb.value("took / calibration") < 150
    shown = nb.run("q", "%kreg")
    assert len(shown.text.splitlines()) < 40 and "… and 9,980 more: " in shown.text
    html = shown.results[0]["text/html"]
    assert "<details><summary" in html and "10,000 entries" in html and len(html) < 1_500_000
    assert len(nb.entries()) == 10_000


@pytest.mark.parametrize("asked", ["", " --all"])
def test_what_is_said_of_rows_that_are_not_shown_can_be_typed(nb, asked):
    nb.run("a", "keras.utils.get_custom_objects().update({f'PKG>{i}': i for i in range(30)})")
    [*_, line] = re.findall("more: (.*)", nb.run("q", f"%kreg{' status' * bool(asked)}{asked}").text)
    assign, _, ask = line.partition(", then ")
    assert nb.run("r", assign).error is None
    assert nb.value(f"len({ask}['entries'])") > (30 if asked else 29)  # the frameworks', too


HOSTILE = {
    "markup": "'PKG<script>alert(1)</script>'",
    "lines": "'PKG\\nx\\r\\x1b[31m\\x00'",
    "long": "'PKG' + 'k' * 10_000",
    "surrogate": "'PKG\\ud800'",
    "number": "7_000_001",
    "tuple": "('PKG', 1, None)",
    "repr": "type('PKGRepr', (), {'__repr__': lambda self: 1 / 0})()",
    "str": "type('PKGStr', (str,), {'__str__': lambda self: 1 / 0, '__repr__': lambda self: 1 / 0})('PKGs')",
}


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_names_are_harmless(nb, key):
    nb.run("k", f"key = {HOSTILE[key]}")
    for value, lines in (("abs", [""]), ("all", ["log", "status --all"]), (None, [""])):
        nb.run("a", "x = 1" if value is None else f"keras.utils.get_custom_objects()[key] = {value}")
        for line in lines:
            outcome = nb.run("q", f"%kreg {line}")
            assert outcome.stderr == ""
            assert "<script" not in outcome.results[0]["text/html"]
            assert all(len(text) < 300 and (text.isprintable()) for text in outcome.text.splitlines())
    text = nb.value("sys.modules['kreg_ipython.lib.naming'].key_text(key)")
    nb.run("k2", f"key_text = {text!r}")
    shown = nb.run("q", "get_ipython().run_line_magic('kreg', 'show ' + __import__('shlex').quote(key_text))")
    assert "swept" in shown.text and "<script" not in shown.results[0]["text/html"]
    nb.run("q", "%kreg undo")
    nb.run("q", "get_ipython().run_line_magic('kreg', 'clear ' + __import__('shlex').quote(key_text))")
    assert not nb.value("key in keras.utils.get_custom_objects()")


# -- histories that once lost something, or said something wrong

TWO = LAYER.format(1) + BAR


@pytest.mark.needs("tf_keras")
def test_a_user_class_under_a_key_of_the_librarys_costs_the_library_nothing(nb):
    own = LAYER.format(1).replace("keras.", "tf_keras.").replace('"PKG"', "*NAME.split('>')")
    nb.run("n", "NAME = next(key for key in tf_keras.utils.get_custom_objects() if key.startswith('Custom>'))")
    nb.run("a", own)
    nb.run("a", "1/0\n", fails=True)
    nb.run("a", "x = 1")
    assert nb.value("tf_keras.utils.get_custom_objects()[NAME] is library[NAME]")


def test_keep_in_the_cell_itself_keeps_its_own_keys_beside_others(nb):
    nb.run("a", LAYER.format(1))
    nb.run("b", BAR)
    nb.run("a", "%kreg keep PKG>Foo PKG>Bar")
    nb.run("b", "x = 1")
    assert nb.custom_objects() == {"Foo": "Foo", "Bar": "Bar"}


def test_what_is_cleared_in_its_own_cell_stays_out_even_if_the_cell_fails(nb):
    nb.run("a", TWO)
    for what, left in (("PKG>Foo", {"Bar": "Bar"}), ("--all", {})):
        nb.run("a", f"%kreg clear {what}\n1/0", fails=True)
        assert nb.custom_objects() == left
        nb.run("q", "%kreg undo")
        assert nb.custom_objects() == {"Bar": "Bar", "Foo": "Foo"}


def test_keep_survives_a_reload_that_fails(nb, files):
    files.write({"PKGmod.py": "import keras\n" + LAYER.format(1)})
    nb.run("l", "%load_ext autoreload\n%autoreload 1\n%aimport PKGmod")
    nb.run("i", "%kreg keep PKG>Foo")
    files.write({"PKGmod.py": "import keras\n" + LAYER.format(1) + "1/0\n"})
    nb.run("e", "x = 1")
    assert ("cleared", "Foo") not in acts(nb) and ("swept", "Foo") in acts(nb)
    files.write({"PKGmod.py": "import keras\nx = 1\n"})
    nb.run("e", "x = 2")
    assert nb.custom_objects() == {"Foo": "Foo"}
    nb.run("l", "%autoreload 0")


@pytest.mark.needs("tensorflow")
def test_keep_holds_no_class_that_is_part_of_a_key(nb):
    cell = """
        class Thing(tf.Module): pass
        refs = globals().get("refs", []) + [weakref.ref(Thing)]
        def convert(*args, **options): return tf.constant(VERSION)
        tf.register_tensor_conversion_function(Thing, convert)
        """
    nb.run("c", cell.replace("VERSION", "1"))
    nb.run("k", "%kreg keep '100, __main__.Thing, __main__.convert'")
    for version in "23":
        nb.run("c", cell.replace("VERSION", version))
    assert nb.value("gc.collect() >= 0 and [ref() is not None for ref in refs]") == [False, False, True]
    nb.run("c", "x = 1")
    assert nb.value("int(tf.convert_to_tensor(refs[-1]()()))") == 3
    nb.run("r", "%kreg release '100, __main__.Thing, __main__.convert'")


@pytest.mark.needs("tensorflow")
def test_a_gradient_that_was_swept_is_served_after_off_and_on(nb):
    nb.run("a", GRADIENT.format(1))
    nb.run(
        "g",
        """
        graph = tf.Graph()
        with graph.as_default(), graph.gradient_override_map({"Identity": "PKGGrad"}):
            x = tf.compat.v1.placeholder(tf.float32)
            y = tf.identity(x)
        """,
    )
    nb.run("a", "x2 = 1")
    nb.run("o", "%kreg off")
    nb.run("o", "%kreg on")
    nb.run("d", "with graph.as_default(): found = tf.compat.v1.gradients(y, x)")


@pytest.mark.needs("tensorflow")
def test_on_conflict_replace_leaves_the_frameworks_own_keys_alone(nb):
    nb.run("c", "%config KregMagics.on_conflict = 'replace'")
    outcome = nb.run("g", "@tf.RegisterGradient('MatMul')\ndef mine(op, grad): return grad", fails=True)
    assert "MatMul" in outcome.error


def test_a_cell_is_meant_by_the_number_of_each_of_its_runs_that_left_something(nb):
    loop = "for name in {}:\n    register(keras.utils.register_keras_serializable('PKG', name), Thing)"
    nb.run(
        "d", "def register(how, thing): how(type(thing.__name__, (thing,), {}))\nclass Thing(keras.layers.Layer): pass"
    )
    nb.run("a", "if True:\n    " + loop.format("('One',)").replace("\n", "\n    "))
    number = nb.value("get_ipython().execution_count - 1")
    nb.run("a", "if False:\n    " + loop.format("('One',)").replace("\n", "\n    "))
    for run in (number, number + 1):
        assert result(nb, f"status --cell {run}")["entries"][0]["key"] == f"{nb.package}>One"
    assert "has no entries" in refusal(nb, f"status --cell {number - 1}")
    result(nb, f"clear --cell {number}")
    assert nb.custom_objects() == {}


def test_the_log_of_no_event_says_how_many_there_are(nb):
    nb.run("a", LAYER.format(1))
    nb.run("a", "x = 1")
    assert "earlier event" in nb.run("q", "%kreg log -n 0").text


@pytest.mark.needs("keras>=3")
@pytest.mark.needs("tensorflow")
def test_show_blames_no_variable_that_only_shares_something_with_a_holder(nb):
    nb.run("a", LAYER.format(1))
    nb.run("m", "shared = keras.Input((2,)); holds = keras.Model(shared, Foo()(shared))")
    nb.run("m2", "other = keras.Model(shared, keras.layers.Dense(2)(shared))")
    nb.run("x", "try: holds(1/0)\nexcept ZeroDivisionError as raised: error = raised")
    nb.run("w", "wide = list(range(3_000_000))")
    nb.run("a", LAYER.format(2))
    [former] = result(nb, "show PKG>Foo")["entries"][0]["former"]
    assert [holder["name"] for holder in former["holders"]] == ["holds"]
    nb.run("w", "del wide, holds, other, shared, error")


def test_what_modules_registered_is_theirs_after_off_and_on(nb, files):
    files.write({"PKGmod.py": "import keras\n" + LAYER.format(1)})
    nb.run("i", "import PKGmod, importlib")
    nb.run("o", "%kreg off")
    nb.run("o", "%kreg on")
    files.write({"PKGmod.py": "import keras\n" + BAR})
    nb.run("r", "importlib.reload(PKGmod)")
    assert nb.custom_objects() == {"Bar": "Bar"}


FLAKY = """
import kreg_ipython
class Flaky(kreg_ipython.DictRegistry):
    broken = True
    def remove(self, key, value):
        if Flaky.broken:
            raise RuntimeError("out of order")
        super().remove(key, value)
kreg_ipython.register_adapter(Flaky("PKGflaky", "PKGlib:MODELS", [
    kreg_ipython.Gate("PKGlib:register", lambda name, model: (name, model))]))
"""


def test_a_fault_is_a_row_until_it_is_mended_and_loses_nothing(nb, files):
    files.write({"PKGlib.py": "MODELS = {}\ndef register(name, model): MODELS[name] = model\n"})
    nb.run("i", "import PKGlib\n" + FLAKY)
    nb.run("a", "PKGlib.register('one', 1)")
    assert "out of order" in nb.run("a", "PKGlib.register('one', 2)").stderr
    nb.run("a", "PKGlib.register('one', 3)")
    events = nb.value("get_ipython().run_line_magic('kreg', 'log').to_dict()['events']")
    assert [event["act"] for event in events if event["registry"] == f"{nb.package}flaky"].count("failed") == 1
    assert "not guarded: " in nb.run("q", "%kreg").text
    nb.run("m", "Flaky.broken = False")
    nb.run("a", "PKGlib.register('one', 4)")
    assert "not guarded: " not in nb.run("q", "%kreg").text
    assert nb.value("PKGlib.MODELS") == {"one": 4}
