"""What becomes of a fit when its clients come and go, and when it is cancelled."""

import itertools
import threading
import time

import grpc
import pytest
from daemon import fit_pb2, mesh_pb2
from shapes import GOOD_FIT, sphere

CANCEL_SECONDS = 1.0


def kinds(events):
    """Which kind each event is of."""
    return [event.WhichOneof("event") for event in events]


def test_a_sphere_is_fitted(client, upload):
    mesh = upload(client, name="ball")
    assert mesh.health.watertight and mesh.health.consistently_wound and mesh.health.bodies == 1
    fit = client.fit(mesh.name, **GOOD_FIT)
    assert fit.state in (fit_pb2.FIT_STATE_QUEUED, fit_pb2.FIT_STATE_RUNNING)

    events = list(client.watch(fit.name))
    assert kinds(events)[0] == "snapshot" and kinds(events)[-1] == "ended"
    assert set(kinds(events)[1:-1]) == {"progress"}
    sequence = [event.sequence for event in events]
    assert sequence == sorted(set(sequence)), "the sequence grows with every message"
    training = [e.progress for e in events if e.progress.phase == fit_pb2.PHASE_TRAIN and e.progress.step > 0]
    assert len(training) >= 3
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
    seconds = 3.0
    fit = client.fit(mesh.name, seconds=seconds)
    slow = client.watch(fit.name)
    next(slow)  # and then it reads no more until the fit has ended

    seen = {}

    def watch(name):
        with daemon.client() as other:
            seen[name] = list(other.watch(fit.name))

    watchers = [threading.Thread(target=watch, args=(name,)) for name in ("first", "second")]
    start = time.monotonic()
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    assert time.monotonic() - start < seconds + 20
    rest = list(slow)

    ended = [seen["first"][-1].ended, seen["second"][-1].ended, rest[-1].ended]
    assert all(fit.state == fit_pb2.FIT_STATE_SUCCEEDED for fit in ended)
    assert ended[0] == ended[1] == ended[2]
    progress = [event.progress for event in seen["first"] if event.WhichOneof("event") == "progress"]
    assert max(p.elapsed_seconds for p in progress if p.phase == fit_pb2.PHASE_TRAIN) < seconds + 2


def test_a_watch_can_be_taken_up_again(client, upload):
    fit = client.fit(upload(client).name, seconds=1.0)
    watch = client.watch(fit.name)
    seen = [next(watch) for _ in range(3)]
    watch.cancel()
    again = list(client.watch(fit.name, after=seen[-1].sequence))
    assert all(event.sequence > seen[-1].sequence for event in again)
    assert kinds(again)[-1] == "ended"


@pytest.mark.parametrize(
    "phase", [fit_pb2.PHASE_PREPARE, fit_pb2.PHASE_TRAIN, fit_pb2.PHASE_EVALUATE], ids=["prepare", "train", "evaluate"]
)
def test_cancel_takes_effect_within_a_second(client, upload, phase):
    # Large enough for every phase to take a while.
    mesh = upload(client, sphere(rows=300))
    fit = client.fit(mesh.name, seconds=1.0)
    for event in client.watch(fit.name):
        progress = event.snapshot.progress if event.WhichOneof("event") == "snapshot" else event.progress
        if progress.phase == phase:
            break
        assert event.WhichOneof("event") != "ended", "the phase was never announced"
    start = time.monotonic()
    client.fits.CancelFit(fit_pb2.CancelFitRequest(name=fit.name))
    ended = client.wait(fit.name)
    assert time.monotonic() - start < CANCEL_SECONDS
    # Evaluation may just have come to its end.
    late = (fit_pb2.FIT_STATE_SUCCEEDED,) if phase == fit_pb2.PHASE_EVALUATE else ()
    assert ended.state in (fit_pb2.FIT_STATE_CANCELLED, *late)
    if ended.state == fit_pb2.FIT_STATE_CANCELLED:
        assert not ended.model
    # Once more changes nothing.
    again = client.fits.CancelFit(fit_pb2.CancelFitRequest(name=fit.name)).fit
    assert again.state == ended.state


def test_cancel_in_the_queue(client, upload):
    mesh = upload(client)
    running = client.fit(mesh.name, seconds=60.0)
    waiting = client.fit(mesh.name, seconds=60.0)
    for fit in (waiting, running):
        start = time.monotonic()
        client.fits.CancelFit(fit_pb2.CancelFitRequest(name=fit.name))
        assert client.wait(fit.name).state == fit_pb2.FIT_STATE_CANCELLED
        assert time.monotonic() - start < CANCEL_SECONDS


def test_a_running_fit_keeps_its_mesh(client, upload):
    mesh = upload(client)
    fit = client.fit(mesh.name, seconds=1.0)
    client.meshes.DeleteMesh(mesh_pb2.DeleteMeshRequest(name=mesh.name))
    assert client.wait(fit.name).state == fit_pb2.FIT_STATE_SUCCEEDED
    with pytest.raises(grpc.RpcError) as refusal:
        client.fit(mesh.name)
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
