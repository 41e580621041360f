"""From the queue into a real ClickHouse: poison, repetition, dead letters, and what an unclean stop took."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from faults.parts import no_room_for_parts
from spanbook_collector import metrics
from spanbook_collector.config import WriterSettings
from spanbook_collector.dead_letters import DeadLetters
from spanbook_collector.exporters import clickhouse
from spanbook_collector.exporters.clickhouse import ClickHouseExporter
from spanbook_collector.exporters.resending import resend
from spanbook_collector.processors.check import Checked, check
from spanbook_collector.processors.stamp import stamp
from spanbook_collector.queue import Batch, Journal, Limits, Queue, QueueReader, Record, journal
from spanbook_schemas.signals import Signal
from spanbook_storage.errors import Retryable
from spanbook_storage.node.process import NodeProcess
from spanbook_storage.store import Store, open_store

# A resource with a scope that is no protobuf: neither flatten nor stamp look that deep, ClickHouse does.
POISON = b"\x0a\x04\x12\x02\xff\xff"
UNWALKABLE = b"\x0a\x02\xf3\x01"  # a group where a field of a resource should be
SETTINGS = WriterSettings(batch_seconds=0.05)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path_factory.mktemp("node")) as process:
        yield process


@pytest.fixture
async def store(node: NodeProcess) -> AsyncIterator[Store]:
    opened = await open_store(node.dsn)
    await opened.migrate()
    await opened.command("TRUNCATE TABLE otel_traces")
    yield opened
    await opened.close()


class Delivery:
    """A queue with an exporter, which can be stopped and started again as a process would be."""

    def __init__(self, directory: Path, store: Store, settings: WriterSettings = SETTINGS) -> None:
        self.directory, self.store, self.settings = directory, store, settings
        self.letters = DeadLetters(directory / "dead-letters")
        self.reader: QueueReader
        self.unfinished: Callable[[], list[Batch]]

    async def put(self, *bodies: bytes) -> None:
        QueueReader.open(self.directory, "clickhouse").close()
        async with self.receiving() as put:
            await put(*bodies)

    @contextlib.asynccontextmanager
    async def receiving(self) -> AsyncIterator[Callable[..., Awaitable[None]]]:
        queue = Queue.open(self.directory, Limits(min_free_bytes=0))

        async def put(*bodies: bytes) -> None:
            await asyncio.gather(*(queue.append("", Signal.TRACES, body, time.time_ns()) for body in bodies))

        yield put
        await queue.close()

    @contextlib.asynccontextmanager
    async def running(self, *, clean: bool = True) -> AsyncIterator[ClickHouseExporter]:
        stop = asyncio.Event()
        self.reader = QueueReader.open(self.directory, "clickhouse")
        opened = Journal.open(self.directory)
        self.unfinished = opened.unfinished
        exporter = ClickHouseExporter(self.reader, opened, self.store, self.letters, self.settings)
        if opened.unclean_host_stop:
            await exporter.reconcile(stop)
        tasks = [asyncio.create_task(exporter.run(stop))]
        tasks.append(asyncio.create_task(resend(self.letters, exporter.deliver_again, stop)))
        try:
            yield exporter
        finally:
            stop.set()
            await asyncio.gather(*tasks)
            opened.close(clean=clean)
            self.reader.close()

    async def drained(self) -> None:
        await until(lambda: not self.reader.lag().records)

    async def names(self) -> list[str]:
        rows = await self.store.query("SELECT SpanName FROM otel_traces ORDER BY SpanName")
        return [str(name) for (name,) in rows]


@pytest.fixture
def delivery(tmp_path: Path, store: Store) -> Delivery:
    return Delivery(tmp_path, store)


def request(*names: str) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number, name in enumerate(names, 1):
        now = time.time_ns()
        scope.spans.add(
            trace_id=name.encode().ljust(16, b".")[:16],
            span_id=number.to_bytes(8, "big"),
            name=name,
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1,
        )
    return message.SerializeToString()


async def until(done: Callable[[], bool]) -> None:
    """Wait for what another task or process brings about."""
    async with asyncio.timeout(60):
        while not done():  # noqa: ASYNC110 - there is no event across processes
            await asyncio.sleep(0.02)


async def until_stored(delivery: Delivery, spans: int) -> None:
    async with asyncio.timeout(60):
        while len(await delivery.names()) < spans:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_request_that_clickhouse_refuses_is_set_aside_alone(delivery: Delivery) -> None:
    await delivery.put(request("a"), request("b"), POISON, request("c", "d"), request("e"))
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "b", "c", "d", "e"]
    [letter] = delivery.letters.all()
    assert delivery.letters.body(letter) == POISON
    assert "DB::Exception" in letter.reason


async def test_a_request_that_cannot_be_prepared_holds_up_nobody(delivery: Delivery) -> None:
    await delivery.put(request("a"), UNWALKABLE, request("b"))
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "b"]
    [letter] = delivery.letters.all()
    assert delivery.letters.body(letter) == UNWALKABLE


async def test_a_dead_letter_is_sent_again_when_somebody_asks(delivery: Delivery) -> None:
    await delivery.put(POISON)
    async with delivery.running():
        await delivery.drained()
        [letter] = delivery.letters.all()
        delivery.letters.move(letter, delivery.letters.again, letter.reason)
        await until(lambda: not delivery.letters.again.count())
    [again] = delivery.letters.all()  # refused again, and still there
    assert again.seq == letter.seq


async def test_a_batch_under_way_at_a_crash_is_repeated_and_there_once(delivery: Delivery) -> None:
    await delivery.put(request("a"), request("b"))
    async with delivery.running():
        await delivery.drained()
    await delivery.put(request("c"))
    reader = QueueReader.open(delivery.directory, "clickhouse")
    opened = Journal.open(delivery.directory)
    work = ClickHouseExporter(reader, opened, delivery.store, delivery.letters, SETTINGS)
    stop = asyncio.Event()
    running = asyncio.create_task(work.run(stop))
    await until_stored(delivery, 3)  # the process dies before it notes that
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    opened.close()
    reader.close()
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "b", "c"]


@pytest.mark.parametrize("lost", ["SpanName = 'b'", "1"], ids=["a row", "everything"])
async def test_what_the_store_lost_in_a_power_cut_is_written_anew(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    await delivery.put(request("a", "b"), request("c"))
    async with delivery.running(clean=False):
        await delivery.drained()
    await delivery.store.command(f"DELETE FROM otel_traces WHERE {lost}")
    boot_anew(delivery, monkeypatch)
    async with delivery.running():
        await until_stored(delivery, 3)
    assert await delivery.names() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("lost", "left"),
    [("0", ["a", "c", "damaged"]), ("SpanName != 'damaged'", ["a", "c", "damaged"]), ("1", ["a", "c"])],
    ids=["nothing", "rows that the queue holds", "everything"],
)
async def test_what_the_queue_has_lost_is_not_deleted_from_the_store(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch, lost: str, left: list[str]
) -> None:
    await delivery.put(request("a"), request("damaged"), request("c"))
    async with delivery.running(clean=False):
        await delivery.drained()
    [segment, *_] = sorted(delivery.directory.glob("*.segment"))
    segment.write_bytes(segment.read_bytes().replace(b"damaged", b"demaged"))
    await delivery.store.command(f"DELETE FROM otel_traces WHERE {lost}")
    boot_anew(delivery, monkeypatch)
    async with delivery.running():
        await until(lambda: not delivery.unfinished())
    assert await delivery.names() == left


async def test_requests_that_cannot_be_counted_are_written_anew(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError

    await delivery.put(request("a"), request("b"))
    async with delivery.running(clean=False):
        await delivery.drained()
    await delivery.store.command("TRUNCATE TABLE otel_traces")
    boot_anew(delivery, monkeypatch)
    monkeypatch.setattr(clickhouse, "check", fails)
    async with delivery.running():
        await until_stored(delivery, 2)
    assert await delivery.names() == ["a", "b"]


async def test_others_have_their_turn_between_requests_that_are_compared(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = 0
    seen = []

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def counted(signal: Signal, body: bytes) -> Checked:
        seen.append(turns)
        return check(signal, body)

    await delivery.put(*(request(f"{number}") for number in range(5)))
    async with delivery.running(clean=False):
        await delivery.drained()
    boot_anew(delivery, monkeypatch)
    monkeypatch.setattr(clickhouse, "check", counted)
    other = asyncio.create_task(take_turns())
    async with delivery.running():
        other.cancel()
    assert len(seen) == 5
    assert seen == sorted(set(seen))


def boot_anew(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next start find that the host was started since."""
    boot_id = delivery.directory / "boot_id"
    boot_id.write_text("another\n")
    monkeypatch.setattr(journal, "_BOOT_ID", boot_id)


async def test_what_a_failing_view_has_left_is_not_there_twice(delivery: Delivery) -> None:
    fails = "SELECT if(SpanName = 'bad', toUInt64(SpanName), 0) AS a FROM otel_traces"
    await delivery.store.command("CREATE TABLE picky (a UInt64) ENGINE = MergeTree ORDER BY a")
    await delivery.store.command(f"CREATE MATERIALIZED VIEW picky_view TO picky AS {fails}")
    try:
        await delivery.put(request("a"), request("b"), request("bad"), request("c"), request("d"))
        async with delivery.running():
            await delivery.drained()
    finally:
        await delivery.store.command("DROP TABLE picky_view")
        await delivery.store.command("DROP TABLE picky")
    assert await delivery.names() == ["a", "b", "c", "d"]
    [letter] = delivery.letters.all()
    assert b"bad" in delivery.letters.body(letter)


@pytest.fixture
async def picky(store: Store) -> AsyncIterator[None]:
    """A view that says SYNTAX_ERROR of a span with the name `)`: a code that a broken view has as well."""
    await store.command("CREATE TABLE picky (a String) ENGINE = MergeTree ORDER BY a")
    sql = "SELECT formatQuery(concat('SELECT 1 AS x', SpanName::String)) AS a FROM otel_traces"
    await store.command(f"CREATE MATERIALIZED VIEW picky_view TO picky AS {sql}")
    yield
    await store.command("DROP TABLE IF EXISTS picky_view")
    await store.command("DROP TABLE IF EXISTS picky")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses in which nothing can happen that a test waits for."""
    for name in ("SHORTEST_PAUSE", "LONGEST_PAUSE", "PAUSE_FOR_OPERATOR"):
        monkeypatch.setattr(clickhouse, name, 0.02)


@pytest.mark.usefixtures("picky", "hasty")
async def test_a_request_that_others_of_its_batch_survive_is_set_aside(delivery: Delivery) -> None:
    await delivery.put(request("a"), request(")"), request("b"), request("c"))
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "b", "c"]
    [letter] = delivery.letters.all()
    assert "SYNTAX_ERROR" in letter.reason


@pytest.mark.usefixtures("picky", "hasty")
async def test_a_request_that_came_alone_is_set_aside_when_the_next_is_stored(delivery: Delivery) -> None:
    async with delivery.receiving() as put, delivery.running() as exporter:
        await put(request(")"))
        await until(lambda: exporter.in_doubt == 1)
        assert not delivery.letters.count()
        await put(request("a"))
        await delivery.drained()
    assert await delivery.names() == ["a"]
    assert delivery.letters.count() == 1


@pytest.mark.usefixtures("picky", "hasty")
async def test_requests_that_a_broken_store_refuses_wait_until_it_is_mended(delivery: Delivery) -> None:
    await delivery.store.command("DROP TABLE picky_view")
    broken = "SELECT formatQuery(concat('SELECT ', SpanName::String, ')')) AS a FROM otel_traces"
    await delivery.store.command(f"CREATE MATERIALIZED VIEW picky_view TO picky AS {broken}")
    await delivery.put(request("a"), request("b"), request("c"))
    async with delivery.running() as exporter:
        await until(lambda: exporter.in_doubt == 3)
        await delivery.store.command("DROP TABLE picky_view")
        await delivery.drained()
    assert await delivery.names() == ["a", "b", "c"]
    assert not delivery.letters.count()


@pytest.mark.usefixtures("hasty")
async def test_a_mistake_of_the_operator_holds_everything_however_long(delivery: Delivery) -> None:
    await delivery.store.command("RENAME TABLE landing_traces TO elsewhere")
    refused = metrics.INSERT_FAILURES.labels("Misconfigured")
    before = refused._value.get()
    await delivery.put(request("a"), request("b"))
    async with delivery.running() as exporter:
        await until(lambda: refused._value.get() > before + 20)
        assert not exporter.in_doubt
        await delivery.store.command("RENAME TABLE elsewhere TO landing_traces")
        await delivery.drained()
    assert await delivery.names() == ["a", "b"]
    assert not delivery.letters.count()


async def test_halves_that_a_crash_left_under_way_are_there_once(delivery: Delivery) -> None:
    await delivery.put(request("a"), request("b"))
    reader = QueueReader.open(delivery.directory, "clickhouse")
    first, second = reader.read(1 << 20)
    opened = Journal.open(delivery.directory)
    batch = Batch(Signal.TRACES, first.seq, second.seq)
    halves = [Batch(Signal.TRACES, one.seq, one.seq, epoch=1) for one in (first, second)]
    opened.begin(batch)
    await _stored(delivery, [first, second], batch)  # in part: a view behind has failed
    opened.split(batch, halves)
    opened.close()  # killed before it could take that back
    reader.close()
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "b"]


async def test_a_batch_whose_token_a_power_cut_took_is_there_once(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    await delivery.put(request("a"), request("b"))
    reader = QueueReader.open(delivery.directory, "clickhouse")
    first, second = reader.read(1 << 20)
    opened = Journal.open(delivery.directory)
    batch = Batch(Signal.TRACES, first.seq, second.seq)
    opened.begin(batch)
    await _stored(delivery, [first, second], dataclasses.replace(batch, epoch=7))  # rows without the batch's token
    opened.close()
    reader.close()
    boot_anew(delivery, monkeypatch)
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "b"]


@pytest.fixture
def refusals() -> Callable[[], float]:
    """How many inserts the store has refused since, for a while."""
    refused = metrics.INSERT_FAILURES.labels("Retryable")
    before = refused._value.get()
    return lambda: refused._value.get() - before


@pytest.mark.usefixtures("hasty")
async def test_a_token_that_was_noted_without_its_rows_is_not_believed(
    delivery: Delivery, refusals: Callable[[], float]
) -> None:
    async with delivery.running():
        async with no_room_for_parts(delivery.store, "otel_traces"), delivery.receiving() as put:
            await put(request("a"))
            await until(lambda: refusals() > 0)
        await delivery.drained()
    assert await delivery.names() == ["a"]


@pytest.mark.usefixtures("hasty")
async def test_a_token_of_an_earlier_life_is_not_believed(delivery: Delivery, refusals: Callable[[], float]) -> None:
    await delivery.put(request("a"), request("b"))
    async with no_room_for_parts(delivery.store, "otel_traces"), delivery.running():
        await until(lambda: refusals() > 0)
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "b"]


@pytest.mark.usefixtures("hasty")
async def test_a_dead_letter_is_stored_though_its_token_was_noted_without_rows(
    delivery: Delivery, refusals: Callable[[], float]
) -> None:
    delivery.letters.again.put(Record(7, "", Signal.TRACES, time.time_ns(), request("a")), "refused")
    await delivery.put()
    async with contextlib.AsyncExitStack() as barred:
        await barred.enter_async_context(no_room_for_parts(delivery.store, "otel_traces"))
        async with delivery.running():
            await until(lambda: refusals() > 0)
            await barred.aclose()
            await until(lambda: not delivery.letters.again.count())
    assert await delivery.names() == ["a"]
    assert not delivery.letters.count()


@pytest.mark.usefixtures("hasty")
async def test_what_the_queue_still_holds_of_a_batch_is_stored_though_its_token_was_noted_without_rows(
    delivery: Delivery, refusals: Callable[[], float]
) -> None:
    await delivery.put(request("a"), request("damaged"), request("c"))
    async with no_room_for_parts(delivery.store, "otel_traces"), delivery.running():
        await until(lambda: refusals() > 0)
    [segment, *_] = sorted(delivery.directory.glob("*.segment"))
    segment.write_bytes(segment.read_bytes().replace(b"damaged", b"demaged"))
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "c"]


class SlowStore:
    """A store that is never done in time: only a repeated insert, whose token it knows, is answered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.tokens: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def insert(self, signal: Signal, pieces: list[bytes], token: str) -> None:
        await self._store.insert(signal, pieces, token)
        if token not in self.tokens:
            self.tokens.append(token)
            raise Retryable("no answer in time")


@pytest.mark.usefixtures("hasty")
async def test_a_slow_store_is_believed_when_all_rows_are_there(tmp_path: Path, store: Store) -> None:
    slow = SlowStore(store)
    delivery = Delivery(tmp_path, cast("Store", slow))
    await delivery.put(request("a"), request("b", "c"))
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "b", "c"]
    assert len(slow.tokens) == 2


class WatchedStore:
    """A store that notes which inserts were under way together, by their bytes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._now: list[int] = []
        self.together: set[tuple[int, ...]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def insert(self, signal: Signal, pieces: list[bytes], token: str) -> None:
        size = sum(map(len, pieces))
        self._now.append(size)
        self.together.add(tuple(sorted(self._now)))
        try:
            await self._store.insert(signal, pieces, token)
        finally:
            self._now.remove(size)


async def test_while_a_request_larger_than_a_batch_is_stored_nothing_else_is(tmp_path: Path, store: Store) -> None:
    watched = WatchedStore(store)
    settings = WriterSettings(batch_seconds=0.05, batch_bytes=1000, concurrency=3)
    delivery = Delivery(tmp_path, cast("Store", watched), settings)
    large = 100_000
    await delivery.put(*(request(f"{number}") for number in range(100)), request("x" * large), request("y" * 2 * large))
    await delivery.put(*(request(f"{number}") for number in range(100, 200)))
    async with delivery.running():
        await delivery.drained()
    assert len(await delivery.names()) == 202
    assert max(map(len, watched.together)) > 1
    assert [len(one) for one in watched.together if max(one) > large] == [1, 1]


async def test_a_batch_that_the_journal_has_lost_is_stored_all_the_same(delivery: Delivery) -> None:
    await delivery.put(request("a"), request("b"), request("c"))
    reader = QueueReader.open(delivery.directory, "clickhouse")
    opened = Journal.open(delivery.directory)
    for one in reader.read(1 << 20):
        opened.begin(Batch(Signal.TRACES, one.seq, one.seq))
    opened.close()
    reader.close()
    file = delivery.directory / "journals" / "clickhouse.journal"
    version, first, second, third = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(version + first + second.replace(b"begin", b"bemin") + third)
    async with delivery.running():
        await delivery.drained()
    assert await delivery.names() == ["a", "b", "c"]


async def _stored(delivery: Delivery, records: Sequence[Record], batch: Batch) -> None:
    pieces = [stamp(one.signal, one.body, one.tenant, one.received_at, batch.first) for one in records]
    await delivery.store.insert(batch.signal, pieces, batch.token)
