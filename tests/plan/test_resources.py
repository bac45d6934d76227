"""What jobs ask of a cluster: from the estimate, within limits, and of no GPU without need."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from implicitbias.base.errors import UserError
from implicitbias.plan import config, overlays, papers, summary
from implicitbias.plan.plan import make_plan
from implicitbias.plan.resources import MOST_SPREAD, Rate, Resources

ROOT = Path(__file__).parents[2]


def plan_of(results, scale="smoke", **over):
    merged = overlays.merge(papers.of_scale(scale, root=ROOT)[0].model_dump(mode="json"), over)
    sources = overlays.Sources([(Path("config.yaml"), merged)])
    return make_plan(config.parse(merged, sources), sources, results)


def trained(plan, name, seconds, device="cpu", resumed=False):
    """Write what a trained pack leaves, as far as planning reads it."""
    folder = plan.pack_folder(name)
    (folder / "records").mkdir(parents=True)
    (folder / "pack.json").write_text(plan.packs[name].text)
    facts = {"seconds": seconds, "device": device, "resumed": resumed, "commit": ""}
    (folder / "records" / "provenance.json").write_text(json.dumps(facts))
    for name in ("scalars", "arrays"):
        (folder / "records" / f"{name}.parquet").touch()


def first(plan, procedure):
    return min(n for n in plan.packs if plan.members(n)[0].procedure == procedure)


def test_only_procedures_that_can_use_a_gpu_ask_for_one(tmp_path):
    assert all(Resources(p).gpus(n) is None for p in [plan_of(tmp_path)] for n in p.packs)
    gpu = {"partition": "g", "gpu_model": "a100", "constraint": "nvlink"}
    plan = plan_of(tmp_path, device="cuda", cluster={"cpu": {"partition": "c"}, "gpu": gpu})
    ask = Resources(plan)
    for name in plan.packs:
        wants = plan.members(name)[0].procedure in ("sgd", "square_sgd")
        assert (ask.device(name), ask.gpus(name)) == (("cuda", 1) if wants else ("cpu", None))
        assert ask.place(name).partition == ("g" if wants else "c")
        assert ask.gpu_model(name) == ("a100" if wants else None)
        assert ask.place(name).constraint == ("nvlink" if wants else None)
    assert ask.place().partition == "c"
    kinds = {group: {ask.device(n) for n in names} for group, names in ask.pack_groups.items()}
    assert all(len(devices) == 1 for devices in kinds.values()), "no shared job mixes devices"


def test_time_is_the_measured_rate_with_headroom_and_grows_with_the_attempt(tmp_path):
    plan = plan_of(tmp_path, "paper", cluster={"headroom": 3.0})
    ask = Resources(plan)
    alike = [n for n in plan.packs if plan.members(n)[0].procedure == "sgd"]
    longest = max(alike, key=ask.seconds)
    estimate = ask.seconds(longest)
    minutes = ask.minutes(longest)
    assert minutes * 60 == pytest.approx(300 + 3 * estimate, abs=60)
    assert ask.minutes(longest, 3) == 3 * minutes
    assert ask.megabytes(longest, 3) == 3 * ask.megabytes(longest)

    measured = min(n for n in alike if n != longest and ask.seconds(n) >= 60)
    trained(plan, measured, 2 * ask.seconds(measured))
    slower = Resources(plan)
    assert slower.seconds(longest) == pytest.approx(2 * estimate)
    sparse = first(plan, "rvsm")
    assert slower.seconds(sparse) == ask.seconds(sparse), "each procedure has its own rate"


# Estimated and measured seconds of packs of `sgd`: those in results/published, and those of scale
# small on a machine of 2 cores that was busy with other work.
PUBLISHED = [(3690.5, 3963.7), (6917.0, 4850.1), (8526.8, 4660.1)]
BUSY = [(4.6, 16.4), (14.0, 43.2), (18.0, 89.0), (23.5, 60.1), (18.2, 102.9), (34.2, 257.3)]


@pytest.mark.parametrize("left_out", range(3))
def test_each_published_pack_ends_within_what_the_others_ask_for(left_out):
    took, guess = PUBLISHED[left_out][::-1]
    rate = Rate.of([pair[::-1] for i, pair in enumerate(PUBLISHED) if i != left_out])
    assert took < 60 * 5 + max(2.0, rate.spread) * rate.factor * guess


def test_tiny_packs_say_nothing_of_long_ones(tmp_path):
    plan = plan_of(tmp_path, "paper")
    estimates = {n: Resources(plan).seconds(n) for n in plan.packs}
    tiny = next(n for n in plan.packs if plan.members(n)[0].procedure == "sgd"
                and estimates[n] < 60)  # fmt: skip
    trained(plan, tiny, 0.1)
    ask = Resources(plan)
    assert ask.seconds(tiny) == pytest.approx(0.1)
    long = [n for n in plan.packs if plan.members(n)[0].procedure == "sgd" and estimates[n] >= 60]
    assert long
    assert all(ask.seconds(n) == estimates[n] for n in long)


def test_the_spread_of_measured_rates_is_head_room_too():
    assert Rate.of(PUBLISHED[:2]).spread == 1.0  # two packs have no spread to speak of
    logs = [math.log(took / guess) for guess, took in BUSY]
    assert Rate.of([pair[::-1] for pair in BUSY]).spread == pytest.approx(
        math.exp(2 * np.std(logs, ddof=1))
    )
    assert Rate.of([(1.0, 1e3), (1.0, 1.0), (1e3, 1.0)]).spread == MOST_SPREAD


def test_members_of_other_lengths_count_in_the_estimate(tmp_path):
    """Runs of 2,500 and of 20,000 steps are in one pack, whichever of them comes first."""
    plan = plan_of(tmp_path, "small")
    mixed = {n: {m.steps for m in plan.members(n)} for n in plan.packs}
    mixed = [n for n, steps in mixed.items() if len(steps) > 1]
    assert mixed
    for name in mixed:
        members = plan.members(name)
        alike = sorted(m.estimated_seconds(len(members), "cpu") for m in members)
        assert alike[0] < Resources(plan).seconds(name) < alike[-1]


def test_resumed_packs_and_other_devices_do_not_count(tmp_path):
    plan = plan_of(tmp_path)
    names = [n for n in sorted(plan.packs) if plan.members(n)[0].procedure == "sgd"]
    trained(plan, names[0], 1e6, resumed=True)
    trained(plan, names[1], 1e6, device="NVIDIA H200")
    assert Resources(plan).rates == {}


def test_a_sweep_asks_for_its_own_and_its_runs_stay_the_same(tmp_path):
    own = {"sweeps": {"mlp_bn_wide": {"resources": {"minutes": 600, "megabytes": 32000}}}}
    before, after = plan_of(tmp_path), plan_of(tmp_path, **own)
    assert before.runs.keys() == after.runs.keys()
    figure = "galanti2025rank/fig06"
    assert before.figures[figure].definition == after.figures[figure].definition
    (pack,) = after.figures[figure].packs
    ask = Resources(after)
    assert (ask.minutes(pack), ask.megabytes(pack, 2)) == (600, 64000)
    assert ask.group(pack) != Resources(after).group(first(after, "rvsm")), "600 min stay alone"


@pytest.mark.parametrize("limit", [7, 30, 400])
def test_what_a_job_asks_for_stays_within_the_partition(tmp_path, limit):
    """SLURM is asked for the sum over a shared job's members."""
    plan = plan_of(tmp_path, "paper", cluster={"short_minutes": 1, "cpu": {"max_minutes": limit}})
    ask = Resources(plan)
    for attempt in (1, 2, 6):
        for names in ask.pack_groups.values():
            assert 0 < sum(ask.minutes(n, attempt) for n in names) <= limit
        for keys in ask.figure_groups.values():
            assert 0 < sum(2 * ask.small_minutes(attempt, k) for k in keys) <= limit
        alone = [n for n in plan.packs if ask.group(n) is None]
        assert alone
        assert ask.pack_groups
        assert all(ask.minutes(n, attempt) <= limit for n in alone)
        assert ask.small_minutes(attempt) <= limit


def test_every_short_pack_and_every_figure_is_in_one_group(tmp_path):
    plan = plan_of(tmp_path, "small", cluster={"shared_minutes": 60})
    ask = Resources(plan)
    grouped = [n for names in ask.pack_groups.values() for n in names]
    assert sorted(grouped) == sorted(n for n in plan.packs if ask.seconds(n) <= 600)
    assert sorted(k for keys in ask.figure_groups.values() for k in keys) == sorted(plan.figures)
    for names in ask.pack_groups.values():
        assert sum(ask.minutes(n) for n in names) <= 60
    assert Resources(plan_of(tmp_path, cluster={"short_minutes": 0})).pack_groups == {}


def test_the_plan_says_what_will_be_submitted(tmp_path):
    plan = plan_of(tmp_path, "paper", device="cuda", cluster={"short_minutes": 0})
    facts = summary.summary(plan)["cluster"]
    ask = Resources(plan)
    gpu = [n for n in plan.packs if ask.gpus(n)]
    assert facts["training"] == len(plan.packs)
    assert facts["gpu_jobs"] == len(gpu)
    assert facts["gpu_seconds"] == pytest.approx(sum(map(ask.seconds, gpu)))
    assert ask.seconds(facts["longest"]) == max(map(ask.seconds, plan.packs))
    assert facts["jobs"] == len(plan.packs) + facts["figures"] + 1
    assert f"{facts['jobs']} jobs" in summary.text(summary.summary(plan))
    for name in plan.packs:
        trained(plan, name, 1.0)
    assert summary.summary(plan)["cluster"]["jobs"] == 0


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({"partition": "gpu"}, ["cluster.partition", "there are: account, cpu, gpu"]),
        ({"gpu": {"partition": 3}}, ["cluster.gpu.partition", "3"]),
        ({"cpu": {"gpu_model": "a100"}}, ["cluster.cpu.gpu_model", "max_minutes"]),
        ({"headroom": 0.5}, ["cluster.headroom", "0.5"]),
    ],
)
def test_a_wrong_cluster_section_is_one_message(tmp_path, cluster, words):
    with pytest.raises(UserError) as error:
        plan_of(tmp_path, cluster=cluster)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize(
    ("seconds", "workers", "longest"),
    [([], 4, 0), ([5], 4, 5), ([3, 3, 3, 3, 3, 3, 3, 3], 4, 6), ([10, 1, 1, 1, 1], 2, 10),
     ([7, 5, 4, 3, 1], 2, 10), ([2, 2, 2], 1, 6)],
)  # fmt: skip
def test_jobs_side_by_side_take_as_long_as_the_last_worker(seconds, workers, longest):
    """By hand: 7, 5, 4, 3, 1 on two workers are 7 + 3 and 5 + 4 + 1."""
    assert summary.side_by_side(seconds, workers) == longest
