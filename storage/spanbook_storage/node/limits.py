"""What a reader's statement may take, whatever it asks for."""

import os
import shutil
from collections.abc import Mapping

from . import vocabulary
from .config import NodeConfig
from .errors import NodeError

_MIB = 1 << 20
# Of a sort or GROUP BY that does not fit into memory; and all readers together take at most half of what is free, since
# a write that fails ends the node (disk.py).
_DISK_BYTES = 4 << 30


def reader_settings(asked: Mapping[str, str], config: NodeConfig) -> dict[str, str]:
    """The settings under which a reader's statement runs: theirs where harmless, limits never above the node's.

    Raises NodeError 72 for a limit that is no number.
    """
    settings = {name: value for name, value in asked.items() if vocabulary.is_reader_setting(name)}
    memory = config.query_memory_mb * _MIB
    disk = min(_DISK_BYTES, shutil.disk_usage(config.data).free // (2 * config.readers) + 1)  # 0 would be no limit
    for name, limit in (
        ("max_execution_time", config.query_seconds),
        ("max_memory_usage", memory),
        ("max_threads", os.cpu_count() or 1),
        ("max_bytes_before_external_group_by", memory // 2),
        ("max_bytes_before_external_sort", memory // 2),
        ("max_temporary_data_on_disk_size_for_query", disk),
    ):
        settings[name] = _at_most(name, asked.get(name, "0"), limit)
    return settings


def _at_most(name: str, asked: str, limit: int) -> str:
    try:
        wanted = float(asked)
    except ValueError:
        raise NodeError(72, "CANNOT_PARSE_NUMBER", f"`{asked}` is no value for {name}") from None
    return f"{wanted:.15g}" if 0 < wanted < limit else str(limit)
