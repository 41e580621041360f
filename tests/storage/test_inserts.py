"""Where the derivation is among inserts: nothing is left out, whatever clocks, commits and merges do."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from spanbook_storage.inserts import OVERLAP_MS, Block, Insert, Place


@dataclass
class Table:
    """Parts of a table, as a store would tell of them."""

    now: int = 10 * OVERLAP_MS
    parts: dict[str, tuple[int, dict[Block, int]]] = field(default_factory=dict)  # when made, and what is in it
    made: int = 0

    def insert(self, took: int) -> Block:
        """Commit what was begun so long ago."""
        self.made += 1
        block = (f"day {self.made % 2}", self.made)
        self.parts[f"{self.made}_0"] = (self.now, {block: self.now - took})
        return block

    def merge(self) -> None:
        self.made += 1
        inside = {block: time for _, blocks in self.parts.values() for block, time in blocks.items()}
        self.parts = {f"{self.made}_1": (self.now, inside)} if inside else {}

    def listed(self, place: Place) -> list[Insert]:
        since = min(place.since, self.now - OVERLAP_MS)
        return [
            Insert(part, block, time, 1, self.now)
            for part, (made, blocks) in self.parts.items()
            if made >= since and part not in place.read
            for block, time in blocks.items()
            if time >= since
        ]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(0, OVERLAP_MS)),
        st.tuples(st.just("pass"), st.integers(0, OVERLAP_MS // 2)),
        st.tuples(st.just("merge"), st.just(0)),
        st.tuples(st.just("look"), st.just(0)),
        st.tuples(st.just("fail"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("back"), st.integers(0, 4 * OVERLAP_MS)),
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=500)  # there is no store in it
def test_every_insert_is_found_and_only_once_while_the_clock_goes_on(steps: list[tuple[str, int]]) -> None:
    table, place = Table(), Place()
    inserted: set[Block] = set()
    found: list[Block] = []
    went_back = restarted = False
    for step, amount in [*steps, ("look", 0)]:
        match step:
            case "insert":
                inserted.add(table.insert(amount))
            case "pass":
                table.now += amount
            case "merge":
                table.merge()
            case "fail":
                place.undone(table.listed(place))
            case "restart":
                place = Place.of(place.since, place.done)
                restarted = True
            case "back":
                table.now, went_back = table.now - amount, True
            case _:
                undone = place.undone(table.listed(place))
                found += [insert.block for insert in undone]
                place.pass_by(undone)
    assert set(found) == inserted
    table.merge()
    assert place.undone(table.listed(place)) == []
    assert went_back or restarted or len(found) == len(inserted)


def test_what_was_done_is_known_by_name_after_a_restart() -> None:
    table, place = Table(), Place()
    for _ in range(3):
        table.insert(1000)
    place.pass_by(place.undone(table.listed(place)))
    again = Place.of(place.since, sorted(place.done))
    assert again.undone(table.listed(again)) == []
    late = table.insert(OVERLAP_MS - 1)
    assert [insert.block for insert in again.undone(table.listed(again))] == [late]
