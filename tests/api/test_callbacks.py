"""The callbacks of Lightning and of the Hugging Face Trainer.

Against the libraries themselves where they are installed; else against loops that call the hooks
with the arguments of those libraries' own documentation.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import implicitbias
from implicitbias.base.errors import UserError

from .networks import images, steps


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.ReLU(), nn.Linear(16, 10))


def check(folder, model, epochs, last):
    """The epochs measured, and the last spectrum against numpy."""
    results = implicitbias.load(folder)
    rows = results.arrays[results.arrays["layer"].str.endswith("1")]
    assert rows["epoch"].tolist() == epochs
    s = np.linalg.svd(model[1].weight.detach().double().numpy(), compute_uv=False)
    np.testing.assert_allclose(rows["values"].iloc[-1], s, rtol=1e-6)
    assert rows["step"].iloc[-1] == last
    return results.scalars


@pytest.fixture
def fake(monkeypatch):
    """Modules that have nothing but the class that a callback inherits from."""
    for name, base in (("lightning.pytorch", "Callback"), ("transformers", "TrainerCallback")):
        module = ModuleType(name)
        setattr(module, base, type(base, (), {}))
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))


@pytest.mark.parametrize("every", [None, 2])
def test_the_hooks_of_lightning(tmp_path, fake, every):
    model, (x, y) = network(), images()
    callback = implicitbias.callbacks.lightning(
        tmp_path / "run", every_steps=every, fields={"lr": 0.1}
    )
    trainer = SimpleNamespace(current_epoch=0, global_step=0, callback_metrics={})
    callback.on_train_start(trainer, model)
    for epoch in range(3):
        trainer.current_epoch = epoch
        for batch in range(2):
            steps(model, x, y, count=1)
            trainer.global_step += 1
            callback.on_train_batch_end(trainer, model, None, (x, y), batch)
        trainer.callback_metrics = {
            "val_loss": torch.tensor(0.5),
            "table": torch.ones(3),
            "epoch": epoch,
            "step": 7,
        }
        callback.on_train_epoch_end(trainer, model)
    callback.on_train_end(trainer, model)
    scalars = check(tmp_path / "run", model, [0, 0, 1, 2] if every else [0, 1, 2, 3], 6)
    assert (scalars["quantity"] == "val_loss").sum() == 3
    assert "table" not in set(scalars["quantity"])


def test_lightning_stopped_by_an_error_keeps_what_was_measured(tmp_path, fake):
    callback = implicitbias.callbacks.lightning(tmp_path / "run")
    trainer = SimpleNamespace(current_epoch=0, global_step=0, callback_metrics={})
    model = network()
    callback.on_train_start(trainer, model)
    callback.on_exception(trainer, model, RuntimeError("stop"))
    check(tmp_path / "run", model, [0], 0)


@pytest.mark.parametrize("every", [None, 2])
def test_the_hooks_of_the_trainer(tmp_path, fake, every):
    model, (x, y) = network(), images()
    callback = implicitbias.callbacks.transformers(tmp_path / "run", every_steps=every)
    state, further = SimpleNamespace(epoch=None, global_step=0), {"tokenizer": None}
    callback.on_train_begin(None, state, None, model=model, **further)
    for epoch in range(3):
        for batch in range(2):
            steps(model, x, y, count=1)
            state.global_step += 1
            state.epoch = epoch + (batch + 1) / 2
            callback.on_step_end(None, state, None, model=model, **further)
        callback.on_epoch_end(None, state, None, model=model, **further)
        callback.on_log(
            None, state, None, logs={"loss": 0.5, "note": "x", "epoch": 0.5, "step": 7}, **further
        )
    callback.on_train_end(None, state, None, model=model, **further)
    scalars = check(tmp_path / "run", model, [0, 1, 2, 3], 6)
    assert (scalars["quantity"] == "loss").sum() == 3


def test_a_library_that_is_not_there(monkeypatch):
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    for make in (implicitbias.callbacks.lightning, implicitbias.callbacks.transformers):
        with pytest.raises(UserError, match="is not installed"):
            make("run")


def test_every_so_many_steps_is_a_number(tmp_path, fake):
    with pytest.raises(UserError, match="every_steps is at least 1"):
        implicitbias.callbacks.lightning(tmp_path, every_steps=0)


def test_in_lightning_itself(tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()

        def training_step(self, batch, _):
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("train_loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    module = Module()
    data = torch.utils.data.TensorDataset(*images())
    trainer = lightning.Trainer(
        max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, default_root_dir=tmp_path,
        callbacks=[implicitbias.callbacks.lightning(tmp_path / "run")],
    )  # fmt: skip
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=16))
    scalars = check(tmp_path / "run", module.net, [0, 1, 2, 3], 6)
    assert (scalars["quantity"] == "train_loss").sum() == 3


def test_in_the_trainer_itself(tmp_path):
    transformers = pytest.importorskip("transformers")

    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x, labels):
            outputs = self.net(x)
            return {"loss": nn.functional.cross_entropy(outputs, labels), "logits": outputs}

    module, (x, y) = Module(), images()
    rows = [{"x": a, "labels": b} for a, b in zip(x, y, strict=True)]
    arguments = transformers.TrainingArguments(
        tmp_path / "out", num_train_epochs=3, per_device_train_batch_size=16, report_to=[],
        save_strategy="no", use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    callback = implicitbias.callbacks.transformers(tmp_path / "run")
    transformers.Trainer(module, arguments, train_dataset=rows, callbacks=[callback]).train()
    check(tmp_path / "run", module.net, [0, 1, 2, 3], 6)
