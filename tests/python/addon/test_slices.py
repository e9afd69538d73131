"""Work that takes long gives the main thread back when its slice is over, on a machine of any speed.

What work costs is told to a clock of the test's own, so that the outcome is the same everywhere. How long slices take
on this machine is measured by `make bench-addon`.
"""

import ssl
from collections.abc import Callable
from contextlib import asynccontextmanager, nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import part, pump_until, session

SLOWER = (0.25, 1.0, 4.0, 16.0)
"""Times the machine of the developer."""


@pytest.fixture(params=SLOWER)
def slower(request) -> float:
    return request.param


def budget() -> float:
    return part("session").BUDGET_SECONDS


def piece_seconds() -> float:
    return part("client.time_slice").PIECE_SECONDS


def run(coroutine):
    """Runs a coroutine in the session's slices to its end."""
    task = session().loop.start(coroutine)
    pump_until(task.done)
    return task.result()


def check(longest: Callable[[], tuple[float, int]], step: float, work: float) -> None:
    """Asserts that no slice went over its time by more than a step, and that there was no more of them than needed."""
    seconds, slices = longest()
    assert seconds <= budget() + step * 1.001, f"a slice took {1e3 * seconds:.1f} ms"
    assert slices <= work / budget() + 2, f"{slices} slices for {1e3 * work:.1f} ms of work"
    assert slices >= work / (budget() + step * 1.001) - 1e-6


# The slice itself.


def test_a_slice_ends_at_its_time(clock, longest):
    """One step late at most, whatever a step takes; the rest is done in the next ones."""
    done = []

    async def work(step: float) -> None:
        for number in range(50):
            clock.costs(step)
            done.append(number)
            await session().loop.slice.pause()

    run(work(0.0003))
    check(longest, 0.0003, 50 * 0.0003)
    run(work(0.007))
    assert longest()[0] == pytest.approx(0.007)  # longer than the slice: one a slice
    assert done == [*range(50), *range(50)]


def test_each_of_many_tasks_goes_on(clock, longest):
    """Who comes first does not take all: the others do a step a slice."""
    turns = []

    async def work(name: int) -> None:
        for _ in range(40):
            clock.costs(0.0005)
            turns.append(name)
            await session().loop.slice.pause()

    tasks = [session().loop.start(work(name)) for name in range(3)]
    pump_until(lambda: all(task.done() for task in tasks))
    assert longest()[0] <= budget() + 3 * 0.0005 + 1e-9
    assert set(turns[:20]) == {0, 1, 2}


def test_out_of_a_slice_every_step_pauses(clock):
    """As when the loop is closed: what goes on then goes on a step a round."""
    loop, steps = session().loop, []

    async def work() -> None:
        for number in range(3):
            steps.append(number)
            await loop.slice.pause()

    loop.start(work())
    for count in (1, 2, 3):
        loop._one_round()
        assert len(steps) == count


def test_pieces_are_as_large_as_the_machine_is_fast(clock, longest, slower):
    """All items once and in order; a piece takes a millisecond."""
    cost, seen, pieces = 2e-7 * slower, [], []

    async def work() -> None:
        async for piece in session().loop.slice.pieces(200_000):
            clock.costs(cost * (piece.stop - piece.start))
            seen.extend(range(piece.start, piece.stop))
            pieces.append(piece.stop - piece.start)

    run(work())
    assert seen == list(range(200_000))
    assert max(pieces) * cost <= piece_seconds() * 1.001
    assert np.median(pieces) * cost >= 0.4 * piece_seconds()
    check(longest, piece_seconds(), 200_000 * cost)


def test_a_machine_that_becomes_slow_meanwhile(clock, longest):
    """Other programs come: one piece is too large by then, and no other."""
    took = []

    async def work() -> None:
        async for piece in session().loop.slice.pieces(100_000):
            cost = 1e-7 if piece.start < 50_000 else 2e-6
            clock.costs(cost * (piece.stop - piece.start))
            took.append(cost * (piece.stop - piece.start))

    run(work())
    assert sum(seconds > 1.001 * piece_seconds() for seconds in took) <= 2
    assert took[-2] >= 0.4 * piece_seconds()


# Large meshes.


def grid(side: int):
    """`2 (side - 1)²` triangles of a square, with the numbers of its points as they lie."""
    transfer = part("scene.mesh_transfer")
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / side
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    lower, upper = [corner, corner + 1, corner + side], [corner + 1, corner + side + 1, corner + side]
    triangles = np.concatenate([np.stack(lower, 1), np.stack(upper, 1)]).astype(np.int32)
    return transfer.TriangleMesh(np.stack([columns, rows, 0 * rows], -1).reshape(-1, 3), triangles)


def test_carrying_a_uv_map(clock, longest, slower, monkeypatch):
    """40,000 triangles take the map of 20,000, and every part of it stops when its slice is over."""
    layers, closest = part("jobs.carry_layers"), part("jobs.closest")
    attributes = part("scene.attributes")
    original, rebuilt = grid(100), grid(142)
    corners = np.arange(original.triangles.size, dtype=np.int32).reshape(-1, 3)
    carrier = attributes.Carrier(
        attributes.Attributes(), original.positions, original.triangles, corners, np.arange(len(corners))
    )
    uv = attributes.Layer("Map", "FLOAT2", "CORNER", original.positions[original.triangles.ravel(), :2].copy())
    rng = np.random.default_rng(3)

    def landing(count: int):
        weights = rng.dirichlet((1.0, 1.0, 1.0), count).astype(np.float32)
        triangles = rng.integers(0, len(corners), count, dtype=np.int32)
        return closest.Closest(np.zeros(count, np.float32), triangles, weights)

    cost, work, gradients, einsum = 2e-6 * slower, [], layers.gradients, np.einsum

    def costing(values, carrier, triangles):
        clock.costs(cost * len(triangles))
        work.append(len(triangles))
        return gradients(values, carrier, triangles)

    def costing_einsum(words, *arrays):
        if words == "nk,nkc->nc":
            clock.costs(0.5 * cost * len(arrays[0]))
            work.append(0.5 * len(arrays[0]))
        return einsum(words, *arrays)

    monkeypatch.setattr(layers, "gradients", costing)
    monkeypatch.setattr(layers.np, "einsum", costing_einsum)
    middles = run(layers.middles_of(rebuilt, session().loop.slice))
    land = layers.Landing(middles, landing(len(rebuilt.triangles)), landing(len(rebuilt.positions)))
    carried = run(layers.carry_layer(uv, carrier, rebuilt, land, session().loop.slice))
    assert carried.values.shape == (rebuilt.triangles.size, 2) and np.isfinite(carried.values).all()
    # The first piece of a part may be too large for a very slow machine.
    first = part("client.time_slice").FIRST_PIECE * cost
    check(longest, max(piece_seconds(), first), cost * sum(work))


def test_checking_a_mesh_that_came(clock, longest, slower, monkeypatch):
    """The triangles of a large answer are looked at in pieces, and a damaged one is found in the last."""
    transfer, mesh = part("scene.mesh_transfer"), grid(400)
    look, seen = transfer.check_triangles, []

    def costing(source) -> None:
        clock.costs(1e-7 * slower * len(source.triangles))
        seen.append(len(source.triangles))
        look(source)

    monkeypatch.setattr(transfer, "check_triangles", costing)
    run(transfer.check_in_pieces(mesh, session().loop.slice))
    assert sum(seen) == len(mesh.triangles)
    check(longest, piece_seconds(), 1e-7 * slower * sum(seen))
    mesh.triangles[-1, 2] = len(mesh.positions)
    with pytest.raises(part("client.problem").Problem, match="damaged mesh"):
        run(transfer.check_in_pieces(mesh, session().loop.slice))


# To the daemon and back: a connection on which nobody ever waits.


class Call:
    """A call whose every message costs a millisecond, and is there at once."""

    def __init__(self, clock, messages=()) -> None:
        self.clock, self.sent, self.messages = clock, [], list(messages)

    async def send_message(self, message, end: bool = False) -> None:
        self.clock.costs(0.001)
        self.sent.append(message)

    async def end(self) -> None:
        pass

    async def recv_message(self):
        self.clock.costs(0.001)
        return self.messages.pop(0) if self.messages else None

    def __aiter__(self):
        return self

    async def __anext__(self):
        if (message := await self.recv_message()) is None:
            raise StopAsyncIteration
        return message


def to(call: Call, **services) -> SimpleNamespace:
    """A connection whose methods all are this call."""

    @asynccontextmanager
    async def opened():
        yield call

    method = SimpleNamespace(open=opened)
    stubs = {service: SimpleNamespace(**dict.fromkeys(names, method)) for service, names in services.items()}
    return SimpleNamespace(loop=session().loop, speaking=nullcontext, **stubs)


def test_sending(clock, longest):
    call, chunks = Call(clock), part("client.chunks")
    data, told = bytes(range(256)) * 8192, []
    request = part("api.mesh_pb2").UploadMeshRequest
    run(chunks.send_chunks(call, request, data, told.append, session().loop.slice))
    assert b"".join(message.chunk for message in call.sent) == data and told == sorted(told)
    check(longest, 0.001, 0.001 * len(call.sent))


def test_receiving(clock, longest):
    messages = [SimpleNamespace(WhichOneof=lambda _: "header", header=40_000)]
    messages += [SimpleNamespace(WhichOneof=lambda _: "chunk", chunk=bytes([n]) * 1000) for n in range(40)]
    connection = to(Call(clock, messages), queries=["ExtractMesh"])
    receive = part("client.download").receive_array
    header, data = run(receive(connection, connection.queries.ExtractMesh, None, lambda size: size))
    assert header == 40_000 and (data == np.repeat(np.arange(40), 1000)).all()
    check(longest, 0.001, 0.001 * 43)


def test_fetching_a_model(clock, longest):
    messages = [SimpleNamespace(size_bytes=3000, chunk=bytes([n]) * 100) for n in range(30)]
    connection = to(Call(clock, messages), models=["ExportModel"])
    data = run(part("jobs.model_transfer").download_model(connection, "models/1", lambda _: None))
    assert data == b"".join(bytes([n]) * 100 for n in range(30))
    check(longest, 0.001, 0.001 * 32)


def test_asking_for_closest_points(clock, longest):
    closest, api = part("jobs.closest"), part("api.mesh_pb2")
    count = 9 * closest.CHUNK_POINTS + 5
    sizes = [min(closest.CHUNK_POINTS, count - start) for start in range(0, count, closest.CHUNK_POINTS)]
    answers = [
        api.FindClosestResponse(distances=bytes(4 * size), triangles=bytes(4 * size), weights=bytes(12 * size))
        for size in sizes
    ]
    connection = to(Call(clock, answers), meshes=["FindClosest"])
    found = run(closest.find_closest(connection, "meshes/1", 1, np.ones((count, 3), np.float32)))
    assert len(found.distances) == count and not found.distances.any()
    check(longest, 0.002, 0.001 * 20)  # a question and an answer


# Files.


class Slow:
    """A file on a disk that takes a millisecond each time it is asked."""

    def __init__(self, clock, file) -> None:
        self._clock, self._file, self.name = clock, file, file.name

    def __enter__(self):
        return self

    def __exit__(self, *_error) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        self._clock.costs(0.001)
        return self._file.read(size)

    def write(self, data) -> None:
        self._clock.costs(0.001)
        self._file.write(data)


def test_model_files(clock, longest, tmp_path, monkeypatch):
    models, data = part("jobs.model_jobs"), bytes(range(256)) * 20_000
    temporary = models.NamedTemporaryFile
    monkeypatch.setattr(models, "NamedTemporaryFile", lambda **options: Slow(clock, temporary(**options)))
    run(models.write_model(tmp_path / "model.safetensors", data, session().loop.slice))
    steps = -(-len(data) // models.PIECE_BYTES)
    check(longest, 0.001, 0.001 * steps)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["model.safetensors"]
    path = tmp_path / "model.safetensors"
    slow = SimpleNamespace(open=lambda mode: Slow(clock, path.open(mode)))
    assert run(models.read_model(slow, session().loop.slice)) == data
    assert longest()[0] <= budget() + 0.001 * 1.001


def test_trusting_the_system(clock, longest, tmp_path, monkeypatch):
    """A system trusts some hundred authorities; a damaged certificate among them is passed over."""
    trust = part("client.trust")
    file = tmp_path / "authorities.pem"
    file.write_text("".join(f"-----BEGIN CERTIFICATE-----\n{number}\n{trust.END}" for number in range(150)))
    paths = SimpleNamespace(capath=None, cafile=str(file))
    monkeypatch.setattr(trust.sys, "platform", "linux")
    monkeypatch.setattr(trust.ssl, "get_default_verify_paths", lambda: paths)
    loaded = []

    def load(cadata: str) -> None:
        clock.costs(0.0005)
        loaded.append(cadata)
        if len(loaded) == 7:
            raise ssl.SSLError

    context = SimpleNamespace(load_verify_locations=load)
    run(trust._trust_the_system(context, session().loop.slice))
    assert len(loaded) == 150
    check(longest, 0.0005, 150 * 0.0005)


# Cancel.


def test_cancel_comes_after_one_more_step_at_most(clock, longest):
    """A job in the middle of long work is told at its next pause, with everything else still to do."""
    job_module, done = part("jobs.job"), []

    class Long(job_module.Job):
        async def work(self) -> None:
            async for piece in self.connection.loop.slice.pieces(1 << 30):
                clock.costs(0.0009)
                done.append(piece.stop)

    job = Long("Long", session().connection)
    session().add(job)
    pump_until(lambda: len(done) > 10)
    before = len(done)
    job.cancel()
    assert job.state is job_module.JobState.CANCELLED  # at once, as the user sees it
    pump_until(job._task.done)
    assert len(done) == before and done[-1] < 1 << 30
