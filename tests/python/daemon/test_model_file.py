"""docs/model-format.md as code: a model file needs nothing of ours, only `safetensors` and NumPy."""

import json
import re
import subprocess
import zlib

import compact_file
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from shapes import sphere


def encode(encoding, tensors, u):
    """What goes into the first layer at points `u`, `[N, 3]` in the unit frame."""
    parts = flat(encoding)
    features, offset = [], 0
    for part in parts:
        for resolution, entries, strides, hashed in levels(part):
            rows = tensors["encoding.grid"][offset : offset + entries]
            features.append(interpolated(rows, resolution, strides, hashed, shares(part), u))
            offset += entries
    features += [u for part in parts if part["kind"] == "identity"]
    for part in parts:
        for k, phase in waves(part):
            features.append(np.sin(2 * np.pi * (u @ k + phase))[:, None])
    return np.concatenate(features, axis=1)


def flat(encoding):
    """The encodings that are joined; one alone if it is not joined."""
    if encoding["kind"] != "joined":
        return [encoding]
    return [part for joined in encoding["parts"] for part in flat(joined)]


def levels(encoding):
    """The grids of an encoding: resolution, entries, strides by axis, and whether vertices share entries by a hash."""
    for level in range(encoding.get("levels", 0)):
        base, finest = encoding["base_resolution"], encoding["finest_resolution"]
        r = round(base * (finest / base) ** (level / max(1, encoding["levels"] - 1)))
        side = r + len(shares(encoding)) - 1
        match encoding["kind"]:
            case "hash-grid" if side**3 > 2 ** encoding["log2_entries"]:
                yield r, 2 ** encoding["log2_entries"], [1, 2_654_435_761, 805_459_861], True
            case "hash-grid" | "dense-grid":
                yield r, side**3, [1, side, side**2], False
            case "tri-plane":
                for strides in ([1, side, 0], [1, 0, side], [0, 1, side]):
                    yield r, side**2, strides, False


def shares(encoding):
    """What the vertices along an axis weigh at the place `t` of a cell, from its lower end on."""
    if encoding.get("interpolation", "linear") == "quadratic":
        return [lambda t: (1 - t) ** 2 / 2, lambda t: 0.5 + t - t**2, lambda t: t**2 / 2]
    return [lambda t: 1 - t, lambda t: t]


def interpolated(rows, r, strides, hashed, shares, u):
    """The features of one grid, whose entries are `rows`."""
    q = (u + np.float32(1)) * np.float32(r / 2)
    cell = np.clip(np.floor(q), 0, r - 1).astype(np.uint64)
    t = q - cell.astype(np.float32)
    total = 0
    for taps in np.ndindex(*[len(shares)] * 3):
        x, y, z = ((cell + np.array(taps, np.uint64)) * np.array(strides, np.uint64) % 2**32).T
        row = (x ^ y ^ z) % np.uint64(len(rows)) if hashed else x + y + z
        weight = np.prod([shares[tap](t[:, axis]) for axis, tap in enumerate(taps)], axis=0)
        total = total + weight[:, None] * rows[row.astype(np.int64)]
    return total


def waves(encoding):
    """Waves a unit of length along each axis, and phases, of sines and cosines."""
    match encoding["kind"]:
        case "positional":
            for octave in range(encoding["octaves"]):
                for phase in (0, 0.25):
                    for axis in np.eye(3):
                        yield axis * 2.0 ** (octave - 1), phase
        case "fourier":
            for index in range(encoding["waves"]):
                a, b, c, d = ((0.5 + index / 1.1673039782614187**power) % 1 for power in (1, 2, 3, 4))
                first, second = np.sqrt(-2 * np.log(1 - a)), np.sqrt(-2 * np.log(1 - c))
                turn = 2 * np.pi
                normal = np.array([first * np.cos(turn * b), first * np.sin(turn * b), second * np.cos(turn * d)])
                for phase in (0, 0.25):
                    yield normal * encoding["scale"] / 2, phase


def b_spline(x, degree):
    """The uniform B-spline about 0."""
    x = np.abs(x)
    if degree == "quadratic":
        return np.where(x <= 0.5, 0.75 - x**2, np.maximum(1.5 - x, 0) ** 2 / 2)
    return np.where(x <= 1, 2 / 3 - x**2 + x**3 / 2, np.maximum(2 - x, 0) ** 3 / 6)


def spline(description, tensors, u):
    """The sum of a spline's levels at points `u`, `[N, 3]` in the unit frame."""
    total = np.zeros(len(u))
    for level, cells in enumerate(description["cells"]):
        bricks, masks, values = (tensors[f"spline.{level}.{part}"] for part in ("bricks", "masks", "coefficients"))
        side = -(-(cells + 3) // 4)
        has = np.unpackbits(masks.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little").astype(bool)
        coefficients = np.zeros((len(bricks) + 1, 64))
        coefficients[:-1][has] = values
        # The last one is that of bricks that are not there: all zero.
        table = np.full(side**3, len(bricks))
        table[bricks] = np.arange(len(bricks))
        position = (u.astype(np.float64) + 1) * cells / 2
        # Five nodes an axis are more than any spline reaches; those beyond the lattice have no coefficient.
        for k in range(-2, 3):
            for j in range(-2, 3):
                for i in range(-2, 3):
                    node = np.round(position).astype(int) + np.array([i, j, k])
                    weight = b_spline(position - node, description["degree"]).prod(1)
                    place = node + 1
                    known = ((place >= 0) & (place < 4 * side)).all(1)
                    place = np.where(known[:, None], place, 0)
                    brick, within = place // 4 @ [1, side, side**2], place % 4 @ [1, 4, 16]
                    total += np.where(known, weight * coefficients[table[brick], within], 0)
    return total


def bounded(points, low, high):
    """What the distance to the shape's box, with its slack, allows at least; nothing inside of it."""
    slack = 0.02 * (high - low).max()
    to_box = np.linalg.norm(np.maximum(np.maximum(low - slack - points, points - high - slack), 0), axis=1)
    return np.where(to_box > 0, to_box, -np.inf)


def squared_distances(points, a, b, c):
    """From each of `points`, `[N, 3]`, to the nearest of the triangles; these may be segments or points."""
    least = np.full(len(points), np.inf)
    normal = np.cross(b - a, c - a)
    squared_area = (normal**2).sum(1)
    for i, p in enumerate(points):
        over_inside = squared_area > 0
        for start, end in ((a, b), (b, c), (c, a)):
            side, away = end - start, p - start
            t = (away * side).sum(1) / np.maximum((side**2).sum(1), 1e-300)
            rest = away - np.clip(t, 0, 1)[:, None] * side
            least[i] = min(least[i], (rest**2).sum(1).min())
            over_inside &= (np.cross(side, away) * normal).sum(1) > 0
        height = ((p - a) * normal).sum(1)[over_inside]
        least[i] = min(least[i], (height**2 / squared_area[over_inside]).min(initial=np.inf))
    return least


def outer_distance(points, nearest, cells):
    """From points at the border of the unit frame and beyond to what of the shape is nearest to anything there."""
    corner = nearest.astype(np.float64)[cells.astype(np.int64)]
    a, b, c = (np.concatenate([corner[:, i], corner[:, j]]) for i, j in ((0, 0), (1, 3), (3, 2)))
    alone = np.delete(nearest, np.unique(cells), axis=0)
    a, b, c = (np.concatenate([end, alone]) for end in (a, b, c))
    return np.sqrt(squared_distances(points.astype(np.float64), a, b, c))


def evaluate(path, points):
    """The field's values at points in the mesh's own units."""
    with safe_open(path, framework="numpy") as file:
        metadata = json.loads(file.metadata()["overfit"])
        if metadata["format"] == "overfit.coded.v1":
            metadata, tensors = compact_file.load(file, shapes)
        else:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            assert metadata["format"] == "overfit.field.v1"
    frame = metadata["frame"]
    u = ((points.astype(np.float64) - frame["center"]) * frame["scale"]).astype(np.float32)
    q = np.clip(u, -1, 1)
    low, high = ((np.array(metadata["bounds"][end]) - frame["center"]) * frame["scale"] for end in ("min", "max"))
    value = network(metadata["architecture"], tensors, q)
    if "spline" in metadata:
        value = value + spline(metadata["spline"], tensors, q)
    value = np.maximum(value, bounded(q, low, high))
    if "outer.nearest" in tensors:
        depth = 1 - np.abs(u).max(1)
        shell = depth < 1 / 16
        outer = outer_distance(u[shell], tensors["outer.nearest"], tensors["outer.cells"])
        share = 1 - 16 * np.maximum(depth[shell], 0)
        value[shell] += share * (outer - value[shell])
    else:
        value = value + np.linalg.norm(u - q, axis=1)
    return value / frame["scale"]


def shapes(architecture):
    """Names and shapes of the network's tensors, in their order."""
    parts = flat(architecture["encoding"])
    grids = [grid for part in parts for grid in levels(part)]
    width = sum(3 for part in parts if part["kind"] == "identity") + sum(len(list(waves(part))) for part in parts)
    if grids:
        features = next(part["features"] for part in parts if "features" in part)
        yield "encoding.grid", (sum(entries for _, entries, _, _ in grids), features)
        width += len(grids) * features
    mlp, encoded = architecture["mlp"], width
    for layer in range(mlp["hidden_layers"] + 1):
        width += encoded * (0 < layer == mlp.get("skip"))
        units = mlp["hidden_width"] if layer < mlp["hidden_layers"] else 1
        yield f"mlp.{layer}.weight", (units, width)
        yield f"mlp.{layer}.bias", (units,)
        width = units


def network(architecture, tensors, u):
    """Its output at points in the unit frame."""
    h = encoded = encode(architecture["encoding"], tensors, u)
    mlp = architecture["mlp"]
    for layer in range(mlp["hidden_layers"] + 1):
        if 0 < layer == mlp.get("skip"):
            h = np.concatenate([h, encoded], 1)
        h = h @ tensors[f"mlp.{layer}.weight"].T + tensors[f"mlp.{layer}.bias"]
        if layer == mlp["hidden_layers"]:
            break
        h = activated(mlp["activation"], layer, h.astype(np.float64)).astype(np.float32)
    return h[:, 0].astype(np.float64)


def activated(activation, layer, z):
    """What follows hidden layer `layer`."""
    omega = activation.get("first_omega" if layer == 0 else "omega")
    match activation["kind"]:
        case "relu":
            return np.maximum(z, 0)
        case "sine":
            return np.sin(omega * z)
        case "finer":
            return np.sin(omega * (np.abs(z) + 1) * z)
        case "gaussian":
            return np.exp(-(z**2) / (2 * activation["width"] ** 2))
        case "wire":
            return np.cos(omega * z) * np.exp(-((activation["spread"] * z) ** 2))
        case "softplus":
            return np.logaddexp(0, activation["sharpness"] * z) / activation["sharpness"]
        case "silu":
            return z / (1 + np.exp(-z))
        case "gelu":
            return z / (1 + np.exp(-1.5957691 * (z + 0.044715 * z**3)))
        case "tanh":
            return np.tanh(z)
    raise ValueError(activation)


ACTIVATIONS = ["relu", "sine", "finer", "gaussian", "wire", "softplus", "silu", "gelu", "tanh"]
ENCODINGS = {
    "positional": "{kind='positional', octaves=4}",
    "fourier": "{kind='fourier', waves=24, scale=1.5}",
    "dense-grid": "{kind='dense-grid', levels=2, finest_resolution=20}",
    "quadratic": "{kind='hash-grid', levels=3, log2_entries=9, interpolation='quadratic'}",
    "tri-plane": "{kind='tri-plane', levels=2, finest_resolution=40}",
    "joined": "{kind='joined', parts=[{kind='identity'}, {kind='hash-grid', levels=3, log2_entries=9},"
    " {kind='tri-plane', levels=1}, {kind='positional', octaves=2}]}",
}
ALONE = [100, "--preset=draft", "--set=spline=none"]
FITS = {"draft": [100], "detail": [20], "smooth": [60], "compact": [100]}
COMPACT = ["draft", "smooth", "compact", "joined"]
FITS |= {kind: [*ALONE, f"--set=architecture.mlp.activation.kind={kind}"] for kind in ACTIVATIONS}
FITS |= {kind: [*ALONE, f"--set=architecture.encoding={encoding}"] for kind, encoding in ENCODINGS.items()}
FITS["skip"] = [*FITS["joined"], "--set=architecture.mlp.hidden_layers=3", "--set=architecture.mlp.skip=2"]


@pytest.mark.parametrize("name", FITS)
def test_numpy_reproduces_the_field(binary, tmp_path, name):
    steps, *settings = FITS[name]
    positions, triangles = sphere()
    mesh = tmp_path / "sphere.obj"
    with mesh.open("w") as file:
        for x, y, z in positions * 3 + 7:
            print("v", x, y, z, file=file)
        for a, b, c in triangles + 1:
            print("f", a, b, c, file=file)
    model, points, values = (tmp_path / name for name in ("m.safetensors", "p.npy", "d.npy"))
    settings = settings or [f"--preset={name}"]
    run = [binary, "fit", mesh, "-o", model, "--steps", str(steps), *settings]
    subprocess.run(run, check=True, capture_output=True)
    low, high = (positions * 3 + 7).min(0), (positions * 3 + 7).max(0)
    side = (high - low).max()
    random = np.random.default_rng(1)
    near = random.uniform(low - 0.05 * side, high + 0.05 * side, (5000, 3))
    # About the border of the unit frame, and up to ten sizes away.
    ways = random.normal(size=(300, 3))
    ways /= np.abs(ways).max(1, keepdims=True)
    far = 7 + side * ways * np.concatenate([random.uniform(0.5, 0.8, 200), random.uniform(0.8, 10, 100)])[:, None]
    p = np.concatenate([near, far]).astype(np.float32)
    np.save(points, p)
    with safe_open(model, framework="numpy") as file:
        told, description = checksum_and_rest(file)
        assert told == checksum(file, description)
    older = tmp_path / "older.safetensors"
    without_outer_surface(model, older)
    files = [model, older]
    if name in COMPACT:
        files.append(tmp_path / "compact.safetensors")
        subprocess.run([binary, "compress", model, "-o", files[-1]], check=True, capture_output=True)
        assert files[-1].stat().st_size * 2 < model.stat().st_size
    for file in files:
        run = [binary, "eval", file, "--points", points, "-o", values]
        subprocess.run(run, check=True, capture_output=True)
        ours, theirs = np.load(values), evaluate(file, p)
        assert (np.abs(ours - theirs) / (side + theirs)).max() < 1e-5
        # A field, not a constant: the surface lies among the points.
        assert theirs.min() < 0 < theirs.max()
    # Beyond the unit frame, whose side is 1/0.9 of the mesh's, the network has no part in it.
    outside = np.abs(p - 7).max(1) > 0.56 * side
    answers = []
    for verb, what in (("distance", mesh), ("eval", model)):
        subprocess.run([binary, verb, what, "--points", points, "-o", values], check=True, capture_output=True)
        answers.append(np.load(values)[outside])
    exact, ours = answers
    error = np.abs(ours / exact - 1)
    # A coarse outer surface is right in most places.
    assert error.mean() < 0.02 and error.max() < 0.25 if name == "compact" else error.max() < 0.01


def checksum_and_rest(file):
    """The checksum that a file tells, and its description without it."""
    told, rest = re.fullmatch(r'\{"checksum":"([0-9a-f]{8})",(.*)', file.metadata()["overfit"], re.DOTALL).groups()
    return told, "{" + rest


def checksum(file, description):
    """That of a file's description and tensors."""
    types = {"float32": "F32", "float16": "F16", "uint8": "U8", "uint32": "U32", "uint64": "U64"}
    crc = zlib.crc32(description.encode())
    for name in sorted(file.keys()):
        tensor = file.get_tensor(name)
        head = f"\n{name} {types[tensor.dtype.name]} {list(tensor.shape)}\n"
        crc = zlib.crc32(head.encode() + tensor.tobytes(), crc)
    return f"{crc:08x}"


def without_outer_surface(model, older):
    """Writes a model's file as programs did before they wrote outer surfaces and checksums."""
    with safe_open(model, framework="numpy") as file:
        names = [name for name in file.keys() if not name.startswith("outer.")]  # noqa: SIM118
        assert len(names) + 3 == len(file.keys())
        tensors = {name: file.get_tensor(name) for name in names}
        save_file(tensors, older, {"overfit": checksum_and_rest(file)[1]})
