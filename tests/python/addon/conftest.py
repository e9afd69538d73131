"""Installs the extension's zip in this Blender as a user would, and gives tests a daemon and a clean scene.

Run by the Python of an environment that has only Blender's module and pytest, so that the packages under test are the
zip's own. OVERFIT_ADDON_ZIP names the zip (default: the newest in dist/), OVERFIT_BINARY the daemon's program; without
that, the tests that need a real daemon are skipped.
"""

import gc
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
def clean(extension: None, tmp_path: Path) -> Iterator[None]:
    """An empty scene, no job, no daemon; and whatever a test did, no thread."""
    import threading

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


def pump_until(condition: Callable[[], bool], seconds: float = 60.0, beside: Callable[[], None] | None = None) -> None:
    """Does what Blender's timer does in a window, until the condition holds; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        shown = [(job.title, job.state.name, job.step, job.message) for job in session().jobs]
        assert time.monotonic() < end, f"not within {seconds} s; {session().connection.message}; jobs {shown}"
        part("session").pump()
        if beside:
            beside()
        time.sleep(0.001)


def use_daemon(data_dir: Path, beside: Callable[[], None] | None = None) -> None:
    """Sets the daemon's folder in the preferences, and waits until the connection stands or has failed."""
    bpy.context.preferences.addons[PACKAGE].preferences.data_dir = str(data_dir)
    bpy.ops.overfit.connect()
    settled = (part("client.connection").ConnectionState.READY, part("client.connection").ConnectionState.FAILED)
    pump_until(lambda: session().connection.state in settled, 20.0, beside)


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
        end = time.monotonic() + 30.0
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
        self.process.wait(30.0)


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


FRAME_SECONDS = 0.016
"""What may hold the main thread at a time."""


class Slices:
    """How long each slice of the loop held the main thread, by what the newest job did in it."""

    def __init__(self, loop) -> None:
        self.by_step: dict[str, float] = {}
        """The longest, in seconds of processor time: other programs may take the processor in the middle of a slice,
        and no slice waits for anything."""
        self._loop, self._run_for = loop, loop.run_for
        loop.longest_step = 0.0

    def run_for(self, budget: float) -> bool:
        """In place of the loop's own."""
        jobs = session().jobs
        step, started = jobs[-1].step if jobs else "", time.thread_time()
        more = self._run_for(budget)
        self.by_step[step] = max(self.by_step.get(step, 0.0), time.thread_time() - started)
        return more

    @property
    def longest(self) -> float:
        """The longest of all."""
        return max(self.by_step.values())

    def tell(self, what: str) -> None:
        """Prints the figures."""
        by_clock = f"{1e3 * self._loop.longest_step:.1f} ms by the clock"
        print(f"\n{what}: longest slice {1e3 * self.longest:.1f} ms of processor time, {by_clock}")
        for step, seconds in self.by_step.items():
            print(f"  {step or 'no job'}: {1e3 * seconds:.1f} ms")


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


sys.dont_write_bytecode = True  # a run leaves nothing beside the sources
