"""What a reader may say: functions, tables and settings that stay in the database.

Names of functions are reviewed one by one (`functions.txt`): a new version of the engine may bring one that reads files
or opens connections, and what nobody has looked at is refused.
"""

from functools import cache
from importlib.resources import files

# Reach outside: files, network, dictionaries with sources of their own, the machine and its configuration, other
# people's time. Views of ours may use any of them: a view's text is not judged, its reader's is.
_REFUSED_FUNCTIONS = frozenset(
    """
    addressToLine addressToLineWithInlines addressToSymbol buildId file filesystemAvailable
    filesystemCapacity filesystemUnreserved FQDN fullHostName generateSerialID getClientHTTPHeader getMacro
    getOSKernelVersion getServerPort getServerSetting hasColumnInTable hasThreadFuzzer hostName hostname joinGet
    joinGetOrNull logTrace naiveBayesClassifier naiveBayesClassifierWithAllProbs naiveBayesClassifierWithProb
    serverUUID showCertificate sleep sleepEachRow tcpPort tid zookeeperSessionUptime
    """.lower().split()
)
_REFUSED_PREFIXES = ("__", "ai", "dict", "region")

# Tables that come out of a function; names that the engine does not know are parameterised views.
TABLE_FUNCTIONS = frozenset(
    """
    generaterandom generateseries generate_series null numbers numbers_mt primes sqlstandardvalues values
    view
    """.split()  # noqa: SIM905
)

# Rows of these are told by the database that they speak of.
FILTERED_SYSTEM_TABLES = {
    "columns": "database",
    "constraints": "database",
    "data_skipping_indices": "database",
    "databases": "name",
    "dictionaries": "database",
    "parts": "database",
    "parts_columns": "database",
    "projections": "database",
    "tables": "database",
}
# Tables of ours that hold what all tenants use, names of models among it. Views join to them from a tenant's own rows,
# so filters cannot hide them: a reader with a tenant may not name them.
KEYLESS_TABLES = frozenset(
    ("call_prices", "derivation_state", "dirty_traces", "model_aliases", "priced_models", "schema_migrations")
)
# Sizes of everybody's rows.
KEYLESS_SYSTEM_TABLES = frozenset(("parts", "parts_columns"))
OPEN_SYSTEM_TABLES = frozenset(
    """
    aggregate_function_combinators codecs collations contributors data_skipping_index_types
    data_type_families formats functions keywords licenses merge_tree_settings numbers numbers_mt one primes
    settings table_engines table_functions time_zones tokenizers unicode zeros zeros_mt
    """.split()  # noqa: SIM905
)

# Settings that change what a result looks like or how it is found. All others are dropped.
_SETTINGS = frozenset(
    """
    any_join_distinct_right_table_keys cast_keep_nullable count_distinct_implementation
    describe_compact_output describe_include_subcolumns empty_result_for_aggregation_by_empty_set extremes
    final group_by_overflow_mode group_by_use_nulls join_algorithm join_any_take_last_row
    join_default_strictness join_overflow_mode join_use_nulls limit max_block_size max_bytes_in_join
    max_bytes_in_set max_bytes_to_read max_columns_to_read max_rows_in_join max_rows_in_set
    max_rows_to_group_by max_rows_to_read max_rows_to_sort offset prefer_column_name_to_alias
    read_overflow_mode result_overflow_mode session_timezone set_overflow_mode sort_overflow_mode
    timeout_overflow_mode transform_null_in union_default_mode date_time_input_format
    date_time_output_format
    """.split()  # noqa: SIM905
)
# These write a file and name a server.
_REFUSED_SETTINGS = frozenset(("output_format_schema", "output_format_avro_confluent_subject"))
_SETTING_PREFIXES = ("output_format_", "format_csv_", "format_tsv_", "format_json_")


def is_refused_function(name: str) -> bool:
    """Whether a function of the engine reaches outside the database; case does not matter to some."""
    lower = name.lower()
    return lower in _REFUSED_FUNCTIONS or lower.startswith(_REFUSED_PREFIXES)


@cache
def reviewed_functions() -> frozenset[str]:
    """Functions of the engine that somebody has looked at and found to stay inside, in lower case."""
    lines = files(__name__.rpartition(".")[0]).joinpath("functions.txt").read_text().splitlines()
    return frozenset(line.lower() for line in lines if line and not line.startswith("#"))


def is_reader_setting(name: str) -> bool:
    """Whether a reader may change a setting (limits are clamped elsewhere)."""
    return name in _SETTINGS or (name.startswith(_SETTING_PREFIXES) and name not in _REFUSED_SETTINGS)
