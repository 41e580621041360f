"""An engine that cannot finish an insert: it fails where the part gets its name, after the insert's token was noted.

That is what a disk does that is full at this moment, or a kill. Files stand where the directories of parts should go.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spanbook_storage.store import Store

_INSERTS = 2000  # numbers that are barred; a table goes on counting after it was emptied
_TABLE = """
    SELECT data_paths[1], partition_key != '' FROM system.tables
    WHERE database = currentDatabase() AND name = {table:String}
"""


@contextlib.asynccontextmanager
async def no_room_for_parts(store: Store, table: str) -> AsyncIterator[None]:
    """Let inserts into a table of today's, or of no, partition fail; the store's data has to be on this host."""
    [[path, by_day]] = await store.query(_TABLE, {"table": table})
    today = datetime.now(UTC)
    partitions = [f"{today + timedelta(days):%Y%m%d}" for days in range(2)] if by_day else ["all"]
    names = [
        Path(str(path)) / f"{partition}_{number}_{number}_{level}"
        for partition in partitions
        for number in range(1, 1 + _INSERTS)
        for level in range(2)  # some tables merge the rows of an insert
    ]
    first, *others = files = [name for name in names if not name.exists()]  # nobody may insert meanwhile
    first.touch(exist_ok=False)
    for file in others:
        file.hardlink_to(first)  # as good, and twenty times as quick as a file of its own
    try:
        yield
    finally:
        for file in files:
            file.unlink()
