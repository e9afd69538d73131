"""What becomes of a fit when its clients come and go, and when it is cancelled."""

import itertools
import threading

import grpc
import pytest
from daemon import fit_pb2, mesh_pb2
from shapes import GOOD_FIT, sphere


def kinds(events):
    """Which kind each event is of."""
    return [event.WhichOneof("event") for event in events]


def test_a_sphere_is_fitted(client, upload):
    mesh = upload(client, name="ball")
    assert mesh.health.watertight and mesh.health.consistently_wound and mesh.health.bodies == 1
    # Long enough that nobody can miss all of its training.
    fit = client.fit(mesh.name, **GOOD_FIT | {"steps": 5000})
    assert fit.state in (fit_pb2.FIT_STATE_QUEUED, fit_pb2.FIT_STATE_RUNNING)

    events = list(client.watch(fit.name))
    assert kinds(events)[0] == "snapshot" and kinds(events)[-1] == "ended"
    assert set(kinds(events)[1:-1]) == {"progress"}
    sequence = [event.sequence for event in events]
    assert sequence == sorted(set(sequence)), "the sequence grows with every message"
    training = [e.progress for e in events if e.progress.phase == fit_pb2.PHASE_TRAIN and e.progress.step > 0]
    assert training  # a watcher that is slow sees the newest only
    assert all(a.step <= b.step and a.fraction <= b.fraction for a, b in itertools.pairwise(training))
    assert training[-1].samples_per_second > 0 and training[-1].loss > 0

    ended = events[-1].ended
    assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
    assert ended.metrics.near_mae < 2e-3 and ended.metrics.iou > 0.98 and ended.metrics.sign_agreement > 0.95
    assert ended.display_name == "ball"


def test_a_fit_goes_on_after_its_client_is_gone(daemon, client, upload):
    mesh = upload(client)
    with daemon.client() as other:
        fit = other.fit(mesh.name, seconds=2.0)
        next(iter(other.watch(fit.name)))
    ended = client.wait(fit.name)
    assert ended.state == fit_pb2.FIT_STATE_SUCCEEDED, ended.error.message
    # A watch of a fit that has ended tells its end, too.
    assert kinds(client.watch(fit.name))[-1] == "ended"


def test_many_watch_and_a_slow_one_slows_nobody(daemon, client, upload):
    mesh = upload(client)
    fit = client.fit(mesh.name, seconds=3.0)
    slow = client.watch(fit.name)
    next(slow)  # and then it reads no more until the others have seen the end

    seen = {}

    def watch(name):
        with daemon.client() as other:
            seen[name] = list(other.watch(fit.name))

    watchers = [threading.Thread(target=watch, args=(name,)) for name in ("first", "second")]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    rest = list(slow)

    ended = [seen["first"][-1].ended, seen["second"][-1].ended, rest[-1].ended]
    assert all(fit.state == fit_pb2.FIT_STATE_SUCCEEDED for fit in ended)
    assert ended[0] == ended[1] == ended[2]


@pytest.fixture
def endless(client, upload):
    """Starts fits that do not end by themselves."""
    mesh = upload(client, sphere(rows=100)).name
    names = []

    def start():
        fit = client.fit(mesh, seconds=3600.0)
        names.append(fit.name)
        return fit

    yield start
    for name in names:
        cancel(client, name)


def cancel(client, name):
    """Cancels a fit; returns it as it is then."""
    return client.fits.CancelFit(fit_pb2.CancelFitRequest(name=name)).fit


def test_a_watch_can_be_taken_up_again(client, endless):
    fit = endless()
    watch = client.watch(fit.name)
    seen = [next(watch) for _ in range(3)]
    watch.cancel()
    cancel(client, fit.name)
    again = list(client.watch(fit.name, after=seen[-1].sequence))
    assert all(event.sequence > seen[-1].sequence for event in again)
    assert kinds(again)[-1] == "ended"


def test_cancel_ends_a_fit_that_trains(client, endless):
    """In every other phase: tests/server/real_fit.rs, which can hold a fit there."""
    fit = endless()
    for event in client.watch(fit.name):
        progress = event.snapshot.progress if event.WhichOneof("event") == "snapshot" else event.progress
        if progress.phase == fit_pb2.PHASE_TRAIN and progress.step > 0:
            break
    cancel(client, fit.name)
    ended = client.wait(fit.name)
    assert ended.state == fit_pb2.FIT_STATE_CANCELLED and not ended.model
    # Once more changes nothing.
    assert cancel(client, fit.name).state == ended.state


def test_cancel_in_the_queue_and_at_the_start(client, endless):
    running, waiting = endless(), endless()
    for fit in (waiting, running):
        cancel(client, fit.name)
        assert client.wait(fit.name).state == fit_pb2.FIT_STATE_CANCELLED


def test_a_running_fit_keeps_its_mesh(client, upload):
    mesh = upload(client)
    fit = client.fit(mesh.name, seconds=1.0)
    client.meshes.DeleteMesh(mesh_pb2.DeleteMeshRequest(name=mesh.name))
    assert client.wait(fit.name).state == fit_pb2.FIT_STATE_SUCCEEDED
    with pytest.raises(grpc.RpcError) as refusal:
        client.fit(mesh.name)
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
