"""The table of `make bench`: ours, the peer, how many times faster, and how much of the machine that is."""

import json
from pathlib import Path
from statistics import median

OURS = {
    "fit/hash-grid": "training, hash grid, ground truth included",
    "train/hash-grid": "training, hash grid, samples given",
    "train/siren": "training, SIREN, samples given",
    "evaluate/hash-grid": "evaluation, hash grid",
    "evaluate/siren": "evaluation, SIREN",
    "evaluate/spline": "evaluation, spline of the preset `standard`, near the surface",
    "make/spline": "that spline, from the mesh's distances",
    "distance/uniform": "signed distance, anywhere",
    "distance/near": "signed distance, near the surface",
    "extract/256": "mesh from a hash grid, 256 cells",
    "extract/512": "mesh from a hash grid, 512 cells",
}
PEERS = {
    "torch": "PyTorch",
    "torch-compiled": "PyTorch, compiled",
    "open3d-unsigned": "Open3D, unsigned",
    "open3d-signed": "Open3D, signed by one ray",
    "libigl": "libigl, fast winding number",
}
MULTIPLY_ADDS = {"hash-grid": 32 * 64 + 64 * 64 + 64, "siren": 3 * 256 + 3 * 256 * 256 + 256}
"""Of the perceptron, for one point."""
PASSES = {"fit": 3, "train": 3, "evaluate": 1}
"""Training goes forward, back to the inputs and back to the weights, each as long as the first."""
GRID_BYTES = {"fit": 3 * 1024, "train": 3 * 1024, "evaluate": 1024}
"""Of table rows for one point: 16 bytes read at 8 corners in 8 levels; in training also gradients read and written."""
TIMES, NONE = "\u00d7", "\u2013"


def write_table(results: list[dict], folder: Path) -> str:
    """Writes table.md and table.json, and gives the former."""
    rows = [row for result in results for row in rows_of(result)]
    machines = [result["machine"] for result in results]
    lines = ["| | ours | peer | | ratio | share of peak |", "|---|---|---|---|---|---|"]
    lines += [line_of(row) for row in rows]
    lines += ["", *sorted({caption(machine) for machine in machines}), ""]
    text = "\n".join(lines)
    (folder / "table.md").write_text(text)
    (folder / "table.json").write_text(json.dumps({"rows": rows, "machines": machines}, indent=1) + "\n")
    return text


def rows_of(result: dict) -> list[dict]:
    """One row for each of our ways and each peer."""
    rows = []
    for name, ours in result["ours"].items():
        row = {"work": name, "ours": median(ours), "shares": shares(name, median(ours), result["peaks"])}
        if not result["peers"]:
            rows.append(row)
        for program, peer in result["peers"].items():
            pairs = list(zip(ours, peer["values"], strict=False))
            if peer["error"] or not pairs:
                rows.append(row | {"peer": program, "error": peer["error"]})
                continue
            seconds = name.startswith("extract")
            ratios = [theirs / mine if seconds else mine / theirs for mine, theirs in pairs]
            found = {"theirs": median(peer["values"]), "note": peer["note"], "ratio": median(ratios)}
            rows.append(row | {"peer": program, **found, "ratios": [min(ratios), max(ratios)]})
    return rows


def shares(name: str, rate: float, peaks: dict[str, float]) -> dict[str, float]:
    """How much of each peak a rate is."""
    if not peaks:
        return {}
    kind, network = name.split("/")
    used = {"peak/fma": 2 * MULTIPLY_ADDS[network] * PASSES[kind], "peak/bandwidth": GRID_BYTES[kind]}
    return {peak: rate * used[peak] / most for peak, most in peaks.items()}


def line_of(row: dict) -> str:
    """A row in Markdown."""
    seconds = row["work"].startswith(("extract", "make"))
    names = {"peak/fma": "FMA", "peak/bandwidth": "bandwidth"}
    share = ", ".join(f"{share:.0%} {names[peak]}" for peak, share in row["shares"].items())
    peer, theirs, ratio = PEERS.get(row.get("peer"), NONE), NONE, NONE
    if row.get("error"):
        theirs = "failed: " + row["error"].replace("|", " ")
    elif "ratio" in row:
        theirs = figure(row["theirs"], seconds)
        least, most = row["ratios"]
        ratio = f"**{row['ratio']:.1f}{TIMES}** ({least:.1f} to {most:.1f})"
    return f"| {OURS[row['work']]} | {figure(row['ours'], seconds)} | {peer} | {theirs} | {ratio} | {share or NONE} |"


def figure(value: float, seconds: bool) -> str:
    """Seconds, or millions a second."""
    return f"{value:.2f} s" if seconds else f"{value / 1e6:.3g} M/s"


def caption(machine: dict) -> str:
    """What the figures belong to."""
    versions = ", ".join(f"{package} {version or 'missing'}" for package, version in machine["versions"].items())
    place = f"{machine['threads']} threads of {machine['processor']}"
    return f"{machine['mesh']}, {machine['faces']:,} triangles; {place}; {versions}."
