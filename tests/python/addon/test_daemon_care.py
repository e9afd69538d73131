"""The daemon is looked after: found, started, shared, restarted and stopped, without a word too many or a process left.

Each line of what users of such extensions complain about has a test here whose name says it; those on a daemon on
another computer are in test_remote.py.
"""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from conftest import PACKAGE, PATIENCE, part, pump_until, session, use_daemon, zip_path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")


@pytest.fixture(autouse=True)
def forgiven(clean: None) -> None:
    """What an earlier test's daemon did is forgotten."""
    session().daemon.forget()
    session().daemon.reluctance = ""


@pytest.fixture
def fake(unconnected_fake):
    """Each test decides where it is found."""
    return unconnected_fake


@pytest.fixture
def folder(clean: None, tmp_path: Path) -> Iterator[Path]:
    """A data folder that the preferences name; a daemon that is left in it does not outlive the test."""
    folder = tmp_path / "own"
    preferences().data_dir = str(folder)
    yield folder
    if (folder / "daemon.json").exists():
        process = pid(folder)
        os.kill(process, signal.SIGKILL)
        wait_for_end(process)


@pytest.fixture
def binary() -> str:
    if "OVERFIT_BINARY" not in os.environ:
        pytest.skip("OVERFIT_BINARY is not set")
    return os.environ["OVERFIT_BINARY"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen]:
    """A process that is no daemon."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def preferences():
    return bpy.context.preferences.addons[PACKAGE].preferences


def connection():
    return session().connection


def cure(name: str):
    return part("client.problem").Cure[name]


def ready() -> bool:
    return connection().state is part("client.connection").ConnectionState.READY


def failed() -> bool:
    return connection().state is part("client.connection").ConnectionState.FAILED


def pid(folder: Path) -> int:
    return part("client.daemon_file").read_daemon_file(folder).pid


def wait_for_end(process: int) -> None:
    """Waits until the process is gone; it may be this one's child or not."""
    end = time.monotonic() + PATIENCE
    ended = part("client.daemon_process")._has_ended
    while not ended(process):
        assert time.monotonic() < end, f"process {process} runs on"
        time.sleep(0.02)


def stand_in(tmp_path: Path, text: str) -> str:
    """A program in the place of the daemon's, which counts its starts in the file `starts`."""
    path = tmp_path / "overfit"
    path.write_text(f"#!/bin/sh\necho start >> '{tmp_path}/starts'\n{text}\n")
    path.chmod(0o755)
    preferences().program = str(path)
    return str(path)


def starts(tmp_path: Path) -> int:
    path = tmp_path / "starts"
    return path.read_text().count("start") if path.exists() else 0


def fit_to_end():
    bpy.ops.overfit.fit()
    job = session().jobs[-1]
    pump_until(lambda: not job.running)
    return job


# Missing: it is started when it is needed, by whom it should.


def test_daemon_missing_is_started_by_the_first_fit(suzanne, by_steps, folder, binary):
    by_steps(200)
    preferences().program, preferences().start_when_needed = binary, True
    pump_until(failed)
    assert connection().cure is cure("START") and not (folder / "daemon.json").exists()  # looking starts nothing
    job = fit_to_end()
    assert job.state is part("jobs.job").JobState.DONE, job.message
    assert ready() and pid(folder) == session().daemon._process.pid
    assert "listens on" in (folder / "daemon.log").read_text()


def test_daemon_missing_and_not_to_be_started_is_said_at_once(suzanne, folder, tmp_path):
    stand_in(tmp_path, "exit 1")
    with pytest.raises(RuntimeError, match=r"daemon is not running.*Start Daemon"):
        bpy.ops.overfit.fit()
    assert starts(tmp_path) == 0


def test_a_press_starts_one_daemon_only(folder, binary):
    preferences().program = binary
    bpy.ops.overfit.start_daemon()
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    first = pid(folder)
    assert bpy.ops.overfit.start_daemon() == {"CANCELLED"}
    assert pid(folder) == first


@pytest.mark.skipif(sys.platform != "linux", reason="looks at the daemon's threads in /proc")
def test_blender_comes_before_its_daemon(folder, binary):
    """Where both want the processor, the interface goes first: every thread of the daemon stands back."""
    preferences().program = binary
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    priorities = []
    for task in Path(f"/proc/{pid(folder)}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread that had nothing to do has ended since
            priorities.append(os.getpriority(os.PRIO_PROCESS, int(task.name)))
    assert len(priorities) > 1
    assert set(priorities) == {os.getpriority(os.PRIO_PROCESS, 0) + 5}
    group = Path(f"/proc/{pid(folder)}/autogroup")
    if group.exists():  # then sessions are weighed, and a thread's own priority counts only within its session
        assert group.read_text().endswith(" nice 5\n"), group.read_text()


def test_a_stale_file_is_no_obstacle(folder, binary, fake):
    """What a killed daemon left behind: its port is dead, its process is gone."""
    fake.vanish()
    folder.mkdir()
    (fake.data_dir / "daemon.json").rename(folder / "daemon.json")
    preferences().program = binary
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    assert pid(folder) == session().daemon._process.pid


def test_the_search_takes_preferences_then_the_wheel_then_the_path(clean, tmp_path, monkeypatch):
    program = part("client.program")
    on_path = tmp_path / "bin" / "overfit"
    on_path.parent.mkdir()
    on_path.write_text("#!/bin/sh\n")
    on_path.chmod(0o755)
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert program.bundled_program() is None
    assert program.find_program("") == str(on_path)
    # As Blender unpacks a wheel with a program in it: not where programs go, and not executable.
    site = tmp_path / "site"
    info, data = site / "overfit-0.1.0.dist-info", site / "overfit-0.1.0.data" / "scripts"
    info.mkdir(parents=True)
    data.mkdir(parents=True)
    bundled = data / "overfit"
    bundled.write_text("#!/bin/sh\n")
    bundled.chmod(0o644)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: overfit\nVersion: 0.1.0\n")
    (info / "RECORD").write_text("overfit-0.1.0.data/scripts/overfit,,\n")
    monkeypatch.syspath_prepend(str(site))
    assert program.find_program("") == str(bundled) and os.access(bundled, os.X_OK)
    chosen = tmp_path / "chosen"
    chosen.write_text("")
    assert program.find_program(str(chosen)) == str(chosen)
    bundled.unlink()
    assert program.bundled_program() is None and program.find_program("") == str(on_path)


# It does not start, or does not stay.


def test_port_taken_is_told_in_the_daemons_words(folder, tmp_path, binary):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stand_in(tmp_path, f"shift; exec '{binary}' serve --listen 127.0.0.1:{port} \"$@\"")
        bpy.ops.overfit.start_daemon()
        pump_until(lambda: f"cannot listen on 127.0.0.1:{port}" in connection().message)
        assert "in use" in connection().message and connection().cure is cure("START")


def test_how_daemons_are_started_breaks_no_connection(fake):
    use_daemon(fake.data_dir, fake.pump)
    channel = connection()._open_channel()
    preferences().program, preferences().start_when_needed = "another", True
    looked = session().loop.start(connection().try_ensure())
    pump_until(looked.done, fake.pump)
    assert connection()._open_channel() is channel


def test_no_respawn_storm_after_a_failed_start(suzanne, folder, tmp_path):
    preferences().start_when_needed = True
    stand_in(tmp_path, "echo 'no room left' >&2; exit 3")
    job = fit_to_end()
    assert "exit code 3" in job.message and "no room left" in job.message and starts(tmp_path) == 1
    for _ in range(3):
        with pytest.raises(RuntimeError, match=r"no room left.*not started again by itself.*press Start Daemon"):
            bpy.ops.overfit.fit()
    bpy.ops.overfit.connect()
    pump_until(failed)
    assert starts(tmp_path) == 1
    # The user's press tries again, and only that.
    bpy.ops.overfit.start_daemon()
    pump_until(lambda: starts(tmp_path) == 2 and failed() and "no room left" in connection().message)
    with pytest.raises(RuntimeError, match="not started again by itself"):
        bpy.ops.overfit.fit()
    assert starts(tmp_path) == 2


def test_no_respawn_storm_after_a_short_life(suzanne, folder, tmp_path, binary, monkeypatch):
    monkeypatch.setattr(part("client.connection"), "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(part("client.daemon_process"), "SHORT_LIFE_SECONDS", PATIENCE)
    preferences().start_when_needed = True
    stand_in(tmp_path, f"exec '{binary}' \"$@\"")
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    os.kill(pid(folder), signal.SIGKILL)
    pump_until(failed)
    # The file that is left behind hides from the first look that there is no daemon: the job itself is told.
    job = fit_to_end()
    assert re.search(r"ended by itself \d+ s after its start \(signal 9\).*not started again by itself", job.message)
    assert starts(tmp_path) == 1
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    assert starts(tmp_path) == 2 and session().daemon.reluctance == ""


def test_firewall_that_forbids_the_connection_is_named(fake, monkeypatch):
    async def forbidden(*_arguments, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(session().loop._loop, "create_connection", forbidden)
    use_daemon(fake.data_dir, fake.pump)
    assert "A firewall on this computer does not let Blender connect to 127.0.0.1" in connection().message


def test_firewall_that_swallows_the_connection_is_named(fake, monkeypatch):
    monkeypatch.setattr(part("client.connection"), "HANDSHAKE_SECONDS", 0.3)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        fake.write_file(port=deaf.getsockname()[1])
        use_daemon(fake.data_dir, fake.pump)
    assert "does not answer" in connection().message and "firewall" in connection().message


# Two Blenders.


def test_two_blenders_that_start_at_once_share_one_daemon(folder, binary):
    preferences().program = binary
    first, loop = connection(), session().loop
    process = part("client.daemon_process").DaemonProcess()
    target = part("preferences").daemon_target
    second = part("client.connection").Connection(loop, target, part("extension").extension_version(), process)
    asked = part("client.connection").Start.ASKED
    tasks = [loop.start(one.ensure(asked)) for one in (first, second)]
    pump_until(lambda: all(task.done() for task in tasks))
    assert [task.exception() for task in tasks] == [None, None]
    assert first.peer == second.peer and first.state is second.state
    # The one that lost is gone, and nobody thinks that something is wrong with the daemon.
    pump_until(lambda: session().daemon.alive != process.alive)
    session().daemon.look()
    process.look()
    assert session().daemon.reluctance == process.reluctance == ""
    second.close()


BLENDER = """
import importlib, sys, time
zip, binary, folder = sys.argv[1:]
bpy.ops.extensions.package_install_files(filepath=zip, repo="user_default", enable_on_install=True)
session = importlib.import_module("bl_ext.user_default.overfit.session")
importlib.import_module("bl_ext.user_default.overfit.client.daemon_process").IDLE_SECONDS = 10
chosen = bpy.context.preferences.addons["bl_ext.user_default.overfit"].preferences
chosen.program, chosen.data_dir = binary, folder
print("ready", flush=True)
sys.stdin.readline()
bpy.ops.overfit.start_daemon()
connection, end = session.current().connection, time.monotonic() + 600.0
while connection.state.name != "READY" and time.monotonic() < end:
    session.pump()
    time.sleep(0.005)
print(connection.message, connection.peer.file.pid, flush=True)
sys.stdin.readline()
"""


def test_two_blender_processes_share_one_daemon_which_ends_after_them(folder, binary, tmp_path):
    """Both start one at the same moment; each works with the same; when both are closed it ends by itself."""
    blenders = []
    for name in ("first", "second"):
        command = [sys.executable, "-c", f"import bpy; exec({BLENDER!r})", str(zip_path()), binary, str(folder)]
        environment = os.environ | {"BLENDER_USER_RESOURCES": str(tmp_path / name)}
        pipe = subprocess.PIPE
        blenders.append(subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True))

    def answer(blender: subprocess.Popen, begin: str) -> str:
        return next(line for line in blender.stdout if line.startswith(begin))

    def press_return(blender: subprocess.Popen) -> None:
        blender.stdin.write("\n")
        blender.stdin.flush()

    for blender in blenders:
        answer(blender, "ready")
    for blender in blenders:
        press_return(blender)
    daemons = {answer(blender, "Connected").split()[-1] for blender in blenders}
    assert len(daemons) == 1
    daemon = int(daemons.pop())
    for blender in blenders:
        os.kill(daemon, 0)  # the first that is closed does not take it along
        press_return(blender)
        assert blender.wait(PATIENCE) == 0
    wait_for_end(daemon)
    assert not (folder / "daemon.json").exists()


def test_a_daemon_that_runs_already_wins(folder, binary):
    """The folder is locked by a daemon that was started outside: its like from here gives way, and serves as well."""
    outside = subprocess.Popen([binary, "serve", "--data-dir", str(folder)], stderr=subprocess.DEVNULL)
    try:
        pump_until((folder / "daemon.json").exists)
        process = part("client.daemon_process").DaemonProcess()
        task = session().loop.start(process.start(binary, folder))
        pump_until(task.done)
        assert task.exception() is None and process.reluctance == ""
        pump_until(lambda: not process.alive)
        assert pid(folder) == outside.pid and outside.poll() is None
        bpy.ops.overfit.connect()
        pump_until(ready)
    finally:
        outside.terminate()
        outside.wait()


def test_the_daemon_outlives_this_blender(folder, binary):
    preferences().program = binary
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    daemon = pid(folder)
    assert os.getsid(daemon) == daemon  # no signal for Blender's group reaches it
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    preferences().data_dir = str(folder)
    bpy.ops.overfit.connect()
    pump_until(ready)
    assert pid(folder) == daemon


def test_nothing_is_left_running_when_nobody_needs_it(folder, binary, monkeypatch):
    monkeypatch.setattr(part("client.daemon_process"), "IDLE_SECONDS", 4)
    preferences().program = binary
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    daemon = pid(folder)
    end = time.monotonic() + 6.0
    pump_until(lambda: time.monotonic() > end)
    assert ready() and pid(folder) == daemon  # connected: needed
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    wait_for_end(daemon)
    assert not (folder / "daemon.json").exists()


# Stop and restart.


def test_nothing_is_left_running_after_stop(folder, binary):
    preferences().program = binary
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    daemon = pid(folder)
    assert bpy.ops.overfit.stop_daemon() == {"FINISHED"}
    pump_until(failed)
    with pytest.raises(ProcessLookupError):
        os.kill(daemon, 0)
    assert not (folder / "daemon.json").exists() and connection().cure is cure("START")
    # It did as it was told: the next fit may start one again.
    session().daemon.look()
    assert session().daemon.reluctance == ""


def test_restart_gives_a_new_daemon(folder, binary):
    preferences().program = binary
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    before = pid(folder)
    bpy.ops.overfit.restart_daemon()
    pump_until(lambda: ready() and connection().peer.file.pid != before)
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


def test_daemon_of_another_version_is_replaced_by_restart(fake, sleeper, folder, binary):
    """Both versions are named; the button that helps is Restart, which ends the old one and starts the program."""
    fake.version = "0.0.9"
    fake.write_file(pid=sleeper.pid)
    use_daemon(fake.data_dir, fake.pump)
    assert "0.0.9" in connection().message and "0.1.0" in connection().message
    assert connection().cure is cure("RESTART")
    preferences().program = binary
    bpy.ops.overfit.restart_daemon()
    try:
        pump_until(lambda: sleeper.poll() is not None, fake.pump)
        fake.vanish()
        pump_until(ready)
        assert sleeper.returncode in (-signal.SIGTERM, 0)  # 0: the extension's look has picked the code up
        assert connection().server.version.startswith("0.1.")
    finally:
        if (running := pid(fake.data_dir)) != sleeper.pid:
            os.kill(running, signal.SIGKILL)
            wait_for_end(running)


def test_one_asks_for_the_fits(fake, monkeypatch):
    """The list of fits does, and tells how many there are; the heartbeat only looks whether the daemon is there."""
    use_daemon(fake.data_dir, fake.pump)
    monkeypatch.setattr(part("client.connection"), "HEARTBEAT_SECONDS", 0.05)
    # The sleep of before must end first. Then some beats come between two looks of the list, 3 s apart.
    pump_until(lambda: fake.calls[-8:] == ["GetServerInfo"] * 8, fake.pump)
    fit_pb2 = part("api.fit_pb2")
    fake.fit_states = [fit_pb2.FIT_STATE_QUEUED, fit_pb2.FIT_STATE_RUNNING, fit_pb2.FIT_STATE_FAILED]
    look = session().loop.start(session().fit_list.look())
    pump_until(look.done, fake.pump)
    assert connection().fits_there == 2 and len(session().fit_list.left) == 2


def test_fits_do_not_pause_unasked(fake, sleeper):
    fit_pb2 = part("api.fit_pb2")
    fake.write_file(pid=sleeper.pid)
    use_daemon(fake.data_dir, fake.pump)
    # They came after the last look: what the panel knew is not what counts.
    fake.fit_states = [fit_pb2.FIT_STATE_QUEUED, fit_pb2.FIT_STATE_RUNNING, fit_pb2.FIT_STATE_SUCCEEDED]
    bpy.ops.overfit.stop_daemon()
    pump_until(lambda: "would pause" in connection().message, fake.pump)
    assert ready() and sleeper.poll() is None and connection().fits_there == 2
    assert connection().message.startswith("2 fits run or wait")
    bpy.ops.overfit.stop_daemon(pause_fits=True)
    pump_until(lambda: sleeper.poll() is not None, fake.pump)


def test_stop_ends_no_stranger(fake, sleeper, folder):
    """A process that has taken over the number of a dead daemon, or a port whose owner does not know the token."""
    fake.write_file(pid=sleeper.pid, token="wrong")
    use_daemon(fake.data_dir, fake.pump)
    bpy.ops.overfit.stop_daemon()
    pump_until(lambda: failed() and not connection()._lock.locked(), fake.pump)
    fake.write_file(pid=sleeper.pid)
    fake.vanish()
    bpy.ops.overfit.restart_daemon()
    pump_until(lambda: "no longer running" in connection().message, fake.pump)
    preferences().data_dir = str(folder)
    bpy.ops.overfit.stop_daemon()
    pump_until(lambda: "not running" in connection().message, fake.pump)
    assert sleeper.poll() is None


def training(job) -> bool:
    assert job.running, job.message
    return job.training and job.progress.step > 0


def test_a_daemon_that_dies_in_a_fit_is_started_again_and_goes_on(suzanne, by_steps, folder, binary, monkeypatch):
    monkeypatch.setattr(part("client.daemon_process"), "SHORT_LIFE_SECONDS", 0.0)
    by_steps(10**9)
    preferences().program, preferences().start_when_needed = binary, True
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    pump_until(lambda: training(job))
    name = job.fit_name
    for number in (signal.SIGKILL, signal.SIGTERM):
        before = pid(folder)
        os.kill(before, number)
        pump_until(lambda before=before: ready() and connection().peer.file.pid != before and training(job))
    # A restart that the user asks for is none of the fit's business, and neither is a question.
    before = pid(folder)
    bpy.ops.overfit.restart_daemon()
    pump_until(lambda: ready() and connection().peer.file.pid != before and training(job))
    assert job.fit_name == name
    bpy.ops.overfit.cancel()
    pump_until(job._task.done)


def test_a_fit_does_not_start_a_daemon_that_was_stopped(suzanne, by_steps, folder, binary):
    by_steps(10**9)
    preferences().program, preferences().start_when_needed = binary, True
    bpy.ops.overfit.fit()
    (job,) = session().jobs
    pump_until(lambda: training(job))
    bpy.ops.overfit.stop_daemon(pause_fits=True)
    pump_until(lambda: failed() and job.step == "Waiting for the daemon" and not connection()._lock.locked())
    for _ in range(200):
        session().pump(0.01)
    assert failed() and job.running and not (folder / "daemon.json").exists()
    bpy.ops.overfit.start_daemon()
    pump_until(lambda: training(job))
    bpy.ops.overfit.cancel()
    pump_until(job._task.done)


# Log and panel.


def test_the_log_is_shown(folder, tmp_path, capfd):
    with pytest.raises(RuntimeError, match="There is no log"):
        bpy.ops.overfit.show_log()
    stand_in(tmp_path, "echo 'the disk is full' >&2; exit 1")
    bpy.ops.overfit.start_daemon()
    pump_until(lambda: "disk is full" in connection().message)
    assert bpy.ops.overfit.show_log() == {"FINISHED"}
    shown = "".join(capfd.readouterr())
    assert str(folder / "daemon.log") in shown and "the disk is full" in shown


class Layout:
    """Remembers what is drawn."""

    def __init__(self, drawn: list[str]) -> None:
        self.drawn = drawn

    def row(self, **_options):
        return self

    column = box = row

    def label(self, text: str = "", **_options) -> None:
        self.drawn.append(text)

    def operator(self, name: str, **_options):
        self.drawn.append(name)
        return SimpleNamespace()

    def prop(self, owner, name: str, **_options) -> None:
        assert owner.bl_rna.properties[name].description
        self.drawn.append(name)


def drawn_by(draw, *more) -> list[str]:
    """What a function of the interface draws."""
    layout = Layout([])
    system = SimpleNamespace(ui_scale=1.0)
    context = SimpleNamespace(region=SimpleNamespace(width=600), preferences=SimpleNamespace(system=system))
    draw(context, layout, *more)
    return layout.drawn


def drawn_preferences() -> list[str]:
    return drawn_by(part("interface.daemon_panel").draw_preferences, preferences())


def drawn_connection() -> list[str]:
    return drawn_by(part("interface.daemon_panel").draw_connection)


def test_the_preferences_show_what_runs_and_what_is_sent_where(fake, sleeper):
    fake.write_file(pid=sleeper.pid)
    use_daemon(fake.data_dir, fake.pump)
    drawn = drawn_preferences()
    text = " ".join(drawn)
    assert f"127.0.0.1:{fake.port}, process {sleeper.pid}" in text and "Overfit 0.1.0, a fake" in text
    assert "network permission" in text and {"program", "data_dir", "start_when_needed"} <= set(drawn)
    care = {f"overfit.{name}" for name in ("start_daemon", "restart_daemon", "stop_daemon", "show_log")}
    assert care <= set(drawn)
    preferences().location = "REMOTE"
    drawn = drawn_preferences()
    assert {"address", "token", "certificate"} <= set(drawn) and not care & set(drawn)
    assert "encrypted (TLS)" in " ".join(drawn)


def test_each_trouble_has_the_button_that_helps(fake):
    use_daemon(fake.data_dir, fake.pump)
    assert drawn_connection() == ["Connected: Overfit 0.1.0, a fake", "overfit.connect"]
    fake.version = "0.0.9"
    use_daemon(fake.data_dir, fake.pump)
    assert drawn_connection()[-1] == "overfit.restart_daemon"
    fake.vanish()
    use_daemon(fake.data_dir, fake.pump)
    assert drawn_connection()[-1] == "overfit.start_daemon"
    preferences().program = "/no/such/program"
    with pytest.raises(RuntimeError, match="There is no program"):
        bpy.ops.overfit.start_daemon()
    preferences().location = "REMOTE"
    bpy.ops.overfit.connect()
    pump_until(failed)
    assert drawn_connection()[-1] == "preferences.addon_show"


def test_no_frozen_interface_while_the_daemon_is_cared_for(folder, binary, slices):
    """Start, restart and stop: in slices, without a thread."""
    preferences().program = binary
    bpy.ops.overfit.start_daemon()
    pump_until(ready)
    before = pid(folder)
    bpy.ops.overfit.restart_daemon()
    pump_until(lambda: ready() and connection().peer.file.pid != before)
    bpy.ops.overfit.stop_daemon()
    pump_until(failed)
    slices.tell("start, restart and stop of a daemon")
    assert threading.active_count() == 1
