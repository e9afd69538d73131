#!/usr/bin/env python3
"""What a reconstruction carries of its original, in a picture: Suzanne with a texture, materials, colours and a group.

usage: carry.py --binary OVERFIT --addon ZIP --blender VENV_WITH_BPY --out FOLDER

Does what a user does: Fit INR, then Show Error. Writes carry.png: original and reconstruction side by side, four times.
"""

import argparse
import os
import tempfile
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from run import HERE, INSTALL, Daemon, blender

CAPTIONS = {
    "materials": "UV map and two materials",
    "paint": "Colour attribute",
    "group": "Vertex group",
    "error": "Error against the original",
}


def join(folder: Path, path: Path) -> None:
    """Two by two, with a caption under each."""
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 15)
    pictures = [(Image.open(folder / f"{name}.png").convert("RGB"), words) for name, words in CAPTIONS.items()]
    width, height = pictures[0][0].size
    strip, gap = 30, 6
    sheet = Image.new("RGB", (2 * width + gap, 2 * (height + strip)), "white")
    for number, (picture, words) in enumerate(pictures):
        x, y = number % 2 * (width + gap), number // 2 * (height + strip)
        sheet.paste(picture, (x, y))
        draw = ImageDraw.Draw(sheet)
        draw.text((x + width / 2, y + height + strip / 2), words, "#20242b", font, anchor="mm")
    sheet.quantize(128).save(path, optimize=True)


def main() -> None:
    """Takes the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True, help="the program")
    parser.add_argument("--addon", type=Path, required=True, help="the extension's zip")
    parser.add_argument("--blender", type=Path, required=True, help="a virtual environment with bpy")
    parser.add_argument("--out", type=Path, required=True, help="where the picture goes")
    arguments = parser.parse_args()
    python, out = arguments.blender / "bin" / "python", arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="overfit-carry-") as folder:
        work = Path(folder)
        (work / "user").mkdir()
        environment = os.environ | {
            "BLENDER_USER_RESOURCES": str(work / "user"),
            "OVERFIT_DATA_DIR": str(work / "data"),
            "PYTHONWARNINGS": "ignore::DeprecationWarning",
        }
        install = ["install-file", "-r", "user_default", "-e", str(arguments.addon.resolve())]
        blender(python, environment, "-c", INSTALL, *install)
        with Daemon(arguments.binary.resolve(), work / "data"):
            blender(python, environment, HERE / "carry_session.py", work)
        join(work, out / "carry.png")
    print(f"carry.png in {out}")


if __name__ == "__main__":
    main()
