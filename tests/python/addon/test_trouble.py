"""What goes wrong is said in words, leaves nothing half done, and the next try works."""

import bpy
import numpy as np
import pytest
from conftest import PACKAGE, part, pump_until, session, use_daemon


@pytest.fixture
def fake(unconnected_fake):
    """Each test connects when it has broken what it breaks."""
    return unconnected_fake


def connect(fake) -> str:
    """Connects to the fake; returns the panel's words."""
    use_daemon(fake.data_dir, fake.pump)
    return session().connection.message


def fit_to_end(fake):
    """Presses the button and waits; returns the job."""
    bpy.ops.overfit.fit()
    job = session().jobs[-1]
    pump_until(lambda: not job.running, fake.pump)
    return job


def state(name: str):
    return part("jobs.job").JobState[name]


def result_of(job) -> bpy.types.Object:
    assert job.state is state("DONE"), job.message
    return bpy.data.objects[job.result_name]


# The button, with no daemon to answer it.


def test_absent_daemon_is_said_at_once(suzanne, tmp_path):
    with pytest.raises(RuntimeError, match=r"daemon is not running.*Start Daemon"):
        bpy.ops.overfit.fit()
    pump_until(lambda: "not running" in session().connection.message)
    assert session().jobs == []


def test_stale_file_of_a_dead_daemon(suzanne, fake):
    fake.vanish()
    assert "no longer running" in connect(fake)
    job = fit_to_end(fake)
    assert job.state is state("FAILED") and "no longer running" in job.message
    assert len(bpy.data.objects) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"address":"127.0.0.1"}', '{"address":"x","port":"y"}', "\x00"])
def test_damaged_file(suzanne, tmp_path, text):
    (tmp_path / "daemon.json").write_text(text)
    use_daemon(tmp_path)
    assert "damaged" in session().connection.message
    with pytest.raises(RuntimeError, match="damaged"):
        bpy.ops.overfit.fit()


@pytest.mark.parametrize("address", ["192.0.2.1", "0.0.0.0", "::"])
def test_only_loopback(fake, address):
    fake.write_file(address=address)
    assert "not an address on this computer" in connect(fake)


def test_other_version_names_both_and_the_cure(fake):
    fake.version = "0.2.7"
    words = connect(fake)
    assert "0.2.7" in words and "0.1.0" in words and "Update this extension" in words
    fake.version = "0.0.9"
    assert "Update the daemon" in connect(fake)
    fake.version = "0.1.9"
    assert connect(fake).startswith("Connected")


def test_wrong_token(suzanne, fake):
    fake.write_file(token="wrong")
    assert "token" in connect(fake)
    job = fit_to_end(fake)
    assert job.state is state("FAILED") and "token" in job.message


def test_a_program_that_is_no_daemon(fake, monkeypatch):
    monkeypatch.setattr(part("client.connection"), "HANDSHAKE_SECONDS", 0.2)
    fake.silent = True
    assert "does not answer" in connect(fake)


def test_a_daemon_that_appears_is_found_by_itself(fake):
    (fake.data_dir / "daemon.json").rename(fake.data_dir / "later.json")
    assert "not running" in connect(fake)
    (fake.data_dir / "later.json").rename(fake.data_dir / "daemon.json")
    pump_until(lambda: session().connection.message.startswith("Connected"), fake.pump)


def test_a_daemon_that_goes_is_noticed_when_idle(fake, monkeypatch):
    monkeypatch.setattr(part("client.connection"), "HEARTBEAT_SECONDS", 0.1)
    connect(fake)
    fake.vanish()
    failed = part("client.connection").ConnectionState.FAILED
    pump_until(lambda: session().connection.state is failed, fake.pump)
    # The heartbeat notices it, or the list of fits, whichever comes first.
    words = session().connection.message
    assert "no longer running" in words or "was lost. Is it still running?" in words


# Meshes that cannot be fitted.


def test_nothing_selected():
    with pytest.raises(RuntimeError, match="Select a mesh object"):
        bpy.ops.overfit.fit()
    bpy.ops.object.empty_add()
    with pytest.raises(RuntimeError, match="Select a mesh object"):
        bpy.ops.overfit.fit()
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.active_object.select_set(False)
    with pytest.raises(RuntimeError, match="Select a mesh object"):
        bpy.ops.overfit.fit()


def test_mesh_without_faces(suzanne, fake):
    connect(fake)
    suzanne.data.clear_geometry()
    with pytest.raises(RuntimeError, match="'Suzanne' has no faces after its modifiers"):
        bpy.ops.overfit.fit()


def test_a_wireframe_is_no_scan(suzanne, fake):
    connect(fake)
    suzanne.modifiers.clear()
    suzanne.data.clear_geometry()
    suzanne.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 1), (1, 2)], [])
    with pytest.raises(RuntimeError, match=r"'Suzanne' has edges and no faces.*delete the edges"):
        bpy.ops.overfit.fit()


def test_coordinate_that_is_not_a_number(suzanne, fake):
    connect(fake)
    suzanne.modifiers.clear()
    suzanne.data.vertices[7].co.x = float("nan")
    with pytest.raises(RuntimeError, match="Vertex 7 of 'Suzanne'"):
        bpy.ops.overfit.fit()


def test_the_same_object_twice(suzanne, fake):
    connect(fake)
    fake.messages = 10**6
    bpy.ops.overfit.fit()
    with pytest.raises(RuntimeError, match="being fitted already"):
        bpy.ops.overfit.fit()


# What the daemon may answer.


def test_round_trip_is_exact(suzanne, fake):
    connect(fake)
    settings = bpy.context.scene.overfit
    settings.preset, settings.limit, settings.seconds = "standard", "TIME", 2.0
    result = result_of(fit_to_end(fake))
    evaluated = suzanne.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    assert len(evaluated.vertices) > len(suzanne.data.vertices)
    sent, back = (np.empty(len(mesh.vertices) * 3, np.float32) for mesh in (evaluated, result.data))
    evaluated.vertices.foreach_get("co", sent)
    result.data.vertices.foreach_get("co", back)
    assert (sent == back).all()
    evaluated.calc_loop_triangles()
    triangles = [tuple(triangle.vertices) for triangle in evaluated.loop_triangles]
    assert triangles == [tuple(polygon.vertices) for polygon in result.data.polygons]
    assert not result.data.validate(verbose=True)
    assert all(polygon.use_smooth for polygon in result.data.polygons)
    assert result.matrix_world == suzanne.matrix_world
    assert fake.settings.preset == "standard" and fake.settings.seconds == 2.0
    assert session().jobs[-1].notes == ["the mesh is a fake"]
    assert session().jobs[-1].losses[-1] == pytest.approx(1.0 / 3.0)


def test_loose_vertices_stay_home(clean, fake):
    connect(fake)
    mesh = bpy.data.meshes.new("Loose")
    mesh.from_pydata([(9, 9, 9), (0, 0, 0), (1, 0, 0), (7, 7, 7), (0, 1, 0)], [(0, 3)], [(1, 2, 4)])
    obj = bpy.data.objects.new("Loose", mesh)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    obj.select_set(True)
    result = result_of(fit_to_end(fake))
    assert [tuple(vertex.co) for vertex in result.data.vertices] == [(0, 0, 0), (1, 0, 0), (0, 1, 0)]


@pytest.mark.parametrize(
    ("damage", "words"), [("short", "not whole"), ("index", "damaged mesh"), ("empty", "no surface")]
)
def test_damaged_answer(suzanne, fake, damage, words):
    connect(fake)
    fake.damage = damage
    job = fit_to_end(fake)
    assert job.state is state("FAILED") and words in job.message
    assert len(bpy.data.objects) == 1 and len(bpy.data.meshes) == 1


def test_refused_upload(suzanne, fake):
    connect(fake)
    fake.upload_error = "the mesh has 2 GB, more than the limit of 1 GB"
    job = fit_to_end(fake)
    assert job.state is state("FAILED") and job.message == fake.upload_error


def test_failed_fit(suzanne, fake):
    connect(fake)
    fake.fail_with = "training diverged: use a smaller learning rate"
    job = fit_to_end(fake)
    assert job.state is state("FAILED") and job.message == fake.fail_with
    fake.fail_with = None
    result_of(fit_to_end(fake))


def test_volume_that_blender_cannot_read(suzanne, fake):
    connect(fake)
    result_of(fit_to_end(fake))
    bpy.ops.overfit.extract_volume()
    job = session().jobs[-1]
    pump_until(lambda: not job.running, fake.pump)
    assert job.state is state("FAILED") and "cannot read" in job.message
    assert len(bpy.data.volumes) == 0


def test_volume_without_field(suzanne):
    with pytest.raises(RuntimeError, match="Select an object that was fitted"):
        bpy.ops.overfit.extract_volume()


# Broken off in the middle.


def test_broken_watch_goes_on_where_it_was(suzanne, fake):
    connect(fake)
    fake.messages, fake.break_watch_at = 6, 4
    result_of(fit_to_end(fake))
    assert fake.watches == [0, 4]


def test_daemon_lost_in_a_fit(suzanne, fake):
    connect(fake)
    fake.messages = 10**6
    bpy.ops.overfit.fit()
    job = session().jobs[-1]
    pump_until(lambda: job.step == "Training", fake.pump)
    fake.vanish()
    # The fit goes on when the daemon is back: whoever looks on may wait, a script does so for a while.
    pump_until(lambda: job.step == "Waiting for the daemon", fake.pump)
    assert job.running
    job.patience = 0.0
    pump_until(lambda: not job.running, fake.pump)
    assert job.state is state("FAILED")
    assert job.message.startswith("The connection was lost during the fit. The Overfit daemon is no longer running")


def test_cancel_reaches_the_daemon(suzanne, fake):
    connect(fake)
    fake.messages = 10**6
    bpy.ops.overfit.fit()
    job = session().jobs[-1]
    pump_until(lambda: job.step == "Training", fake.pump)
    bpy.ops.overfit.cancel()
    assert job.state is state("CANCELLED")
    pump_until(lambda: fake.cancelled == ["fits/1"], fake.pump)
    assert len(bpy.data.objects) == 1
    fake.messages = 3
    result_of(fit_to_end(fake))


def test_cancel_in_every_step(suzanne, fake):
    """A cancel after any number of turns ends the job at once, and no fit of it is left in the daemon."""
    connect(fake)
    fake.messages = 10**6
    created = 0
    for turns in range(0, 60, 2):
        fake.settings, fake.cancelled = None, []
        bpy.ops.overfit.fit()
        job = session().jobs[-1]
        for _ in range(turns):
            session().loop._one_round()
            fake.pump()
        job.cancel()
        assert job.state is state("CANCELLED")
        pump_until(job._task.done, fake.pump)
        if fake.settings is not None:
            created += 1
            pump_until(lambda: fake.cancelled == ["fits/1"], fake.pump)
    assert 0 < created < 30  # some were cancelled before there was a fit, some after


def test_unregister_in_a_fit(suzanne, fake, capfd):
    connect(fake)
    fake.messages = 10**6
    bpy.ops.overfit.fit()
    job = session().jobs[-1]
    pump_until(lambda: job.step == "Training", fake.pump)
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    assert job.state is state("CANCELLED") and session() is None
    assert job._task.done() and job.connection.loop._loop.is_closed()
    assert not hasattr(bpy.types.Scene, "overfit")
    assert part("session")._on_file_loaded not in bpy.app.handlers.load_post
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    output = "".join(capfd.readouterr())
    assert "Traceback" not in output and "Warning" not in output, output
    fake.messages = 3
    fake.pump()
    connect(fake)
    result_of(fit_to_end(fake))


def test_another_file_in_a_fit(suzanne, fake, tmp_path):
    connect(fake)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"))
    fake.messages = 10**6
    bpy.ops.overfit.fit()
    job = session().jobs[-1]
    pump_until(lambda: job.step == "Training", fake.pump)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other.blend"))
    assert job.state is state("CANCELLED") and session().jobs == []
    pump_until(job._task.done, fake.pump)
    assert fake.cancelled == []  # the fit goes on in the daemon
    assert [obj.name for obj in bpy.data.objects] == ["Suzanne"]
    fake.messages = 3
    connect(fake)
    result_of(fit_to_end(fake))


def test_object_deleted_in_a_fit(suzanne, fake):
    connect(fake)
    fake.messages, fake.pause = 20, 0.02
    matrix = suzanne.matrix_world.copy()
    bpy.ops.overfit.fit()
    pump_until(lambda: session().jobs[-1].step == "Training", fake.pump)
    bpy.data.objects.remove(suzanne)
    pump_until(lambda: not session().jobs[-1].running, fake.pump)
    result = result_of(session().jobs[-1])
    assert np.allclose(np.array(result.matrix_world), np.array(matrix), rtol=1e-6, atol=1e-6)


def test_object_moved_and_renamed_in_a_fit(suzanne, fake):
    connect(fake)
    fake.messages, fake.pause = 20, 0.02
    bpy.ops.overfit.fit()
    pump_until(lambda: session().jobs[-1].step == "Training", fake.pump)
    suzanne.name = "Renamed"
    suzanne.location.z += 5.0
    bpy.context.view_layer.update()
    pump_until(lambda: not session().jobs[-1].running, fake.pump)
    assert result_of(session().jobs[-1]).matrix_world == suzanne.matrix_world
    assert suzanne.overfit.model == "models/1" and suzanne.hide_get()


def test_result_waits_for_edit_mode(suzanne, fake):
    connect(fake)
    fake.messages, fake.pause = 20, 0.02
    bpy.ops.overfit.fit()
    bpy.ops.object.mode_set(mode="EDIT")
    pump_until(lambda: not session().jobs[-1].running, fake.pump)
    result = result_of(session().jobs[-1])
    assert suzanne.mode == "EDIT" and bpy.context.active_object == suzanne
    assert not result.select_get() and not suzanne.hide_get()


# Settings and scale.


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        ((1, 2, 1), "scaled by 1 by 2 by 1"),
        ((-1, 1, 1), "negative scale"),
        ((0, 1, 1), "scaled to nothing"),
        ((2, 2, 2), ""),
    ],
)
def test_scale_is_explained(suzanne, fake, scale, words):
    connect(fake)
    suzanne.scale = scale
    job = fit_to_end(fake)
    notes = [note for note in job.notes if "fake" not in note]
    assert (words in notes[0]) if words else notes == []
    result = result_of(job)
    assert result.matrix_world == suzanne.matrix_world


def test_presets_are_the_daemons(suzanne, fake):
    panel = part("interface.panel")
    session().connection.server = None
    assert [name for name, _ in panel.offered_presets()] == list(panel.USUAL_PRESETS)
    connect(fake)
    assert panel.offered_presets() == [("draft", "Fast (5 s)"), ("standard", "Good (30 s)")]
    settings = bpy.context.scene.overfit
    settings.preset, settings.limit = "", "PRESET"
    result_of(fit_to_end(fake))
    assert fake.settings.preset == "" and not fake.settings.HasField("seconds")


def test_results_go_beside_the_original(suzanne, fake):
    connect(fake)
    collection = bpy.data.collections.new("Deep")
    bpy.context.scene.collection.children.link(collection)
    for old in suzanne.users_collection:
        old.objects.unlink(suzanne)
    collection.objects.link(suzanne)
    bpy.context.view_layer.objects.active = suzanne
    suzanne.select_set(True)
    result = result_of(fit_to_end(fake))
    assert list(result.users_collection) == [collection]
    assert bpy.context.active_object == result and result.select_get() and suzanne.hide_get()
