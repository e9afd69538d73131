"""The twins for asyncio."""

import asyncio

import numpy as np
import overfit
import pytest
from conftest import CENTER, RADIUS, big_ball, options
from overfit import aio
from test_fit import ENDLESS


def test_a_loop_goes_on_while_fields_answer(daemon):
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        field = await aio.fit(*big_ball(), daemon=daemon, **options(steps=20))
        points = CENTER + np.random.default_rng(1).uniform(-RADIUS, RADIUS, (3, 1000, 3))
        found = await asyncio.gather(*map(field.distance, points), field.mesh(16))
        assert np.array_equal(np.stack(found[:3]), field.blocking.distance(points)) and found[3].watertight
        bored = await aio.combine(field.expression - overfit.sphere(1.0, CENTER))
        assert await bored.distance(CENTER) > 0.9
        ticking.cancel()
        assert ticks > 10

    asyncio.run(main())


def test_a_task_that_is_cancelled_cancels_its_fit(daemon):
    async def main():
        training = asyncio.Event()
        loop = asyncio.get_running_loop()

        def listen(progress):
            if progress.step:
                loop.call_soon_threadsafe(training.set)

        task = asyncio.create_task(aio.fit(*big_ball(), daemon=daemon, progress=listen, name="cancelled", **ENDLESS))
        await training.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert daemon.fits()[0].title == "cancelled" and daemon.fits()[0].state == "cancelled"


def test_a_fit_is_watched(daemon):
    async def main():
        run = await aio.start(*big_ball(), daemon=daemon, **ENDLESS)
        async for progress in run.watch():
            if progress.step:
                break
        await run.finish()
        assert (await run.result()).blocking.steps > 0

    asyncio.run(main())
