"""Whose turn it is to start, among organisations."""

import asyncio
from uuid import uuid4

from backend.workbench.services.slots import Slots

A, B, C = uuid4(), uuid4(), uuid4()


async def turns(slots: Slots, asked: str) -> str:
    """Who gets a turn when `asked` ask at once, each of which ends before the next begins."""
    served = []

    async def one(who: str) -> None:
        async with slots.turn(A if who == "a" else B, asyncio.get_running_loop().create_future()):
            served.append(who)
            await asyncio.sleep(0)

    await asyncio.gather(*map(one, asked))
    return "".join(served)


async def test_who_comes_second_gets_as_many_turns_as_the_first_holds_then_one_each():
    assert await turns(Slots(2), "aaaaaabbbb") == "aabbababaa"
    assert await turns(Slots(1), "aaabbb") == "abab" + "ab"


async def test_who_comes_to_one_that_had_many_does_not_keep_it_from_its_turns():
    slots = Slots(2)
    async with slots.turn(C, asyncio.get_running_loop().create_future()):  # never at rest from here on
        assert await turns(slots, "a" * 10) == "a" * 10
        assert await turns(slots, "bbbbbbbbaaaa") == "bbbb" + "abababab"


async def test_a_turn_that_is_not_taken_goes_to_the_next():
    slots = Slots(1)
    first, second = (asyncio.get_running_loop().create_future() for _ in range(2))

    async def wait(ticket):
        async with slots.turn(B, ticket):
            return True

    async with slots.turn(A, asyncio.get_running_loop().create_future()):
        waiting = [asyncio.create_task(wait(ticket)) for ticket in (first, second)]
        await asyncio.sleep(0)
        assert slots.order() == [first, second]
        assert slots.place({second})[0] == 2
        waiting[0].cancel()
    assert (await asyncio.gather(*waiting, return_exceptions=True))[1] is True
