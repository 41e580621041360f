"""What a node is told at start, and the engine configuration that comes of it.

Everything that keeps the node small and its inserts safe is said here once, for the whole engine, so that the `.sql`
files stay plain and say only what rows are.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MIB = 1 << 20


@dataclass(frozen=True)
class NodeConfig:
    """One embedded node."""

    data: Path  # the engine's directory; made when missing
    host: str = "127.0.0.1"
    port: int = 8123  # 0 takes a free one
    secret: str = ""  # password of user `spanbook`, who writes; "" lets nobody write
    database: str = "spanbook"  # made at start; readers see it and those named `<database>_…`
    keys: Path | None = None  # API keys; where the file exists, readers need one
    insecure: bool = False  # listen beyond loopback without keys
    allowed_hosts: tuple[str, ...] = ()  # further names under which the node is asked (Host header)
    readers: int = 4  # statements of readers that run at once
    queued_readers: int = 64  # that wait for their turn; more are answered 202 TOO_MANY_SIMULTANEOUS_QUERIES
    writers: int = 4  # statements of the writer that run at once
    memory_mb: int = 880  # what the engine may hold; the process stays some 550 MB above, most of it the library's code
    query_memory_mb: int = 600  # one reader's statement
    query_seconds: int = 60  # one reader's statement
    with_parent: bool = False  # stop when stdin closes, as it does when the process that started us ends

    def __post_init__(self) -> None:
        """Raises ValueError for what would be unsafe or could not work."""
        if not _DATABASE.fullmatch(self.database):
            raise ValueError(f"`{self.database}` is no plain database name")
        closed = self.keys is not None and self.keys.exists()
        if not (closed or self.insecure or _is_loopback(self.host)):
            hint = "hint: make keys and name their file with `--keys`, or say `--insecure`"
            raise ValueError(f"`{self.host}` is no loopback address, and readers need no key\n{hint}")

    def owns(self, database: str) -> bool:
        """Whether readers may look into this database."""
        return database == self.database or database.startswith(f"{self.database}_")


def engine_xml(config: NodeConfig) -> str:
    """The engine's configuration file."""
    data = escape(str(config.data))
    return f"""<clickhouse>
    <!-- What the engine may hold, and caches that fit into it. -->
    <max_server_memory_usage>{config.memory_mb * _MIB}</max_server_memory_usage>
    <mark_cache_size>{64 * _MIB}</mark_cache_size>
    <index_mark_cache_size>{32 * _MIB}</index_mark_cache_size>
    <primary_index_cache_size>{64 * _MIB}</primary_index_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <mmap_cache_size>100</mmap_cache_size>
    <query_condition_cache_size>{16 * _MIB}</query_condition_cache_size>
    <compiled_expression_cache_size>{16 * _MIB}</compiled_expression_cache_size>
    <!-- Merges share two cores with inserts and readers. -->
    <background_pool_size>2</background_pool_size>
    <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <background_common_pool_size>2</background_common_pool_size>
    <background_move_pool_size>1</background_move_pool_size>
    <background_fetches_pool_size>1</background_fetches_pool_size>
    <tables_loader_foreground_pool_size>2</tables_loader_foreground_pool_size>
    <tables_loader_background_pool_size>2</tables_loader_background_pool_size>
    <!-- Clients ask for it when they connect, and without it hear the machine's name. -->
    <display_name>spanbook</display_name>
    <tmp_path>{data}/tmp/</tmp_path>
    <!-- Content packed hard costs a merge more than all the rest, and a young part is merged again soon. -->
    <compression>
        <case>
            <min_part_size>{128 * _MIB}</min_part_size>
            <min_part_size_ratio>0</min_part_size_ratio>
            <method>zstd</method>
            <level>3</level>
        </case>
    </compression>
    <backups><allowed_path>{data}/backups/</allowed_path></backups>
    <merge_tree>
        <!-- disk.py sees that a part is on the disk. Until then there is what it was made of: rows in the queue, or the
             sources of a merge, which stay for eight minutes. -->
        <!-- A start that sets torn parts aside is right, however many they are: torn merges are large. -->
        <max_suspicious_broken_parts>1000000</max_suspicious_broken_parts>
        <max_suspicious_broken_parts_bytes>{1 << 50}</max_suspicious_broken_parts_bytes>
        <old_parts_lifetime>480</old_parts_lifetime>
        <!-- Ten parts into one: half as many merges over a row's life as by five, for a few more parts to read.
             otel_traces has a base of its own. -->
        <merge_selector_base>10</merge_selector_base>
        <!-- Of every part that is merged so much is in memory. -->
        <merge_max_block_size_bytes>{4 * _MIB}</merge_max_block_size_bytes>
        <!-- Half a million spans. To merge larger parts takes two cores minutes, and memory that no limit counts:
             2.6 GB with parts of 2 GiB. It gains little, for each holds a stretch of time of its own. -->
        <max_bytes_to_merge_at_max_space_in_pool>{512 * _MIB}</max_bytes_to_merge_at_max_space_in_pool>
        <!-- What is left of an hour that is over is put together up to that size, whatever the selector thinks of it:
             readers look into every part, and small ones are packed for speed. -->
        <min_age_to_force_merge_seconds>3600</min_age_to_force_merge_seconds>
        <!-- What the words of one text index may take until they go to a temporary file. The engine's own limit is
             1 GiB, and every merge builds two. -->
        <text_index_max_memory_usage_before_flush>{64 * _MIB}</text_index_max_memory_usage_before_flush>
        <!-- The engine wants twice the free threads of its pool before it mutates or merges large parts. -->
        <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    </merge_tree>
</clickhouse>
"""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
