"""What planning reads of a model's source is true of the model."""

import pytest
import torch

from implicitbias import models
from implicitbias.base import registry


@pytest.mark.parametrize("name", registry.names("models"))
def test_the_smallest_image_is_what_the_source_says(name):
    info = registry.model_info(name)
    arguments = {k: 2 for k in ("width", "hidden") if k in info.arguments}

    def outputs(side):
        net = models.build(name, (1, side, side), 3, **arguments).eval()
        return net(torch.zeros(2, 1, side, side))

    assert outputs(info.min_image).shape == (2, 3)
    if info.min_image > 1:
        with pytest.raises((RuntimeError, ValueError, ZeroDivisionError)):
            outputs(info.min_image - 1)
