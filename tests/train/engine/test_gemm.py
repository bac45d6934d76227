"""Products of matrices by OpenBLAS: torch's numbers, in every layout that layers come in."""

from itertools import product

import pytest
import threadpoolctl
import torch

from implicitbias.train.engine import gemm

CPU, F64 = torch.device("cpu"), torch.float64
LAYOUTS = {
    "by rows": lambda m: m.contiguous(),
    "by columns": lambda m: m.mT.contiguous().mT,
    "rows with gaps": lambda m: torch.cat([m, m], -1)[..., : m.shape[-1]],
    "the members side by side": lambda m: m.transpose(0, 1).contiguous().transpose(0, 1),
    "gaps everywhere": lambda m: torch.stack([m, m], -1)[..., 0],
    "one for all members": lambda m: m[:1].expand(*m.shape),
}


@pytest.fixture(autouse=True)
def _on(monkeypatch):
    monkeypatch.setattr(gemm, "openblas", True)
    monkeypatch.setattr(gemm, "MIN_WEIGHTS", 0)


def drawn(*shape, dtype=F64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


@pytest.mark.parametrize(("one", "other"), [*product(LAYOUTS, LAYOUTS)])
def test_products_and_gradients_are_torchs(one, other):
    a, b = LAYOUTS[one](drawn(3, 16, 5)), LAYOUTS[other](drawn(3, 5, 7))
    by, c = gemm.batched(16, F64, CPU), drawn(3, 16, 7)
    assert by.bmm is not torch.bmm
    torch.testing.assert_close(by.bmm(a, b), torch.bmm(a, b))
    torch.testing.assert_close(by.baddbmm_(c.clone(), a, b), torch.baddbmm(c, a, b))
    wanted, found = (
        torch.autograd.grad(f(x, y).pow(3).sum(), (x, y))
        for f in (torch.bmm, gemm.bmm)
        for x, y in [(a.detach().requires_grad_(), b.detach().requires_grad_())]
    )
    torch.testing.assert_close(found, wanted)


def test_nothing_is_added_to_a_copy():
    by, a, b = gemm.batched(16, F64, CPU), drawn(2, 16, 5), drawn(2, 5, 7)
    with pytest.raises(ValueError, match="do not lie row by row"):
        by.baddbmm_(torch.zeros(2, 7, 16, dtype=F64).mT, a, b)


@pytest.mark.parametrize(
    ("rows", "dtype", "device"),
    [(11, F64, CPU), (16, torch.bfloat16, CPU), (16, F64, torch.device("cuda"))],
    ids=str,
)
def test_torch_keeps_what_it_does_as_well_or_alone(rows, dtype, device, monkeypatch):
    assert gemm.batched(rows, dtype, device).bmm is torch.bmm
    monkeypatch.setattr(gemm, "openblas", False)
    assert gemm.batched(16, F64, CPU).bmm is torch.bmm


def test_a_product_under_autocast_is_in_bfloat16():
    a, b = drawn(1, 16, 5, dtype=torch.float32), drawn(1, 5, 7, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        assert gemm.bmm(a, b).dtype == torch.bfloat16
    assert gemm.bmm(a, b).dtype == torch.float32


def test_an_overflow_is_no_warning(recwarn):
    a = torch.full((1, 16, 16), 1e30)
    assert not gemm.batched(16, a.dtype, CPU).bmm(a, a).isfinite().any()
    assert not recwarn.list


HERE = {"internal_api": "openblas", "architecture": "SkylakeX", "version": "0.3.31.188.0"}
TORCHS = {"internal_api": "openmp", "version": None}
AMD = "vendor_id\t: AuthenticAMD\n"


@pytest.mark.parametrize(
    ("change", "builds", "cpuinfo", "threads", "quicker"),
    [
        ("nothing", [HERE, TORCHS], AMD, "1", True),
        ("no other processor's", [HERE], "vendor_id\t: GenuineIntel\n", "1", False),
        ("narrow kernels", [HERE, {**HERE, "architecture": "Haswell"}], AMD, "1", False),
        ("an old build", [HERE, {**HERE, "version": "0.3.29"}], AMD, "1", False),
        ("a build that says no version", [{**HERE, "version": None}], AMD, "1", False),
        ("a build of a developer", [{**HERE, "version": "0.3.31-dev"}], AMD, "1", True),
        ("no OpenBLAS", [TORCHS], AMD, "1", False),
        ("every core", [HERE], AMD, None, False),
        ("no /proc", [HERE], None, "1", False),
    ],
)
def test_openblas_is_taken_where_it_is_wider(
    change, builds, cpuinfo, threads, quicker, tmp_path, monkeypatch
):
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: builds)
    monkeypatch.setattr(gemm, "CPUINFO", tmp_path / "cpuinfo")
    if cpuinfo:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if threads:
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert gemm._openblas_is_faster() == quicker
