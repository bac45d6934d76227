"""Training runs under these settings of glibc's allocator and of Python's garbage collector.

ALLOCATOR holds the settings under which training runs; a process reads them when it starts. By
default glibc returns large blocks to the kernel at once and requests them again, page by page, a
step later. With these settings it keeps the blocks and asks for huge pages. docs/performance.md
says what training gains.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "67108864",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


@contextmanager
def uncollected() -> Iterator[None]:
    """Stop garbage collection in the block, for imports and for short processes."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
