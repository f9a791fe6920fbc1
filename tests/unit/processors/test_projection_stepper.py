import asyncio
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from auditspine.ledger.topics import Topics
from auditspine.processors.projection.app import Stepper
from auditspine.processors.projection.errors import NotYet

SEALED = Topics().sealed("access")


class App:
    """Records steps; each takes until it is let go."""

    own_topics = Topics()
    parts = SimpleNamespace(projection=SimpleNamespace(streams=("access",)))

    def __init__(self) -> None:
        self.stepped: list[TP] = []
        self.released = False
        self.entered, self.let_go = asyncio.Event(), asyncio.Event()

    async def step(self, tp: TP, messages: list[Any]) -> None:
        assert not self.released, "the states are closed"
        self.stepped.append(tp)
        self.entered.set()
        await self.let_go.wait()

    async def release(self) -> None:
        self.let_go.set()
        self.released = True


def test_stop_lets_the_step_in_progress_end_and_begins_no_other() -> None:
    async def run() -> None:
        app = App()
        stepper = Stepper(app)  # type: ignore[arg-type] - only what it calls
        for partition in range(3):
            message = SimpleNamespace(tp=TP(SEALED, partition), offset=0, value=b"")
            await stepper.put(SimpleNamespace(), SimpleNamespace(message=message))  # type: ignore[arg-type]
        await stepper.start()
        await asyncio.wait_for(app.entered.wait(), 10)
        await stepper.stop()
        assert app.stepped == [TP(SEALED, 0)]
        assert not stepper.crashed

    asyncio.run(run())


def test_what_waits_is_held_in_order_and_taken_in_steps_that_stay_small() -> None:
    count, ready = 300, 5
    acked: list[tuple[int, int]] = []
    taken: dict[int, list[int]] = {0: [], 1: []}
    sizes: list[int] = []
    done = asyncio.Event()

    class Waiting:
        own_topics = Topics()
        parts = SimpleNamespace(projection=SimpleNamespace(streams=("outcomes", "inference")))
        tries = 0

        async def step(self, tp: TP, messages: list[Any]) -> None:
            await asyncio.sleep(0)
            sizes.append(len(messages))
            if tp.partition == 0 and len(taken[1]) < count + ready:
                self.tries += 1
                raise NotYet("later")
            taken[tp.partition] += [each.offset for each in messages]

        async def release(self) -> None:
            pass

    class Stream:
        async def ack(self, event: Any) -> None:
            acked.append((event.message.tp.partition, event.message.offset))
            if len(acked) == 2 * count + ready:
                done.set()

    async def run() -> None:
        stepper = Stepper(Waiting())  # type: ignore[arg-type] - only what it calls
        await stepper.start()
        for n in range(count + ready):
            for partition, stream in enumerate(
                Topics().sealed(s) for s in ("outcomes", "inference")
            ):
                if partition == 1 or n < count:
                    message = SimpleNamespace(tp=TP(stream, partition), offset=n, value=b"")
                    await stepper.put(Stream(), SimpleNamespace(message=message))  # type: ignore[arg-type]
        await asyncio.wait_for(done.wait(), 20)
        await stepper.stop()

    asyncio.run(run())
    assert taken == {0: list(range(count)), 1: list(range(count + ready))}
    assert max(sizes) <= 64
    assert [n for partition, n in acked if partition == 0] == taken[0]
