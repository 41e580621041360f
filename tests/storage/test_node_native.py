"""Native blocks for clients of a newer revision, as Go's driver (and so Grafana's plugin) reads them."""

import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest

from spanbook_storage.node.native import Revised, revised
from spanbook_storage.node.process import NodeProcess

INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
COLUMNS = [
    "toInt8(number)",
    "toUInt256(number)",
    "number / 3",
    "toString(number)",
    "repeat('x', number * 100)",
    "toFixedString('abc', 5)",
    "toDecimal32(number, 2)",
    "toDecimal128(number, 9)",
    "toDate('2026-01-01') + number",
    "toDateTime64(number, 9, 'UTC')",
    "toDateTime(number, 'Europe/Berlin')",
    "CAST(number % 2 AS Enum8('a, b' = 0, 'it\\'s (' = 1))",
    "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    "toIPv6('::1')",
    "number = 1",
    "nullIf(number, 2)",
    "nullIf(toString(number), '2')",
    "range(number)",
    "arrayMap(n -> range(n), range(number))",
    "emptyArrayString()",
    "map('k', number, 'l', 2)",
    "mapFromArrays(range(number), range(number))",
    "(number, 'x', [number])",
    "CAST((number, 'x') AS Tuple(`a b` UInt64, c String))",
    "toLowCardinality(toString(number % 3))",
    "toLowCardinality(nullIf(toString(number), '2'))",
    "arrayMap(n -> toLowCardinality(toString(n)), range(number))",
    "CAST(map('a', toString(number)) AS Map(LowCardinality(String), String))",
    "[CAST(map('a', toString(number)) AS Map(LowCardinality(String), String))]",
    "arrayMap(n -> CAST((toString(n), n) AS Tuple(LowCardinality(String), Nullable(UInt8))), range(number))",
    "toIntervalDay(number)",
    "NULL",
    "[]",
]


def native(node: NodeProcess, query: str, **options: object) -> bytes:
    url = f"{node.url}/?{urlencode({'default_format': 'Native', **options})}"
    request = urllib.request.Request(url, query.encode(), {"accept-encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert "content-encoding" not in answer.headers
        found: bytes = answer.read()
    return found


def parts(block: bytes, rows: int) -> tuple[bytes, bytes]:
    """Name and type of a block's only column, and its values."""
    assert block[:2] == bytes((1, rows))
    name = 3 + block[2]
    kind = name + 1 + block[name]
    return block[2:kind], block[kind:]


@pytest.mark.parametrize("rows", [4, 1])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_has_the_info_before_it_and_a_byte_behind_its_type(node: NodeProcess, column: str, rows: int) -> None:
    query = f"SELECT {column} AS c FROM numbers({rows})"
    head, values = parts(native(node, query), rows)
    assert native(node, query, client_protocol_version=54478) == INFO + bytes((1, rows)) + head + b"\x00" + values


def test_columns_of_all_types_stand_one_behind_the_other(node: NodeProcess) -> None:
    query = "SELECT {} FROM numbers(5)"
    expected = INFO + bytes((len(COLUMNS), 5))
    for number, column in enumerate(COLUMNS):
        head, values = parts(native(node, query.format(f"{column} AS c{number}")), 5)
        expected += head + b"\x00" + values
    every = ", ".join(f"{column} AS c{number}" for number, column in enumerate(COLUMNS))
    assert native(node, query.format(every), client_protocol_version=54478) == expected


def test_large_results_come_in_blocks_and_keep_all_values(node: NodeProcess) -> None:
    query = "SELECT number, toString(number) FROM numbers(300000)"
    found = native(node, query, client_protocol_version=54478)
    plain = native(node, query)
    assert found == revised(plain)[0]
    assert revised(plain)[1] == len(plain)
    assert len(found) > len(plain)


def test_clients_that_say_no_revision_get_the_engine_s_own_blocks(node: NodeProcess) -> None:
    assert native(node, "SELECT 1 AS c") == b"\x01\x01\x01c\x05UInt8\x01"


def test_a_type_that_cannot_be_walked_is_refused_with_a_way_out(node: NodeProcess) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        native(node, "SELECT uniqState(number) AS c FROM numbers(2)", client_protocol_version=54478)
    with caught.value as refusal:
        assert "toString" in refusal.read().decode()


async def test_blocks_may_come_in_any_pieces(node: NodeProcess) -> None:
    plain = native(node, f"SELECT {', '.join(f'{column} AS c{n}' for n, column in enumerate(COLUMNS))} FROM numbers(3)")
    plain += native(node, "SELECT 'second block' AS c")

    class Bytewise:
        def __init__(self) -> None:
            self.left = [plain[at : at + 1] for at in range(len(plain))]

        async def read(self) -> bytes:
            return self.left.pop(0) if self.left else b""

    reader, found = Revised(Bytewise()), b""
    while piece := await reader.read():
        found += piece
    assert found == revised(plain)[0]
    assert found.count(INFO) == 2
