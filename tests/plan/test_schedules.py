"""Schedules against torch's own and a closed form."""

import math

import pytest
import torch

from implicitbias.plan.schedules import multiplier


@pytest.mark.parametrize("milestones", [(), (3,), (2, 5, 6)])
def test_steps_are_those_of_torch_stepped_at_the_start_of_each_epoch(milestones):
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimiser, [*milestones], gamma=0.3)
    for epoch in range(8):
        optimiser.step()
        scheduler.step()
        found = multiplier(epoch, 8, milestones, 0.3)
        assert found == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12)


def test_cosine_halves_at_the_middle_and_is_symmetric():
    rates = [multiplier(e, 12, schedule="cosine") for e in range(13)]
    assert rates[0] == 1
    assert rates[12] == 0
    assert rates[6] == pytest.approx(0.5)
    assert rates[4] == pytest.approx(math.cos(math.pi / 6) ** 2)
    assert all(a + b == pytest.approx(1) for a, b in zip(rates, rates[::-1], strict=True))
