"""The demo's pictures: the loss curve, a slice through the field, and the picture of it all."""

from pathlib import Path

import matplotlib
import numpy as np
from daemon import Client, query_pb2
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

INK, FAINT, PAPER = "#20242b", "#6b7280", "#ffffff"
SLICE_PIXELS = 460
"""Height of the slice: the render's."""


def draw_loss(training, path: Path) -> None:
    """The loss against time, as a picture. `training` are progress messages of the training phase."""
    seconds = [p.elapsed_seconds for p in training]
    figure = Figure(figsize=(7, 3.6), dpi=130, layout="tight")
    axes = figure.subplots()
    axes.semilogy(seconds, [p.loss for p in training], color="#1f6fb2", linewidth=1.4, label="training loss")
    axes.set_xlabel("seconds")
    axes.set_ylabel("mean |error|, unit frame")
    axes.set_title(f"Suzanne: {training[-1].step:,} steps, {training[-1].samples / 1e6:.1f} M samples", color=INK)
    axes.grid(visible=True, which="both", color="#e5e7eb", linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path)


def draw_slice(client: Client, model, path: Path) -> None:
    """The field on a plane from front to back: red inside, blue outside, with level lines every 5% of the size."""
    low, high = np.array(model.bounds.min), np.array(model.bounds.max)
    centre, half = (low + high) / 2, 0.62 * (high - low).max()
    across = np.linspace(-half, half, SLICE_PIXELS)
    horizontal, vertical = np.meshgrid(across, across)
    points = np.stack([np.zeros_like(horizontal), horizontal, vertical], axis=-1) + centre
    # A little off the middle, where Suzanne's two halves meet.
    points[..., 0] += 0.03 * (high - low)[0]
    answer = client.queries.Evaluate(
        query_pb2.EvaluateRequest(model=model.name, points=points.astype("<f4").reshape(-1, 3).tobytes())
    )
    values = np.frombuffer(answer.values, "<f4").reshape(horizontal.shape)

    figure = Figure(figsize=(SLICE_PIXELS / 100, SLICE_PIXELS / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    limit = 0.8 * half
    axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, origin="lower", extent=(-half, half, -half, half))
    levels = np.arange(-10, 20) * 0.05 * 2 * half
    axes.contour(horizontal, vertical, values, levels=levels, colors="#00000040", linewidths=0.6, linestyles="solid")
    axes.contour(horizontal, vertical, values, levels=[0], colors=INK, linewidths=1.8)
    figure.savefig(path)


def join(render: Path, slice_: Path, figures: dict, path: Path) -> None:
    """Puts the render and the slice side by side, with a caption under each column."""
    left, right = Image.open(render).convert("RGB"), Image.open(slice_).convert("RGB")
    strip, gap = 66, 8
    picture = Image.new("RGB", (left.width + gap + right.width, left.height + strip), PAPER)
    picture.paste(left, (0, 0))
    picture.paste(right, (left.width + gap, 0))

    font_path = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    bold = ImageFont.truetype(font_path / "DejaVuSans-Bold.ttf", 17)
    plain = ImageFont.truetype(font_path / "DejaVuSans.ttf", 15)
    size, column = figures["longest_side"], left.width / 3
    captions = [
        (0.5 * column, "Original", f"{figures['triangles']['original']:,} triangles in Blender"),
        (1.5 * column, "Reconstruction", f"mean distance {100 * figures['chamfer'] / size:.2g} % of the size"),
        (2.5 * column, "SDF volume", "as Blender's Volume to Mesh shows it"),
        (
            left.width + gap + right.width / 2,
            "The field",
            f"one slice; the model is {figures['model_bytes'] / 1000:,.0f} kB",
        ),
    ]
    draw = ImageDraw.Draw(picture)
    for x, title, words in captions:
        draw.text((x, left.height + 12), title, fill=INK, font=bold, anchor="ma")
        draw.text((x, left.height + 38), words, fill=FAINT, font=plain, anchor="ma")
    picture.save(path, optimize=True)
