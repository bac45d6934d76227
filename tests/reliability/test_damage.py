"""Files that were damaged on disk: each is noticed, in one message, or it made no difference."""

import json
import random
from pathlib import Path

import pytest
import torch
import yaml
from one_figure import FIGURE, fresh
from safetensors.torch import save_file

from implicitbias.__main__ import main
from implicitbias.base.allocator import ALLOCATOR
from implicitbias.plan import config
from implicitbias.plan.plan import make_plan

HOME = Path("results/smoke")
TABLE, CLAIMS = HOME / f"tables/{FIGURE}.parquet", HOME / f"claims/{FIGURE}.json"
PROGRESS = HOME / "packs/p/progress.json"  # of a pack in training
SVG, REPORT = HOME / f"figures/{FIGURE}.svg", HOME / "report.html"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The files of a whole workflow, made verb by verb, and the verbs."""
    folder = fresh(tmp_path_factory.mktemp("sound"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ALLOCATOR:  # else `train` starts itself again with these
            patch.setenv(name, "")
        plan = make_plan(*config.load([Path("config.yaml")]))
        ((name, pack),) = plan.packs.items()
        home = HOME / "packs" / name
        verbs = {
            "pack": ["pack", "--text", pack.text, str(home / "pack.json")],
            "data": ["data", "fetch", "digits"],
            "train": ["train", str(home / "pack.json"), "--checkpoint-seconds", "0"],
            "measure": ["measure", "--definition", plan.figures[FIGURE].definition,
                        "--out", str(TABLE),
                        *(str(home / f"records/{n}.parquet") for n in ("scalars", "arrays"))],
            "figure": ["figure", FIGURE, "--scale", "smoke", "--table", str(TABLE),
                       "--claims", str(CLAIMS), "--out", str(SVG)],
            "report": ["report", str(HOME / "config.json"), "--out", str(REPORT)],
            "status": ["status"],
            "plan": ["plan", "--scale", "smoke"],
            "spectrum net.pt": ["spectrum", "net.pt"],
            "spectrum net.safetensors": ["spectrum", "net.safetensors"],
        }  # fmt: skip
        state = {"a.weight": torch.arange(12.0).reshape(3, 4), "b.weight": torch.eye(5)}
        torch.save(state, "net.pt")
        save_file(state, "net.safetensors")
        HOME.mkdir(parents=True)
        (HOME / "config.json").write_text(
            json.dumps(yaml.safe_load(Path("config.yaml").read_text()))
        )
        for verb in list(verbs)[:6]:
            assert main(verbs[verb]) == 0
        PROGRESS.parent.mkdir()
        PROGRESS.write_text(json.dumps({
            "pack": "p", "runs": 2, "epoch": 1, "epochs": 3, "step": 9, "steps": 21,
            "steps_per_second": 5.0, "remaining_s": 2.4, "loss": 0.5, "diverged": 0,
        }))  # fmt: skip
    return folder, home, verbs


def damaged(content, foreign, dice):
    """Cut, or with a bit, a byte or a stretch of it changed; now and then another file's."""
    kind, at = dice.randrange(6), dice.randrange(len(content))
    end = min(len(content), at + dice.randrange(1, 60))
    return [
        content[:at],
        content[:at] + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :],
        content[:at] + bytes([dice.randrange(256)]) + content[at + 1 :],
        content[:at] + content[end:],
        content[:at] + bytes(end - at) + content[end:],
        dice.choice(foreign),
    ][kind]


@pytest.mark.parametrize(
    ("file", "verb", "times", "kept"),
    [
        ("pack.json", "train", 25, None),
        ("pack.json", "plan", 25, None),
        ("records/scalars.parquet", "measure", 25, TABLE),
        ("records/arrays.parquet", "measure", 25, TABLE),
        ("records/provenance.json", "measure", 25, TABLE),
        ("records/provenance.json", "plan", 25, None),
        (TABLE, "figure", 6, CLAIMS),
        (TABLE, "report", 10, None),
        (CLAIMS, "report", 10, None),
        (HOME / "config.json", "report", 25, None),
        (PROGRESS, "status", 25, None),
        (Path("data/digits.npz"), "train", 25, None),
        (Path("net.pt"), "spectrum net.pt", 25, None),
        (Path("net.safetensors"), "spectrum net.safetensors", 25, None),
    ],
    ids=str,
)
def test_a_damaged_file_is_one_message(sound, file, verb, times, kept, monkeypatch, capsys):
    """`kept` is what must be as it was where nothing is said."""
    folder, home, verbs = sound
    monkeypatch.chdir(folder)
    for name in ALLOCATOR:
        monkeypatch.setenv(name, "")
    path = home / file if isinstance(file, str) else file
    whole, before = path.read_bytes(), kept and kept.read_bytes()
    foreign = [b"", b"[]", b"null", *(p.read_bytes() for p in (CLAIMS, Path("net.pt")))]
    dice, noticed = random.Random(f"{file} {verb}"), 0
    trained = {p: p.read_bytes() for p in (home / "records").glob("*provenance.json")}
    try:
        for _ in range(times):
            for proof in trained if verb == "train" else ():
                proof.unlink(missing_ok=True)  # a pack that is complete reads no data
            content = damaged(whole, foreign, dice)
            path.write_bytes(content)
            code = main(verbs[verb])
            *_, said = capsys.readouterr().err.splitlines() or [""]
            noticed += code
            assert code == 0 or (said.startswith("error: ") and path.name in said), content
            assert code == 1 or kept is None or kept.read_bytes() == before, content
    finally:
        path.write_bytes(whole)
        for proof, content in trained.items():
            proof.write_bytes(content)
    assert noticed > times / 2 or verb == "status"
