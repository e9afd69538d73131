#!/usr/bin/env python3
"""`make demo`: Suzanne goes out of Blender, a field is fitted, a mesh and a volume come back.

Does what a user does, in Blender as a Python module: installs the add-on's zip, starts the daemon, runs Fit INR and
SDF Volume. Writes demo.blend, demo.png, loss.png and figures.json, prints the figures, and fails if the result does not
lie on the original. Nothing is left running.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import grpc

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from daemon import Client, Daemon, fit_pb2, model_pb2  # noqa: E402
from pictures import draw_loss, draw_slice, join  # noqa: E402

INSTALL = "import sys, bpy, bl_pkg.bl_extension_cli as cli; sys.exit(cli.cli_extension_handler(sys.argv[1:]))"
CHAMFER_LIMIT = 0.01
"""The reconstruction's mean distance to the original and back may be this share of the longest side."""
NEAR_LIMIT = 0.005
"""The field's mean error near the surface may be this share of the longest side."""


class Watcher(threading.Thread):
    """Follows the first fit that appears, beside Blender: any number of clients may watch."""

    def __init__(self, client: Client):
        super().__init__(daemon=True)
        self.client = client
        self.progress = []
        """Every progress message."""
        self.ended = None
        """The fit as it ended."""

    def run(self) -> None:
        try:
            while not (fits := self.client.fits.ListFits(fit_pb2.ListFitsRequest()).fits):
                time.sleep(0.05)
            for event in self.client.watch(fits[0].name):
                if event.WhichOneof("event") == "progress":
                    self.progress.append(event.progress)
                elif event.WhichOneof("event") == "ended":
                    self.ended = event.ended
        except grpc.RpcError as error:
            # The demo has failed, and says why; the daemon is gone.
            print(f"demo: the second watcher lost the daemon: {error.code()}", file=sys.stderr)


def blender(python: Path, environment: dict[str, str], *arguments: str | Path) -> None:
    """Runs a script inside Blender."""
    command = [str(part) for part in (python, *arguments)]
    if (status := subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode) != 0:
        sys.exit(f"demo: '{Path(arguments[0]).name}' ended in Blender with status {status}: see its messages above")


def phase_seconds(progress) -> dict[str, float]:
    """How long each phase took, by the daemon's own clock."""
    names = {fit_pb2.PHASE_PREPARE: "prepare", fit_pb2.PHASE_TRAIN: "train", fit_pb2.PHASE_EVALUATE: "evaluate"}
    seconds, before = {}, 0.0
    for phase, name in names.items():
        last = max((p.elapsed_seconds for p in progress if p.phase == phase), default=before)
        seconds[name], before = last - before, last
    return seconds


def show(figures: dict) -> None:
    """Prints the figures as a table."""
    size = figures["longest_side"]
    seconds = figures["seconds"]
    near, apart = figures["near_mae"], figures["chamfer"]
    rows = [
        ("error near the surface", f"{near:.2e} of the longest side = {near * size:.2e} units"),
        ("signs that are right there", f"{100 * figures['sign_agreement']:.2f} %"),
        ("overlap of the insides (IoU)", f"{figures['iou']:.4f}"),
        ("normals near the surface", f"{figures['gradient_degrees']:.2f}° off in the median"),
        ("mean distance of the two meshes", f"{apart / size:.2e} of the longest side = {apart:.2e} units"),
        ("  original to reconstruction", f"{figures['original_to_reconstruction']:.2e} units"),
        ("  reconstruction to original", f"{figures['reconstruction_to_original']:.2e} units"),
        ("training", f"{figures['steps']:,} steps, {figures['samples_per_second'] / 1e6:.2f} M samples/s"),
        ("model", f"{figures['parameters']:,} parameters, {figures['model_bytes'] / 1000:,.0f} kB"),
        ("triangles", f"{figures['triangles']['original']:,} in, {figures['triangles']['reconstruction']:,} out"),
        ("seconds", ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())),
    ]
    print()
    for name, value in rows:
        print(f"  {name:<34}{value}")


def main() -> None:
    """Runs the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help="the program")
    parser.add_argument("--addon", type=Path, required=True, help="the extension's zip")
    parser.add_argument("--blender", type=Path, required=True, help="a virtual environment with bpy")
    parser.add_argument("--out", type=Path, required=True, help="where the files go")
    arguments = parser.parse_args()
    python, out = arguments.blender / "bin" / "python", arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "overfit", ignore_errors=True)

    with tempfile.TemporaryDirectory(prefix="overfit-demo-") as folder:
        work = Path(folder)
        environment = os.environ | {
            "BLENDER_USER_RESOURCES": str(work / "user"),
            "OVERFIT_DATA_DIR": str(work / "data"),
            "PYTHONWARNINGS": "ignore::DeprecationWarning",
        }
        (work / "user").mkdir()
        print("demo: installing the add-on into an empty Blender", flush=True)
        install = ["install-file", "-r", "user_default", "-e", str(arguments.addon.resolve())]
        blender(python, environment, "-c", INSTALL, *install)

        with Daemon(arguments.binary.resolve(), work / "data") as daemon, daemon.client() as client:
            watcher = Watcher(client)
            watcher.start()
            print("demo: Suzanne: Fit INR, then SDF Volume", flush=True)
            blender(python, environment, HERE / "session.py", out / "demo.blend", work / "session.json")
            watcher.join(30)
            figures = json.loads((work / "session.json").read_text())
            if watcher.ended is None:
                sys.exit("demo: the fit's end was not seen by the second watcher")
            model = client.models.GetModel(model_pb2.GetModelRequest(name=watcher.ended.model)).model
            draw_slice(client, model, work / "slice.png")

        print("demo: rendering", flush=True)
        start = time.monotonic()
        blender(python, environment, HERE / "render.py", out / "demo.blend", work / "session.json", work / "render.png")
        figures["seconds"] |= phase_seconds(watcher.progress) | {"render": time.monotonic() - start}

        training = [p for p in watcher.progress if p.phase == fit_pb2.PHASE_TRAIN and p.step > 0]
        figures |= {
            "near_mae": watcher.ended.metrics.near_mae,
            "sign_agreement": watcher.ended.metrics.sign_agreement,
            "uniform_mae": watcher.ended.metrics.uniform_mae,
            "iou": watcher.ended.metrics.iou,
            "gradient_degrees": watcher.ended.metrics.gradient_degrees,
            "samples_per_second": training[-1].samples / training[-1].elapsed_seconds,
            "steps": model.steps,
            "parameters": model.parameters,
            "model_bytes": model.size_bytes,
            "architecture": model.architecture,
        }
        draw_loss(training, out / "loss.png")
        join(work / "render.png", work / "slice.png", figures, out / "demo.png")

    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    show(figures)

    apart = figures["chamfer"] / figures["longest_side"]
    checks = {
        f"the meshes lie on each other (mean distance under {CHAMFER_LIMIT:.1%})": apart < CHAMFER_LIMIT,
        f"the field is true near the surface (mean error under {NEAR_LIMIT:.1%})": figures["near_mae"] < NEAR_LIMIT,
        "the mesh and the volume have the original's transform": all(figures["in_place"].values()),
        "the volume's level set lies on the original, a quarter of a voxel at most beside it": (
            figures["volume_to_original"] / figures["longest_side"] < CHAMFER_LIMIT
            and figures["volume_shift"] < figures["volume_voxel"] / 4
        ),
        "the volume holds the grid `sdf`": figures["grids"] == ["sdf"],
        "the daemon has ended": daemon.process.returncode == 0,
    }
    print()
    for check, held in checks.items():
        print(f"  {'ok' if held else 'FAILED'}: {check}")
    print(f"\ndemo: {', '.join(sorted(path.name for path in out.iterdir() if path.is_file()))} in {out}")
    sys.exit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()
