"""`plan --check` against stand-ins of SLURM's programs; tests/slurm asks the real ones."""

import sys
from pathlib import Path

import pytest

from implicitbias.__main__ import main
from implicitbias.base.errors import UserError
from implicitbias.plan import check, config, overlays, papers
from implicitbias.plan.plan import make_plan

ROOT = Path(__file__).parents[2]


def plan_of(results, **cluster):
    tree = papers.of_scale("smoke", root=ROOT)[0].model_dump(mode="json")
    merged = overlays.merge(tree, {"cluster": cluster})
    sources = overlays.Sources([(Path("config.yaml"), merged)])
    return make_plan(config.parse(merged, sources), sources, results)


@pytest.fixture
def scheduler(tmp_path, monkeypatch):
    """`scheduler(name, body)` makes a program of SLURM a Python script; PATH holds these alone."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name, body):
        (folder / name).write_text(f"#!{sys.executable}\nimport os, sys\n{body}\n")
        (folder / name).chmod(0o755)

    add("sinfo", "print('short 3:00\\nlong* 2-00:00:00\\nopen infinite')")
    add("sbatch", "open(os.environ['ASKED'], 'a').write(' '.join(sys.argv[1:]) + '\\n')")
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    return add


def asked(tmp_path):
    return (tmp_path / "asked").read_text().splitlines()


def test_every_distinct_request_is_tested_once_and_nothing_is_submitted(tmp_path, scheduler):
    cpu = {"partition": "long", "constraint": "avx512"}
    plan = plan_of(tmp_path, account="lab", cpu=cpu, short_minutes=0)
    assert check.problems(plan) == []
    lines = asked(tmp_path)
    assert len(lines) == len(set(lines)) == len(check.asks(plan)) < len(plan.packs)
    for line in lines:
        assert line.startswith("--test-only --partition=long --account=lab --constraint=avx512 ")
        assert "--gpus" not in line
    jobs = [job for together in check.asks(plan).values() for job in together]
    assert sorted(j for j in jobs if j.startswith("pack ")) == [f"pack {n}" for n in
                                                                sorted(plan.packs)]  # fmt: skip


def test_a_limit_that_no_job_meets_is_said_with_the_key_that_helps(tmp_path, scheduler):
    (line,) = check.problems(plan_of(tmp_path, cpu={"partition": "short"}))
    assert line.startswith("cluster.cpu: ")
    assert "can never start in partition short: its limit is 3 min" in line
    assert "write `max_minutes: 3`" in line
    assert not (tmp_path / "asked").exists()  # what cannot start is not asked for
    shorter = {"partition": "short", "max_minutes": 3}
    assert check.problems(plan_of(tmp_path, cpu=shorter)) == []


def test_the_schedulers_words_are_on_the_line_once(tmp_path, scheduler):
    scheduler("sbatch", "sys.exit('sbatch: error: invalid\\n partition \\x1b[31mspecified: nope')")
    (line,) = check.problems(plan_of(tmp_path, cpu={"partition": "nope"}, short_minutes=10))
    assert "sbatch says: sbatch: error: invalid partition" in line
    assert line.isprintable()


def test_without_slurm_it_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no sbatch here"):
        check.problems(plan_of(tmp_path))


def test_the_verb_says_it_and_its_exit_code_too(scheduler, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["plan", "--scale", "smoke", "--check"]) == 0
    assert capsys.readouterr().out.startswith("SLURM would take all jobs, of ")
    scheduler("sinfo", "print('short* 1:00')")
    assert main(["plan", "--scale", "smoke", "--check"]) == 1
    assert "can never start in partition short" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [("infinite", None), ("3:00", 3), ("1:00:00", 60), ("2-00:00:00", 2880), ("0:30", 0)],
)
def test_times_of_slurm(limit, minutes):
    assert check.as_minutes(limit) == minutes
