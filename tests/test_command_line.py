"""The command line: every verb explains itself, and a reader that has seen enough is no error."""

import subprocess
import sys

import pytest

from implicitbias.__main__ import main
from implicitbias.commands import VERBS


@pytest.mark.parametrize("name", [do.__name__ for do, *_ in VERBS])
def test_a_verb_says_what_it_does(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    first = capsys.readouterr().out.partition("\n\n")[2].partition("\n\n")[0]
    assert first[0].isupper() and "." in first


def test_output_into_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m implicitbias plan --json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "{\n0\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("report results/published-not", "config.json: is not there; the workflow leaves it"),
        ("report elsewhere/published", "is not there; the workflow leaves it in results/<scale>:"
         " make paper-figures"),
        ("data list mnist", "say `data list`, or `data fetch` and the name of one"),
        ("data fetch", "say `data list`, or `data fetch` and the name of one"),
        ("spectrum net.pt --layout up", "--layout up: is not PATTERN=KIND"),
    ],
)  # fmt: skip
def test_what_is_missing_is_one_line(line, said, capsys):
    assert main(line.split()) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("n", ["0", "1025", "x", "-1"])
def test_a_number_of_gpus_is_checked(n, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["plan", f"--gpus={n}"])
    assert f"argument --gpus: {n!r} is not in 1 to 1024" in capsys.readouterr().err
