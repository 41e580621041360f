"""Dead letters that somebody else has touched: one that cannot be read holds up no other."""

import asyncio
from pathlib import Path

import pytest

from spanbook_collector.dead_letters import DeadLetter, DeadLetters
from spanbook_collector.exporters.resending import resend
from spanbook_collector.queue import Record
from spanbook_schemas.signals import Signal


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"{}", b'{"signal": "smells"}', b"\xff"])
async def test_a_note_that_cannot_be_read_holds_up_no_other_letter(tmp_path: Path, content: bytes) -> None:
    letters = DeadLetters(tmp_path)
    letters.again.put(Record(2, "", Signal.LOGS, 1, b"body"), "why")
    broken = letters.again.folder / f"{1:020d}.json"
    broken.write_bytes(content)
    stop, delivered = asyncio.Event(), list[bytes]()

    async def deliver(_: DeadLetter, body: bytes) -> str:
        delivered.append(body)
        stop.set()
        return ""

    await asyncio.wait_for(resend(letters, deliver, stop), 30)
    assert delivered == [b"body"]
    assert broken.exists()
