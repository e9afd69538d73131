"""Runs inside Blender: plays the scenarios, one after another, and writes down what came of each.

A scenario that fails leaves a picture, and the next one begins from a clean file.
"""

import json
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import bpy

WORK = Path("/mnt")
RESULT = WORK / "result.json"
sys.path.insert(0, str(WORK / "window"))

from scenarios import AFTER, ALL  # noqa: E402
from stage import Stage, log  # noqa: E402


def session():
    """Plays the scenarios; every `yield` is a wait in seconds, in which Blender goes on."""
    only = json.loads((WORK / "only.json").read_text())
    chosen = [scenario for scenario in ALL if not only or scenario.__name__ in only]
    played = []
    if RESULT.exists():  # a scenario has closed the Blender before this one, and goes on here
        before = json.loads(RESULT.read_text())
        played, name = before["scenarios"], before["running"]
        stage = Stage(name)
        played.append((yield from play(stage, AFTER[name](stage))))
    for scenario in chosen[len(played) :]:
        # Written before each: if Blender itself crashes, the result says during what.
        save(chosen, played, scenario.__name__)
        stage = Stage(scenario.__name__)
        played.append((yield from play(stage, stage.prepare(), scenario(stage))))
    save(chosen, played, "")


def play(stage: Stage, *acts: Iterator[float]):
    """Plays a scenario's acts; returns its verdict, figures and pictures."""
    log("────", stage.name)
    started, error = time.monotonic(), ""
    try:
        for act in acts:
            yield from act
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
        log(f"{stage.name} failed:\n{traceback.format_exc()}")
        stage.picture("FAILED")
    return {
        "name": stage.name,
        "error": error,
        "seconds": round(time.monotonic() - started, 1),
        "figures": stage.figures,
        "pictures": stage.pictures,
    }


def save(chosen, played: list[dict], running: str) -> None:
    """Writes the result so far."""
    result = {
        "blender": bpy.app.version_string,
        "planned": [scenario.__name__ for scenario in chosen],
        "running": running,
        "scenarios": played,
    }
    RESULT.write_text(json.dumps(result, indent=1))


steps = session()


def tick():
    """Goes on with the session, and ends Blender with it."""
    try:
        return next(steps)
    except StopIteration:
        log("all played")
    except Exception:
        log(traceback.format_exc())
    bpy.ops.wm.quit_blender()
    return None


bpy.context.preferences.view.show_splash = False
bpy.context.preferences.view.smooth_view = 0  # a change of the view is there at once
# Nothing is asked when a file is closed, and nothing of a session is kept.
bpy.context.preferences.view.use_save_prompt = False
# Scenarios load files, which ends other timers.
bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
