"""Results that were copied, moved, or are read-only: what is there is not made again."""

import json
import os
import random
import shutil
import subprocess

import pytest
import yaml
from dry_run import planned
from one_figure import FIGURE, by_verbs, fresh

HOME = "results/smoke"
ALL = {"measure", "figure", "report"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = fresh(tmp_path_factory.mktemp("made"))
    by_verbs(folder)
    return folder


@pytest.fixture
def copy(made, tmp_path):
    """A fresh clone with a copy of the results that was made file by file, in a random order."""
    folder = fresh(tmp_path / "clone")
    files = [p for p in (made / HOME).rglob("*") if p.is_file()]
    random.Random(3).shuffle(files)
    for moment, file in enumerate(files):
        target = folder / file.relative_to(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        os.utime(target, (10**9 + moment, 10**9 + moment))
    return folder


def edit(folder, change):
    file = folder / "config.yaml"
    tree = yaml.safe_load(file.read_text())
    change(tree)
    file.write_text(yaml.safe_dump(tree))


def test_a_copy_without_times_and_without_data_is_complete(copy):
    assert planned(copy) == {}
    assert not list(copy.glob("data/*"))


def test_a_tar_and_a_moved_checkout_are_complete(made, tmp_path):
    archive = tmp_path / "results.tar"
    subprocess.run(["tar", "-C", made, "-cf", archive, "results"], check=True)
    folder = fresh(tmp_path / "clone")
    subprocess.run(["tar", "-C", folder, "-xmf", archive], check=True)
    assert planned(folder) == {}
    assert planned(folder.rename(tmp_path / "moved")) == {}


def test_another_folder_for_the_results_by_directory(copy, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (copy / "results").rename(out / "results")
    assert planned(copy, files=[copy / "config.yaml"], workdir=out) == {}


def test_results_that_cannot_be_written_are_complete(copy, monkeypatch):
    """As root may write everywhere, the system's answer is played."""
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    assert planned(copy) == {}


def test_what_an_edit_puts_out_of_date_is_known_without_times_and_notes(copy):
    metric = {"rank_spec_1e-2"}
    edit(copy, lambda tree: tree["figures"][FIGURE]["metrics"].extend(metric))
    assert planned(copy).keys() == ALL | {"config"}
    target = {f"{HOME}/figures/{FIGURE}.svg"}
    assert planned(copy, targets=target).keys() == {"measure", "figure"}
    edit(copy, lambda tree: tree["figures"][FIGURE]["metrics"].remove(*metric))
    assert planned(copy) == {}
    edit(copy, lambda tree: tree["sweeps"]["one"]["grid"].update(weight_decay=[0, 0.1, 0.2]))
    assert planned(copy) == {
        **dict.fromkeys(["config", "data", "pack", "train", *ALL], 1)
    }  # the new run alone: one pack


def test_forcing_all_touches_no_data_that_are_there(made):
    """Snakemake removes outputs before it makes them again, also where they cannot be had again."""
    assert planned(made, forceall=True).keys() == {"config", "pack", "train", *ALL}


def test_lost_records_are_trained_again_though_their_provenance_is_there(copy):
    lost = next(copy.rglob("arrays.parquet"))
    kept = lost.rename(lost.with_suffix(".kept"))
    assert planned(copy) == dict.fromkeys(["data", "train", *ALL], 1)
    kept.rename(lost)
    assert planned(copy) == {}


def test_forcing_train_plans_all_that_comes_after(copy):
    assert planned(copy, forcerun={"train"}).keys() >= {"train", *ALL}


def test_a_mark_that_is_not_readable_leaves_the_judgement_to_times(copy):
    mark = copy / HOME / "tables" / FIGURE.replace("fig07", ".fig07.made")
    assert json.loads(mark.read_text()).keys() == {"of"}
    for text in ("", "[]", '{"of": 3}', "{" * 5000):
        mark.write_text(text)
        assert planned(copy).keys() <= ALL
