"""Torn tails, flipped bits and hostile bodies: what is whole is read, what is not is set aside, nothing is invented."""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanbook_collector.queue import Queue, QueueFormat, QueueReader, inspect
from spanbook_collector.queue.damage import notes
from spanbook_collector.queue.digests import digest_of
from spanbook_collector.queue.log import Log
from spanbook_collector.queue.places import Place
from spanbook_collector.queue.records import Entry, RecordCodec, Stored
from spanbook_collector.queue.segments import DATA_START, Gap, SegmentFile, segment_numbers, segment_path
from spanbook_schemas.signals import Signal

SOAK = os.environ.get("SPANBOOK_SOAK") == "1"
FLIPS = 20_000 if SOAK else 2000
SPLICES = 5000 if SOAK else 200
FIXTURE = Path(__file__).parent / "data" / "queue-v1"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: these tests open thousands of queues and do not need the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segment of twenty records, and an empty folder `damaged` beside it."""
    directory = tmp_path_factory.mktemp("twenty")
    write(directory, bodies(20))
    (directory / "damaged").mkdir()
    return only_segment(directory)


def entry(body: bytes, tenant: str = "t") -> Entry:
    return Entry(tenant, Signal.TRACES, body, 7, digest_of(tenant, Signal.TRACES, body))


def ignore(_: Stored) -> None:
    pass


def write(directory: Path, bodies: list[bytes]) -> None:
    """Write a log of one segment, as a queue that was killed leaves it."""
    directory.mkdir(exist_ok=True)
    log = Log(directory, 1 << 20, ignore)
    for body in bodies:
        log.append([entry(body)])
    log.close()


def only_segment(directory: Path) -> Path:
    (number,) = segment_numbers(directory)
    return segment_path(directory, number)


def spans(path: Path) -> list[tuple[int, int, bytes]]:
    """Start, end and body of each record of a whole segment."""
    with SegmentFile(path) as segment:
        found = list(segment.walk(DATA_START, segment.size))
    return [(item.start, item.end, item.record.body) for item in found if isinstance(item, Stored)]


def read_all(directory: Path) -> list[tuple[int, bytes]]:
    reader = QueueReader.open(directory, "r")
    try:
        return [(record.seq, record.body) for record in reader.read(1 << 30)]
    finally:
        reader.close()


@pytest.mark.parametrize("after", ["kill", "power cut"])
def test_a_log_cut_at_any_byte_comes_up_with_every_whole_record(directory: Path, after: str) -> None:
    whole = directory / "whole"
    write(whole, [b"a" * 30, b"bb" * 20, b"", b"c" * 60])
    records = spans(only_segment(whole))
    size = only_segment(whole).stat().st_size
    for cut in [*range(0, DATA_START, 499), *range(DATA_START, size + 1)]:
        copy = directory / "copy"
        shutil.copytree(whole, copy)
        with only_segment(copy).open("r+b") as file:
            file.truncate(cut)
        if after == "power cut":
            (copy / "watermark").unlink()
        log = Log(copy, 1 << 20, ignore)
        log.append([entry(b"new")])
        log.close()
        read = read_all(copy)
        assert [body for _, body in read] == [body for _, end, body in records if end <= cut] + [b"new"], cut
        # behind everything that a reader may have seen before
        assert read[-1][0] >> 21 > segment_numbers(whole)[0]
        boundary = cut in {DATA_START, *(end for _, end, _ in records)}
        if after == "power cut":
            assert [note.kind for note in notes(copy)] == ([] if boundary or cut < DATA_START else ["torn tail"]), cut
        else:
            assert [note.kind for note in notes(copy)] == ([] if cut == size else ["damage"]), cut
        shutil.rmtree(copy)


def check_damaged(path: Path, original: list[tuple[int, int, bytes]], lost: set[int]) -> None:
    """Only true records come, in order, and every one that was not touched does."""
    by_body = {body: at for at, (_, _, body) in enumerate(original)}
    with SegmentFile(path) as segment:
        found = list(segment.walk(DATA_START, max(segment.size, original[-1][1])))
    read = [by_body[item.record.body] for item in found if isinstance(item, Stored)]
    assert read == sorted(set(read))
    assert set(range(len(original))) - lost <= set(read)
    if len(read) < len(original):
        assert any(isinstance(item, Gap) for item in found)


def bodies(count: int = 40) -> list[bytes]:
    rng = random.Random(5)
    return [b"%d:" % i + rng.randbytes(rng.choice((0, 5, 80, 700))) for i in range(count)]


def test_a_flipped_bit_loses_only_its_own_record(directory: Path) -> None:
    write(directory / "q", bodies())
    path = only_segment(directory / "q")
    original, content = spans(path), path.read_bytes()
    rng = random.Random(11)
    for _ in range(FLIPS):
        at = rng.randrange(DATA_START, len(content))
        damaged = bytearray(content)
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        check_damaged(path, original, {i for i, (start, end, _) in enumerate(original) if start <= at < end})


def test_a_flipped_bit_in_the_header_loses_nothing(directory: Path) -> None:
    write(directory / "q", bodies(3))
    path = only_segment(directory / "q")
    original, content = spans(path), path.read_bytes()
    for at in (*range(100), *range(4096, 4196)):
        damaged = bytearray(content)
        damaged[at] ^= 4
        path.write_bytes(damaged)
        assert spans(path) == original, at


def test_half_a_header_that_looks_like_a_newer_version_is_damage(directory: Path) -> None:
    write(directory / "q", bodies(3))
    path = only_segment(directory / "q")
    content = bytearray(path.read_bytes())
    content[8], content[4096:4106] = 7, bytes(10)
    path.write_bytes(content)
    with SegmentFile(path) as segment:
        assert [type(item) for item in segment.walk(DATA_START, segment.size)] == [Gap]


splices = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["zero", "cut", "insert", "repeat"]), st.integers(1, 2000)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=SPLICES, deadline=None)
@given(changes=splices, rng=st.randoms(use_true_random=False))
def test_whatever_happens_to_a_file_no_record_is_invented(
    changes: list[tuple[float, str, int]], rng: random.Random, twenty: Path
) -> None:
    original, content = spans(twenty), bytearray(twenty.read_bytes())
    for where, what, size in changes:
        at = int(where * (len(content) - 1))
        stretch = bytes(content[at : at + size])
        if what == "zero":
            content[at : at + size] = bytes(len(stretch))
        elif what == "cut":
            del content[at : at + size]
        else:
            content[at:at] = rng.randbytes(size) if what == "insert" else stretch
    path = twenty.parent / "damaged" / twenty.name
    path.write_bytes(content)
    check_damaged(path, original, set(range(len(original))))


def test_a_body_cannot_pose_as_a_record(directory: Path) -> None:
    write(directory / "q", [b"first"])
    path = only_segment(directory / "q")
    with SegmentFile(path) as segment:
        assert segment.header is not None
        real_key = segment.header.key
    for key, invented in (
        (bytes(16), 0),
        (b"SPANBOOK" * 2, 0),
        (real_key, 1),
    ):  # the last: the attack works with the key
        hostile = queue_with_embedded_record(directory / f"{key.hex()}", real_key, key)
        records = [item.record for item in hostile if isinstance(item, Stored)]
        assert len([record for record in records if record.tenant == "victim"]) == invented
        assert [record.body for record in records if record.tenant == "t"] == [b"before", b"after"]


def queue_with_embedded_record(directory: Path, file_key: bytes, forged_key: bytes) -> list[Stored | Gap]:
    """Walk a segment whose middle record is damaged and carries, in its body, a record made with `forged_key`."""
    directory.mkdir()
    codec = RecordCodec(file_key)
    number = 77
    first = number << 21
    forged = entry(b"injected", "victim")
    embedded = RecordCodec(forged_key).encode(first + 2, forged) + forged.body
    content = b""
    for index, one in enumerate((entry(b"before"), entry(b"x" * 50 + embedded + b"y" * 50), entry(b"after")), 1):
        start = len(content)
        # the forged sequence number has to fit between its neighbours
        content += codec.encode(first + (index if index < 3 else 9), one) + one.body
        if index == 2:
            content = content[: start + 9] + bytes([content[start + 9] ^ 1]) + content[start + 10 :]
    path = segment_path(directory, number)
    path.write_bytes(pack_header(number, file_key) + content)
    with SegmentFile(path) as segment:
        return list(segment.walk(DATA_START, segment.size))


def pack_header(number: int, key: bytes) -> bytes:
    from spanbook_collector.queue import segments

    return segments._pack(segments.Header(number, key, Place(0, 0, 0, 0)))


async def test_damage_between_records_is_set_aside_counted_and_passed(tmp_path: Path) -> None:
    write(tmp_path, bodies(5))
    path = only_segment(tmp_path)
    start, end, _ = spans(path)[2]
    content = bytearray(path.read_bytes())
    content[end - 1] ^= 1
    path.write_bytes(content)
    queue = Queue.open(tmp_path)
    reader = QueueReader.open(tmp_path, "r")
    read = reader.read(1 << 20)
    assert [record.body for record in read] == [body for i, body in enumerate(bodies(5)) if i != 2]
    other = QueueReader.open(tmp_path, "other")
    other.read(1 << 20)
    state = inspect(tmp_path)
    assert [(note.start, note.end, note.records) for note in state.damaged] == [(start, end, 1)]
    (kept,) = (tmp_path / "damaged").glob("*.bytes")
    assert kept.read_bytes() == content[start:end]
    reader.commit(read[-1].seq)
    assert reader.lag().records == 0
    reader.close()
    other.close()
    await queue.close()


async def test_a_reader_gets_past_a_segment_without_a_header(tmp_path: Path) -> None:
    write(tmp_path, bodies(5))
    path = only_segment(tmp_path)
    content = path.read_bytes()
    path.write_bytes(bytes(DATA_START) + content[DATA_START:])
    queue = Queue.open(tmp_path)
    reader = QueueReader.open(tmp_path, "r")
    await queue.append("t", Signal.TRACES, b"new", 1)
    assert [record.body for record in reader.read(1 << 20)] == [b"new"]
    assert [note.kind for note in inspect(tmp_path).set_aside] == ["damage"]
    reader.close()
    await queue.close()


async def test_damage_at_the_very_end_does_not_hold_the_cursor(tmp_path: Path) -> None:
    write(tmp_path, bodies(5))
    path = only_segment(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    queue = Queue.open(tmp_path)
    reader = QueueReader.open(tmp_path, "r")
    reader.commit(reader.read(1 << 20)[-1].seq)
    assert reader.lag().records == 1
    assert reader.read(1 << 20) == []
    assert reader.lag() == type(reader.lag())(0, 0, 0.0)
    assert not await reader.wait(0)
    reader.close()
    await queue.close()


def test_a_queue_of_version_1_is_read(tmp_path: Path) -> None:
    """The fixture is never made anew: it is what users of the first version have on disk."""
    copy = tmp_path / "queue"
    shutil.copytree(FIXTURE, copy)
    log = Log(copy, 1 << 20, ignore)
    log.close()
    reader = QueueReader.open(copy, "clickhouse")
    records = reader.read(1 << 20)
    assert [(r.tenant, r.signal, r.received_at, r.body) for r in records] == [
        ("", Signal.TRACES, 1_790_000_000_000_000_001, b"second"),
        ("acme", Signal.LOGS, 1_790_000_000_000_000_002, b"third"),
        ("acme", Signal.METRICS, 1_790_000_000_000_000_003, b"fourth"),
    ]
    assert reader.cursor.dropped_records == 0
    reader.close()


def test_a_newer_segment_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, [b"x"])
    path = only_segment(tmp_path)
    content = bytearray(path.read_bytes())
    for copy in (0, 4096):
        content[copy + 8] = 2
    path.write_bytes(content)
    with pytest.raises(QueueFormat, match=r"its format is 2, this Spanbook knows 1\nhint:"):
        Queue.open(tmp_path)
    with pytest.raises(QueueFormat):
        read_all(tmp_path)
    assert path.read_bytes() == content
    assert segment_numbers(tmp_path) == [int(path.name[:16])]


async def test_a_reader_ahead_of_a_damaged_end_hears_of_what_comes_later(tmp_path: Path) -> None:
    write(tmp_path, bodies(5))
    path = only_segment(tmp_path)
    reader = QueueReader.open(tmp_path, "r")
    reader.commit(reader.read(1 << 20)[-1].seq)
    reader.close()
    start = spans(path)[2][0]
    with path.open("r+b") as file:
        file.truncate(start)
    (tmp_path / "watermark").unlink()
    queue = Queue.open(tmp_path)
    reader = QueueReader.open(tmp_path, "r")
    assert reader.read(1 << 20) == []
    await queue.append("t", Signal.TRACES, b"new", 1)
    assert await reader.wait(30)
    assert [record.body for record in reader.read(1 << 20)] == [b"new"]
    assert reader.cursor.dropped_records == 0
    reader.close()
    await queue.close()
