"""The node over real HTTP: what clients of ClickHouse send and expect."""

from spanbook_storage.node.process import NodeProcess


def test_an_unmodified_client_writes_and_reads(node: NodeProcess, database: str) -> None:
    client = node.client(database=database)
    client.command("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    client.insert("t", [[1, "x"], [2, "y"]], column_names=["a", "s"])
    client.raw_insert("t", insert_block=b'{"a":3,"s":"z"}', fmt="JSONEachRow")
    assert client.query("SELECT s FROM t WHERE a > {a:UInt64} ORDER BY a", parameters={"a": 1}).result_rows == [
        ("y",),
        ("z",),
    ]
    client.close()
