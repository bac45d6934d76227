"""Tests compute on one thread: so do packs, and bitwise statements are about that."""

import pytest


@pytest.fixture(autouse=True)
def _one_thread(request):
    if "engine" in str(request.path) or "procedures" in str(request.path):
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)
    else:
        yield
