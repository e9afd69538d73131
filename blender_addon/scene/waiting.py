"""The objects that wait for a fit in the daemon, to be picked up after a restart.

Scenes remember them, not the objects: to look through a hundred thousand objects, or to find one of them by its name,
takes Blender longer than a frame.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import bpy


def waiting_objects() -> Iterator[tuple[bpy.types.Object, str]]:
    """Each object that waits, with the name of its fit, which is empty until the daemon has given it one.

    Keep none across an `await`: it may be gone by then.
    """
    kept = all_kept()
    times = Counter(one.object for one in kept)
    for one in kept:
        if one.object.users > times[one.object]:
            yield one.object, one.fit


def fits_of(objects: Sequence[bpy.types.Object]) -> set[str]:
    """The fits for which these objects wait, and no other one."""
    waiting = [(obj, fit) for obj, fit in waiting_objects() if fit]
    others = {fit for obj, fit in waiting if obj not in objects}
    return {fit for _obj, fit in waiting} - others


def is_deleted(obj: bpy.types.Object) -> bool:
    """Whether the user has deleted the object, so that nothing uses it but what is kept here."""
    return obj.users <= sum(one.object == obj for one in all_kept())


def wait_for(obj: bpy.types.Object, fit: str, scene: bpy.types.Scene) -> None:
    """Lets the object wait for a fit, `fits/{id}` or empty, and for no other."""
    stop_waiting(obj.session_uid)
    kept = scene.overfit.waiting.add()
    kept.object, kept.fit = obj, fit


def stop_waiting(uid: int) -> None:
    """The object of this session uid waits no more. Those that are gone are forgotten, too."""
    for scene in bpy.data.scenes:
        kept = scene.overfit.waiting if scene.is_editable else ()
        for number in reversed(range(len(kept))):
            obj = kept[number].object
            if obj is None or obj.session_uid == uid:
                kept.remove(number)


def all_kept() -> list[bpy.types.PropertyGroup]:
    """What all scenes remember of objects that are in the file."""
    return [one for scene in bpy.data.scenes for one in scene.overfit.waiting if one.object is not None]
