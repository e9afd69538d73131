"""Installs the extension's zip in this Blender as a user would, and gives tests a daemon and a clean scene.

Run by the Python of an environment that has only Blender's module and pytest, so that the packages under test are the
zip's own. OVERFIT_ADDON_ZIP names the zip (default: the newest in dist/), OVERFIT_BINARY the daemon's program; without
that, the tests that need a real daemon are skipped.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

# Before Blender starts: settings of its own, empty at first.
_resources = None
if "BLENDER_USER_RESOURCES" not in os.environ:
    _resources = tempfile.TemporaryDirectory(prefix="overfit-test-")
    os.environ["BLENDER_USER_RESOURCES"] = _resources.name

import bpy  # noqa: E402
import pytest  # noqa: E402

PROJECT = Path(__file__).resolve().parents[3]
PACKAGE = "bl_ext.user_default.overfit"
PATIENCE = 600.0
"""Seconds after which a test gives up: something hangs. How fast a machine is decides no test."""


def part(name: str) -> ModuleType:
    """A module of the installed extension."""
    return import_module(f"{PACKAGE}.{name}")


def zip_path() -> Path:
    """The zip under test."""
    if named := os.environ.get("OVERFIT_ADDON_ZIP"):
        return Path(named)
    built = sorted((PROJECT / "dist").glob("overfit_blender-*.zip"), key=lambda path: path.stat().st_mtime)
    if not built:
        pytest.exit("no zip in dist/: run `make addon` first", returncode=2)
    return built[-1]


@pytest.fixture(scope="session", autouse=True)
def extension() -> Iterator[None]:
    """The extension, installed and switched on."""
    installed = bpy.ops.extensions.package_install_files(
        filepath=str(zip_path()), repo="user_default", enable_on_install=True
    )
    assert installed == {"FINISHED"}
    assert PACKAGE in bpy.context.preferences.addons
    yield
    bpy.ops.preferences.addon_disable(module=PACKAGE)


@pytest.fixture(autouse=True)
def clean(extension: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty scene, no job, no daemon, and patience with a busy machine; whatever a test did, no thread."""
    import threading

    for name in ("daemon_process.START", "daemon_process.STOP", "names.LOOK_UP"):
        module, limit = name.split(".")
        monkeypatch.setattr(part(f"client.{module}"), f"{limit}_SECONDS", PATIENCE)
    # A tenth: a daemon may vanish between the connection and the answer, and who waits for one must try again in time.
    monkeypatch.setattr(part("client.connection"), "HANDSHAKE_SECONDS", PATIENCE / 10)
    monkeypatch.setattr(part("jobs.job"), "WITHDRAW_SECONDS", PATIENCE)

    if part("session").current() is None:
        bpy.ops.preferences.addon_enable(module=PACKAGE)
    preferences = bpy.context.preferences.addons[PACKAGE].preferences
    preferences.data_dir, preferences.program, preferences.location = str(tmp_path / "no daemon"), "", "LOCAL"
    preferences.start_when_needed = False
    if bpy.context.object and bpy.context.object.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for kept in (bpy.data.objects, bpy.data.meshes, bpy.data.volumes, bpy.data.texts, bpy.data.materials):
        for block in list(kept):
            kept.remove(block)
    session().let_go()
    bpy.ops.overfit.connect()
    yield
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"]


def session():
    """The extension's session."""
    return part("session").current()


def pump_until(condition: Callable[[], bool], beside: Callable[[], None] | None = None) -> None:
    """Does what Blender's timer does in a window, until the condition holds; gives up only when it seems to hang."""
    end = time.monotonic() + PATIENCE
    while not condition():
        shown = [(job.title, job.state.name, job.step, job.message) for job in session().jobs]
        assert time.monotonic() < end, f"it hangs; {session().connection.message}; jobs {shown}"
        part("session").pump()
        if beside:
            beside()
        time.sleep(0.001)


def use_daemon(data_dir: Path, beside: Callable[[], None] | None = None) -> None:
    """Sets the daemon's folder in the preferences, and waits until the connection stands or has failed."""
    bpy.context.preferences.addons[PACKAGE].preferences.data_dir = str(data_dir)
    bpy.ops.overfit.connect()
    settled = (part("client.connection").ConnectionState.READY, part("client.connection").ConnectionState.FAILED)
    pump_until(lambda: session().connection.state in settled, beside)


class RealDaemon:
    """`overfit serve` with its data in a folder of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_suffix(".log")
        self.start()

    def start(self) -> None:
        """Starts it and waits until it listens."""
        with self.log.open("ab") as log:
            command = [os.environ["OVERFIT_BINARY"], "serve", "--data-dir", str(self.data_dir)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        read = part("client.daemon_file").read_daemon_file
        while True:
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            try:
                if read(self.data_dir).pid == self.process.pid:
                    return
            except part("client.problem").Problem:
                pass  # not written yet
            time.sleep(0.02)

    def kill(self) -> None:
        """Ends it with no chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ends it as a user would."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture(scope="session")
def shared_daemon(extension: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealDaemon]:
    """One real daemon for all tests that leave it alive."""
    if "OVERFIT_BINARY" not in os.environ:
        pytest.skip("OVERFIT_BINARY is not set")
    daemon = RealDaemon(tmp_path_factory.mktemp("daemon") / "data")
    yield daemon
    daemon.stop()


@pytest.fixture
def unconnected_fake(clean: None, tmp_path: Path) -> Iterator:
    """A daemon that does as a test tells it."""
    from fake_daemon import FakeDaemon

    fake = FakeDaemon(tmp_path / "data")
    yield fake
    fake.close()


@pytest.fixture
def fake(unconnected_fake):
    """The same, connected."""
    use_daemon(unconnected_fake.data_dir, unconnected_fake.pump)
    return unconnected_fake


@pytest.fixture
def by_steps(clean: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets fits end after so many small steps: what comes out must not hang on how busy the machine is."""

    def choose(steps: int) -> None:
        short = partial(part("api.fit_pb2").FitSettings, steps=steps, batch_size=2048)
        monkeypatch.setattr(part("jobs.fit_order"), "FitSettings", short)

    return choose


@pytest.fixture
def daemon(shared_daemon: RealDaemon, by_steps: Callable[[int], None]) -> RealDaemon:
    """The real daemon, connected; fits are short."""
    by_steps(400)
    use_daemon(shared_daemon.data_dir)
    assert session().connection.state is part("client.connection").ConnectionState.READY, session().connection.message
    return shared_daemon


@pytest.fixture
def suzanne(clean: None) -> bpy.types.Object:
    """Suzanne with a subdivision modifier, moved, rotated and scaled; selected and active."""
    bpy.ops.mesh.primitive_monkey_add(location=(3.0, -2.0, 1.5), rotation=(0.3, -0.7, 2.1))
    suzanne = bpy.context.active_object
    suzanne.scale = (1.7, 1.7, 1.7)
    suzanne.modifiers.new("Subdivision", "SUBSURF").levels = 1
    bpy.context.view_layer.update()
    settings = bpy.context.scene.overfit
    settings.preset, settings.limit = "draft", "PRESET"
    settings.resolution, settings.hide_original = 96, True
    settings.keep_fields, settings.carry_attributes = False, True
    return suzanne


class Slices:
    """How long each slice of the loop held the main thread, by what the newest job did in it. For the bench: how long
    a slice takes here says nothing about whether the code is right."""

    def __init__(self, loop) -> None:
        self.processor: dict[str, float] = {}
        """The longest in seconds of processor time: other programs may take the processor in the middle of a slice."""
        self.clock: dict[str, float] = {}
        """The longest in seconds by the clock."""
        self._run_for = loop.run_for

    def run_for(self, budget: float) -> bool:
        """In place of the loop's own."""
        jobs = session().jobs
        step, processor, clock = jobs[-1].step if jobs else "no job", time.thread_time(), time.perf_counter()
        more = self._run_for(budget)
        for longest, took in (
            (self.processor, time.thread_time() - processor),
            (self.clock, time.perf_counter() - clock),
        ):
            longest[step] = max(longest.get(step, 0.0), took)
        return more

    def tell(self, what: str, **others: float) -> None:
        """Writes the figures where `make bench-addon` reads them. `others`: what else held the main thread, in s."""
        if path := os.environ.get("OVERFIT_SLICES"):
            steps = [[step, 1e3 * self.processor[step], 1e3 * self.clock[step]] for step in self.processor]
            told = {"blender": bpy.app.version_string, "what": what, "steps": steps, "others": others}
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(told) + "\n")


@pytest.fixture
def slices(clean: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slices]:
    """Measures every slice of the main thread from now on."""
    # Python looks through all that there is now and then, and what the tests have made is not the extension's.
    gc.collect()
    gc.freeze()
    measured = Slices(session().loop)
    monkeypatch.setattr(session().loop, "run_for", measured.run_for)
    yield measured
    gc.unfreeze()


class Clock:
    """A clock that goes only when it is told to: what work costs on it is the same on every machine."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def costs(self, seconds: float) -> None:
        """Work was done that takes so long."""
        self.now += seconds


@pytest.fixture
def clock(clean: None, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The session's slices end by this clock."""
    clock = Clock()
    monkeypatch.setattr(session().loop.slice, "clock", clock)
    return clock


@pytest.fixture
def longest(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[float, int]]:
    """The longest slice by the test's clock, in seconds, and how many there were in which work was done."""
    loop, taken = session().loop, []
    run_for = loop.run_for

    def watched(budget: float) -> bool:
        began = clock.now
        more = run_for(budget)
        if clock.now > began:
            taken.append(clock.now - began)
        return more

    monkeypatch.setattr(loop, "run_for", watched)
    return lambda: (max(taken, default=0.0), len(taken))


sys.dont_write_bytecode = True  # a run leaves nothing beside the sources
