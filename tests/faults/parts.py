"""An engine that cannot finish an insert: it fails where the part gets its name, after the insert's token was noted.

That is what a disk does that is full at this moment, or a kill. Files stand where the directories of parts should go.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spanbook_storage.store import Store

_INSERTS = 2000  # numbers that are barred: a table goes on counting after it was emptied
_PATH = "SELECT data_paths[1] FROM system.tables WHERE database = currentDatabase() AND name = {table:String}"


@contextlib.asynccontextmanager
async def no_room_for_parts(store: Store, table: str) -> AsyncIterator[None]:
    """Let inserts into a table of today's, or of no, partition fail; the store's data has to be on this host."""
    [[path]] = await store.query(_PATH, {"table": table})
    folder = Path(str(path))
    today = datetime.now(UTC)
    names = [
        folder / f"{partition}_{number}_{number}_{level}"
        for partition in ("all", *(f"{today + timedelta(days):%Y%m%d}" for days in range(2)))
        for number in range(1, 1 + _INSERTS)
        for level in (0, 1)  # 1 where the insert has merged its own rows
    ]
    files = [name for name in names if not name.exists()]
    for file in files:
        file.touch()
    try:
        yield
    finally:
        for file in files:
            file.unlink()
