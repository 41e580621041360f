import asyncio

import pytest

from spanbook_collector.receivers.answers import Reason, Refusal
from spanbook_collector.receivers.budget import Budget


async def test_bytes_are_given_back_when_the_block_ends() -> None:
    budget = Budget(100)
    with budget.held() as share:
        await share.grow_to(60)
        await share.grow_to(40)
        assert budget.used == 60
        share.shrink_to(50)
        assert budget.used == 50
    assert budget.used == 0


async def test_who_finds_no_room_is_refused_after_a_while() -> None:
    budget = Budget(100, patience=0.01)
    with budget.held() as first, budget.held() as second:
        await first.grow_to(80)
        with pytest.raises(Refusal) as refused:
            await second.grow_to(21)
        assert refused.value.reason is Reason.BUSY
        await second.grow_to(20)
    assert budget.used == 0


async def test_who_waits_gets_room_in_turn() -> None:
    budget = Budget(100, patience=5)
    order: list[str] = []

    async def want(name: str, size: int) -> None:
        with budget.held() as share:
            await share.grow_to(size)
            order.append(name)

    with budget.held() as share:
        await share.grow_to(100)
        waiting = [asyncio.create_task(want(name, size)) for name, size in [("large", 90), ("small", 5)]]
        await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(*waiting)
    assert order == ["large", "small"]
    assert budget.used == 0


async def test_a_waiter_that_goes_away_leaves_nothing_behind() -> None:
    budget = Budget(100, patience=5)
    with budget.held() as share:
        await share.grow_to(100)
        waiting = asyncio.create_task(budget.take(50))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert budget.used == 0
    await asyncio.wait_for(budget.take(100), 1)


async def test_a_body_that_is_alone_always_fits() -> None:
    budget = Budget(100, patience=0.01)
    with budget.held() as share:
        await share.grow_to(80)
        await share.grow_to(150)
        with pytest.raises(Refusal):
            await budget.take(1)
    assert budget.used == 0
