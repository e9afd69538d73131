"""docs/model-format.md as code: a model file needs nothing of ours, only `safetensors` and NumPy."""

import json
import subprocess

import numpy as np
import pytest
from safetensors import safe_open
from shapes import sphere

PRIMES = np.array([1, 2_654_435_761, 805_459_861], np.uint64)


def hash_grid(encoding, table, u):
    """Features of points `u`, `[N, 3]` in the unit frame, as `[N, levels * features]`."""
    levels, entries = encoding["levels"], 2 ** encoding["log2_entries"]
    base, finest = encoding["base_resolution"], encoding["finest_resolution"]
    features, offset = [], 0
    for level in range(levels):
        r = round(base * (finest / base) ** (level / max(1, levels - 1)))
        dense = (r + 1) ** 3 <= entries
        size = min((r + 1) ** 3, entries)
        q = (u + np.float32(1)) * np.float32(r / 2)
        cell = np.clip(np.floor(q), 0, r - 1).astype(np.uint64)
        t = q - cell.astype(np.float32)
        total = 0
        for corner in range(8):
            upper = np.array([corner >> axis & 1 for axis in range(3)], np.uint64)
            v = cell + upper
            if dense:
                row = v[:, 0] + (r + 1) * (v[:, 1] + (r + 1) * v[:, 2])
            else:
                x, y, z = (v * PRIMES % 2**32).T
                row = (x ^ y ^ z) % np.uint64(entries)
            weight = np.where(upper == 1, t, 1 - t).prod(axis=1)
            total = total + weight[:, None] * table[offset + row.astype(np.int64)]
        features.append(total)
        offset += size
    return np.concatenate(features, axis=1)


def bounded(points, low, high):
    """What the distance to the shape's box, with its slack, allows at least; nothing inside of it."""
    slack = 0.02 * (high - low).max()
    to_box = np.linalg.norm(np.maximum(np.maximum(low - slack - points, points - high - slack), 0), axis=1)
    return np.where(to_box > 0, to_box, -np.inf)


def evaluate(path, points):
    """The field's values at points in the mesh's own units, inside the unit frame."""
    with safe_open(path, framework="numpy") as file:
        metadata = json.loads(file.metadata()["overfit"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert metadata["format"] == "overfit.field.v1"
    architecture, frame = metadata["architecture"], metadata["frame"]
    u = ((points.astype(np.float64) - frame["center"]) * frame["scale"]).astype(np.float32)
    assert np.abs(u).max() <= 1
    h = u
    if architecture["encoding"]["kind"] == "hash-grid":
        h = hash_grid(architecture["encoding"], tensors["encoding.grid"], u)
    mlp = architecture["mlp"]
    for layer in range(mlp["hidden_layers"] + 1):
        h = h @ tensors[f"mlp.{layer}.weight"].T + tensors[f"mlp.{layer}.bias"]
        if layer == mlp["hidden_layers"]:
            break
        activation = mlp["activation"]
        if activation["kind"] == "relu":
            h = np.maximum(h, 0)
        else:
            h = np.sin(h * np.float32(activation["first_omega" if layer == 0 else "omega"]))
    low, high = (np.array(metadata["bounds"][end]) for end in ("min", "max"))
    return np.maximum(h[:, 0] / frame["scale"], bounded(points, low, high))


@pytest.mark.parametrize(("preset", "steps"), [("draft", 100), ("detail", 20), ("smooth", 60)])
def test_numpy_reproduces_the_field(binary, tmp_path, preset, steps):
    positions, triangles = sphere()
    mesh = tmp_path / "sphere.obj"
    with mesh.open("w") as file:
        for x, y, z in positions * 3 + 7:
            print("v", x, y, z, file=file)
        for a, b, c in triangles + 1:
            print("f", a, b, c, file=file)
    model, points, values = (tmp_path / name for name in ("m.safetensors", "p.npy", "d.npy"))
    run = [binary, "fit", mesh, "-o", model, "--preset", preset, "--steps", str(steps)]
    subprocess.run(run, check=True, capture_output=True)
    low, high = (positions * 3 + 7).min(0), (positions * 3 + 7).max(0)
    margin = 0.05 * (high - low).max()
    p = np.random.default_rng(1).uniform(low - margin, high + margin, (5000, 3)).astype(np.float32)
    np.save(points, p)
    run = [binary, "eval", model, "--points", points, "-o", values]
    subprocess.run(run, check=True, capture_output=True)
    ours, theirs = np.load(values), evaluate(model, p)
    side = (high - low).max()
    assert np.abs(ours - theirs).max() / side < 1e-5
    # A field, not a constant: the surface lies among the points.
    assert theirs.min() < 0 < theirs.max()
