"""A daemon that was started for whoever needs it ends when nobody does: one that Blender starts leaves no orphan."""

import subprocess
import time

from daemon import PATIENCE, Daemon, fit_pb2, model_pb2

IDLE = 5.0
"""Long enough for a client to connect meanwhile, on a busy machine, too."""


def test_it_ends_where_nobody_comes(binary, tmp_path):
    daemon = Daemon(binary, tmp_path / "data", "--exit-when-idle", "0.5")
    assert daemon.process.wait(PATIENCE) == 0
    assert not (daemon.folder / "daemon.json").exists()


def test_a_connection_and_then_a_fit_keep_it(binary, tmp_path, upload):
    with Daemon(binary, tmp_path / "data", "--exit-when-idle", str(IDLE)) as daemon:
        with daemon.client() as client:
            mesh = upload(client)
            time.sleep(1.5 * IDLE)  # with an open connection and no call
            assert client.wait(client.fit(mesh.name, steps=10).name).state == fit_pb2.FIT_STATE_SUCCEEDED
            fit = client.fit(mesh.name, preset="draft", seconds=3600.0)
            for event in client.watch(fit.name):
                if event.progress.phase == fit_pb2.PHASE_TRAIN:
                    break
        time.sleep(1.5 * IDLE)  # with a fit and no connection
        with daemon.client() as client:
            client.fits.FinishFit(fit_pb2.FinishFitRequest(name=fit.name))
            assert client.wait(fit.name).state == fit_pb2.FIT_STATE_SUCCEEDED
            assert len(client.models.ListModels(model_pb2.ListModelsRequest()).models) == 2
        assert daemon.process.wait(PATIENCE) == 0
        assert not (daemon.folder / "daemon.json").exists()


def test_a_time_that_is_none_is_refused(binary, tmp_path):
    for text in ("0", "-1", "soon"):
        outcome = subprocess.run([binary, "serve", "--exit-when-idle", text], capture_output=True, text=True)
        assert outcome.returncode == 2 and "positive number of seconds" in outcome.stderr
