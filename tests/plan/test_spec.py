import pytest

from implicitbias import models
from implicitbias.base import registry
from implicitbias.base.errors import UserError
from implicitbias.plan import spec

BASE = {
    "procedure": "sgd", "dataset": "mnist5k", "model": "mlp_bn", "batch_size": 16, "epochs": 4,
    "lr": 0.1,
}  # fmt: skip


def make(**changes):
    return spec.make({**BASE, **changes})


def test_a_run_is_named_by_what_differs_from_the_defaults():
    assert make().run_id == make(depth=10, momentum=0.0, weight_decay=0).run_id
    assert make().run_id == make(lr=0.10).run_id
    assert make(lr=1).run_id == make(lr=1.0).run_id
    ids = {make(**{k: v}).run_id for k, v in [("lr", 0.2), ("seed", 1), ("depth", 9), ("seed", 0)]}
    assert len(ids) == 4
    assert make(version=2).run_id != make().run_id


def test_golden_run_id():
    """A change here renames every run that was ever trained: do it only on purpose."""
    assert make().run_id == "sgd-67251ee83364"


def test_schedule_drops_at_the_start_of_the_named_epoch():
    """Milestone 60 leaves 59 epochs at the full rate, as the authors' scheduler does."""
    run = make(epochs=500, lr_milestones=[60, 100, 200], lr_factor=0.2)
    rates = [run.lr_multiplier(e) for e in range(500)]
    counts = [sum(abs(r - f) < 1e-12 for r in rates) for f in (1, 0.2, 0.04, 0.008)]
    assert counts == [59, 40, 100, 301]
    assert run.decay_exponent() == 0
    decayed = make(epochs=500, lr_milestones=[60, 100, 200], weight_decay=1e-3)
    assert decayed.decay_exponent() == pytest.approx(0.1 * 1e-3 * 250 * 73.408)


def test_steps_and_records_count_the_last_partial_batch_and_the_last_epoch():
    run = make(batch_size=128, epochs=5, record_every=2)
    assert (run.steps_per_epoch, run.steps, run.record_epochs) == (32, 160, (0, 2, 4, 5))
    assert make(epochs=4, record_every=2).record_epochs == (0, 2, 4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lr": "1e-1"}, ["lr", "'1e-1'", "str", "1.0e-1"]),
        ({"lr": -0.1}, ["lr", "-0.1", "greater than 0"]),
        ({"lr": float("nan")}, ["lr", "nan"]),
        ({"lr": True}, ["lr", "True"]),
        ({"epochs": 0}, ["epochs", "0"]),
        ({"batch_size": 5000}, ["batch_size", "5000", "4000"]),
        ({"batch_size": 3}, ["batch_size", "3", "batch of one"]),
        ({"weight_decay": -1e-3}, ["weight_decay", "-0.001"]),
        ({"momentum": 1.0}, ["momentum", "1.0"]),
        ({"model": "mpl_bn"}, ["mpl_bn", "did you mean 'mlp_bn'"]),
        ({"dataset": "mnist5"}, ["mnist5", "mnist5k"]),
        ({"procedure": "sgdd"}, ["sgdd", "sgd"]),
        ({"wieght_decay": 0.1}, ["wieght_decay", "did you mean 'weight_decay'"]),
        ({"width": 10.5}, ["width", "10.5"]),
        ({"loss": "mse"}, ["loss", "mse", "cross_entropy", "square"]),
        ({"lr_milestones": [20, 10]}, ["lr_milestones", "ascend"]),
        ({"preprocessing": "none"}, ["preprocessing", "none", "standard"]),
        ({"classes": [1]}, ["classes"]),
        ({"n_train": 10**6}, ["n_train", "1000000"]),
        ({"lr": None}, ["lr"]),
    ],
)
def test_bad_values_get_one_sentence(changes, words):
    with pytest.raises(UserError) as error:
        make(**changes)
    message = str(error.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_missing_fields_are_named():
    with pytest.raises(UserError, match="batch_size: is missing"):
        spec.make({k: v for k, v in BASE.items() if k != "batch_size"})


def test_packs_do_not_mix_momentum():
    assert make(lr=0.2, seed=4, weight_decay=0.1).shape() == make().shape()
    assert make(momentum=0.9).shape() != make().shape()
    assert make(momentum=0.9).shape() == make(momentum=0.5).shape()
    assert make(batch_size=32).shape() != make().shape()


@pytest.mark.parametrize("model", registry.names("models"))
def test_what_is_read_from_a_models_source_is_what_python_sees(model):
    import importlib
    import inspect

    build = importlib.import_module(f"implicitbias.models.{model}").build
    parameters = inspect.signature(build).parameters.values()
    keywords = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    read = {k: a.default for k, a in models.info(model).arguments.items()}
    assert read == keywords


def test_no_model_argument_hides_a_field_of_the_run():
    own = set(spec.procedure_spec("sgd").model_fields)
    for model in registry.names("models"):
        assert not own & set(models.info(model).arguments)
