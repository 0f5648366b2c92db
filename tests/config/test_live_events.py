"""The live protocol has two halves: what the stream sends, and what an open page listens for."""

from __future__ import annotations

import re
from pathlib import Path

from config.settings import BASE_DIR


def test_a_page_listens_for_every_event_of_the_stream_and_for_no_other() -> None:
    stream = (Path(BASE_DIR) / "config" / "live_stream.py").read_text()
    page = (Path(BASE_DIR) / "static" / "js" / "live.js").read_text()
    sent = set(re.findall(r'_event\(\s*"([\w-]+)"', stream)) | set(
        re.findall(r'_event\("hello" if [^"]* else "([\w-]+)"', stream)
    )
    heard = set(re.findall(r'stream\.addEventListener\("([\w-]+)"', page))
    assert sent == heard == {"hello", "changes", "degraded", "signed-out"}
