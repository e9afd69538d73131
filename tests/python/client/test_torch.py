"""The module of PyTorch: values and gradients of the daemon's, training, and the way back. Skipped where there is no
PyTorch.
"""

import subprocess

import numpy as np
import overfit
import pytest
from conftest import CENTER, RADIUS, big_ball, options
from overfit.model_file import read_model_file, write_model_file

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import overfit.torch  # noqa: E402

# Threads that wait for each other take many times as long on a busy machine.
torch.set_num_threads(1)

JOINED = (
    "{kind='joined', parts=[{kind='identity'}, {kind='hash-grid', levels=3, log2_entries=9, interpolation='quadratic'},"
    " {kind='tri-plane', levels=1, interpolation='quadratic'}, {kind='fourier', waves=4, scale=1.0}]}"
)
FITS = {
    "draft": {},
    "smooth": {"preset": "smooth", "steps": 10},
    "joined": {"settings": {"spline": "none", "architecture.encoding": JOINED}},
    "skip": {"settings": {"spline": "none", "architecture.encoding": JOINED, "architecture.mlp.skip": 1}},
    "wire": {"settings": {"spline": "none", "architecture.mlp.activation.kind": "wire"}},
}


def surroundings(count: int):
    """Points in the ball's box, and up to some sizes beyond it, `[2, count, 3]` f32."""
    random = np.random.default_rng(1)
    near = random.uniform(-RADIUS, RADIUS, (count, 3))
    return (CENTER + np.stack([near, random.normal(size=(count, 3)) * 3 * RADIUS])).astype(np.float32)


@pytest.mark.filterwarnings("ignore::overfit.OverfitWarning")  # some are not fitted long enough to be good
@pytest.mark.parametrize("name", FITS)
def test_values_and_gradients_are_those_of_the_daemon(daemon, tmp_path, name):
    field = daemon.fit(*big_ball(), **options(**{"steps": 50, **FITS[name]}))
    field.save(tmp_path / "model.safetensors")
    module = overfit.torch.load(tmp_path / "model.safetensors")
    points = surroundings(300)
    with torch.no_grad():
        values = module(torch.tensor(points)).numpy()
    exact = field.distance(points)
    assert values.shape == (2, 300)
    assert np.max(np.abs(values - exact) / (RADIUS + np.abs(exact))) < 1e-5
    gradients = module.gradient(torch.tensor(points[0])).numpy()
    apart = np.linalg.norm(gradients - field.gradient(points[0]), axis=1)
    # On the very edges between cells either side is right.
    assert np.quantile(apart, 0.99) < 1e-4 and gradients.shape == (300, 3)
    module.save(tmp_path / "again.safetensors")
    again = daemon.load(tmp_path / "again.safetensors")
    assert np.array_equal(again.distance(points), exact) and again.metrics is None


def test_it_trains_on(ball, daemon, tmp_path):
    """Towards a ball that is a tenth larger, with a term on gradients."""
    ball.save(tmp_path / "ball.safetensors")
    module = overfit.torch.load(tmp_path / "ball.safetensors")
    points = torch.tensor(surroundings(500)[0])
    wanted = (points - torch.tensor(CENTER, dtype=torch.float32)).norm(dim=1) - 1.1 * RADIUS
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        lengths = module.gradient(points, create_graph=True).norm(dim=-1)
        loss = (module(points) - wanted).square().mean() + 0.01 * (lengths - 1).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert all(parameter.grad is not None for parameter in module.parameters())
    module.save(tmp_path / "larger.safetensors")
    with torch.no_grad():
        trained = module(points).numpy()
    larger = daemon.load(tmp_path / "larger.safetensors")
    # Coefficients of the spline are kept in half precision.
    assert np.abs(larger.distance(points.numpy()) - trained).max() < 1e-3 * RADIUS
    with torch.no_grad():
        next(module.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="training has diverged"):
        module.save(tmp_path / "larger.safetensors")


def test_double_precision_and_states(ball, tmp_path):
    ball.save(tmp_path / "ball.safetensors")
    module, other = (overfit.torch.load(tmp_path / "ball.safetensors") for _ in range(2))
    points = torch.tensor(surroundings(50)[0])
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
        other.load_state_dict(module.state_dict())
        assert torch.equal(other(points), module(points))
        wide = module.double()(points.double())
        assert wide.dtype == torch.float64 and (wide - other(points)).abs().max() < 1e-4 * RADIUS


def test_files_that_are_none(ball, tmp_path):
    path = tmp_path / "ball.safetensors"
    ball.save(path)
    model = read_model_file(path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(overfit.InvalidInput, match="damaged: its checksum is wrong"):
        overfit.torch.load(path)
    for bad in (b"", b"short", bytes(64), b"\xff" * 64, data[:5000]):
        path.write_bytes(bad)
        with pytest.raises(overfit.InvalidInput):
            overfit.torch.load(path)
    write_model_file(path, type(model)({"format": "overfit.field.v9"}, model.tensors))
    with pytest.raises(overfit.InvalidInput, match=r"overfit\.field\.v9, which a newer version wrote"):
        overfit.torch.load(path)


def test_compact_files_are_read(ball, binary, tmp_path):
    ball.save(tmp_path / "ball.safetensors")
    run = [binary, "compress", tmp_path / "ball.safetensors", "-o", tmp_path / "small.safetensors"]
    subprocess.run(run, check=True, capture_output=True)
    with torch.no_grad():
        module = overfit.torch.load(tmp_path / "small.safetensors")
        points = surroundings(100)[0]
        assert np.abs(module(torch.tensor(points)).numpy() - ball.distance(points)).max() < 1e-3 * RADIUS
