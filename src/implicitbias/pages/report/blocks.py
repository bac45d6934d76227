"""What the page unpacks only when it is asked for: named texts, gzip in base64."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any


def packed(data: bytes) -> str:
    """Return bytes as gzip in base64, which is equal whenever it is made."""
    return base64.b64encode(gzip.compress(data, compresslevel=9, mtime=0)).decode()


def packed_json(value: Any) -> str:
    """Return a value as compact JSON, packed; a number that JSON has no word for is an error."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return packed(text.encode())
