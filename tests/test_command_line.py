"""The command line: every verb explains itself, and every error is one line."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer

from implicitbias import __version__, commands
from implicitbias.__main__ import main

ROOT = Path(__file__).parents[1]
GROUP = typer.main.get_command(commands.app)
VERBS = [
    [name, *more]
    for name, command in GROUP.commands.items()
    for more in ([[one] for one in getattr(command, "commands", {})] or [[]])
]


def said(capsys, *words):
    """The exit code of a command line, what it printed, and its error."""
    code = main(list(words))
    done = capsys.readouterr()
    return code, done.out, done.err


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_verb_says_what_it_does(words, capsys):
    code, out, err = said(capsys, *words, "--help")
    assert code == 0 and err == ""
    first = out.partition("\n\n")[2].partition("\n\n")[0].strip()
    assert first[0].isupper() and "." in first
    assert re.search(r"  -h, --help +Show", out)


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_the_example_of_a_verb_is_understood(words):
    command = GROUP
    for word in words:
        command = command.commands[word]
    if command.epilog is None:
        return
    program, *example = command.epilog.removeprefix("Example: ").split()
    assert program == "implicitbias" and example[: len(words)] == words
    command.make_context("", example[len(words) :])  # a wrong option or a missing one is an error


def test_help_lists_what_a_user_needs_first_and_knows_the_exit_codes(capsys):
    code, out, _ = said(capsys)
    assert code == 0
    order = [out.index(f"\n  {verb} ") for verb in ("plan", "spectrum", "data", "train", "schema")]
    assert order == sorted(order)
    assert "Exit codes: 0" in out
    assert "\x1b" not in out and "─" not in out


def test_the_console_script_is_the_same_program():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert EntryPoint("implicitbias", scripts["implicitbias"], "console_scripts").load() is main


def test_the_version(capsys):
    assert said(capsys, "--version") == (0, f"implicitbias {__version__}\n", "")


def test_a_shell_can_complete_verbs():
    script = (
        "import sys\nfrom implicitbias.__main__ import main\nsys.argv = ['implicitbias']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"_IMPLICITBIAS_COMPLETE": "complete_bash", "COMP_WORDS": "implicitbias sp",
             "COMP_CWORD": "1", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["spectrum"], done.stderr


def test_output_into_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m implicitbias plan --json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "{\n0\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("report results/published-not", 1, "config.json: is not there; the workflow leaves it"),
        ("report elsewhere/published", 1, "is not there; the workflow leaves it in"
         " results/<scale>: make paper-figures"),
        ("data list mnist", 2, "unexpected extra argument"),
        ("data fetch", 2, "Missing argument 'NAME'"),
        ("data fetch mnits", 1, "no data set 'mnits' (did you mean 'mnist'?)"),
        ("spectrum net.pt --layout up", 1, "--layout up: is not PATTERN=KIND"),
        ("spectrum net.pt --norm l2", 2, "'--norm': 'l2' is not one of 'frobenius'"),
        ("spectrum net.pt --tolerance -0.03", 1, "-0.03"),
        ("status --results nope", 1, "nope: no such folder of results"),
        ("plann", 2, "No such command 'plann'. Did you mean 'plan'?"),
        ("plan --scael small", 2, "No such option: --scael"),
        ("plan --scale smal", 1, "error: --scale: no scale 'smal' (did you mean 'small'?)"),
        *((f"plan --gpus={n}", 2, "'--gpus'") for n in ("0", "1025", "x", "-1")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(line, code, words, capsys):
    got, out, err = said(capsys, *line.split())
    assert (got, out) == (code, "")
    assert words in err
    assert err.startswith("error: ") and err.count("\n") == 1
