import asyncio
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from auditspine.ledger.topics import Topics
from auditspine.processors.projection.app import Stepper

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
