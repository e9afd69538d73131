"""Texts and figures as the interface shows them."""

import textwrap

import bpy
from bpy.app.translations import pgettext_iface

LETTER_PIXELS = 6.5
"""Mean width of a letter in the interface's font at scale 1."""


def iface(text: str, **values: object) -> str:
    """A text in the user's language, with values put where it names them in braces.

    What is one string in the source is one string for translators; Blender translates plain labels by itself.
    """
    return pgettext_iface(text).format(**values)


def draw_words(
    context: bpy.types.Context, column: bpy.types.UILayout, words: str, icon: str = "NONE", margin: float = 45
) -> None:
    """A text over as many lines as the sidebar's width asks for."""
    # Labels do not wrap by themselves.
    letters = int((sidebar_width(context) - margin) / LETTER_PIXELS)
    lines = textwrap.wrap(words, max(16, letters), break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        column.label(text=line, translate=False, icon=icon if number == 0 else "BLANK1" if icon != "NONE" else "NONE")


def sidebar_width(context: bpy.types.Context) -> float:
    """The sidebar's width in pixels at scale 1."""
    return context.region.width / context.preferences.system.ui_scale


def short_number(value: float) -> str:
    """`1234567.0` → `"1.2 M"`."""
    for limit, suffix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.1f}{suffix}"
    return f"{value:.0f}"


def short_time(seconds: float) -> str:
    """`200.0` → `"3 min 20 s"`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")


def short_size(size: float) -> str:
    """`141000.0` → `"140 KB"`."""
    if size < 1e6:
        return f"{size / 1e3:.2g} KB" if size < 1e5 else f"{size / 1e3:.0f} KB"
    return f"{size / 1e6:.1f} MB"
