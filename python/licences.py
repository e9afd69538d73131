"""The licences of the crates that are linked into the daemon's program: they ask to be passed on with it."""

import json
import subprocess
from collections import defaultdict
from pathlib import Path

# What licence files are called, in capitals.
NAMES = ("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")


def third_party_licences(project: Path) -> str:
    """Every crate with its licence, then the texts, each one once with the crates that bring it."""
    crates = linked_crates(project)
    bringers = defaultdict(list)
    for crate in crates:
        folder = Path(crate["manifest_path"]).parent
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.name.upper().startswith(NAMES):
                bringers[path.read_text(encoding="utf-8", errors="replace").strip()].append(name_of(crate))
    sections = ["\n".join(f"{name_of(crate)}: {crate['license'] or 'see its text below'}" for crate in crates)]
    sections += [f"{', '.join(dict.fromkeys(names))}\n\n{text}" for text, names in bringers.items()]
    return f"\n\n{'─' * 80}\n\n".join(sections) + "\n"


def linked_crates(project: Path) -> list[dict]:
    """The crates that the program is linked with on this platform, by name; not those that only build or test it."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={host()}"]
    answer = subprocess.run(command, cwd=project, stdout=subprocess.PIPE, check=True)
    metadata = json.loads(answer.stdout)
    needs = {
        node["id"]: [need["pkg"] for need in node["deps"] if any(kind["kind"] is None for kind in need["dep_kinds"])]
        for node in metadata["resolve"]["nodes"]
    }
    found, left = set(), [metadata["resolve"]["root"]]
    while left:
        crate = left.pop()
        if crate not in found:
            found.add(crate)
            left += needs[crate]
    found.remove(metadata["resolve"]["root"])
    return sorted((crate for crate in metadata["packages"] if crate["id"] in found), key=name_of)


def host() -> str:
    """The platform that the compiler builds for, in its own words."""
    told = subprocess.run(["rustc", "-vV"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return next(line.removeprefix("host: ") for line in told.splitlines() if line.startswith("host: "))


def name_of(crate: dict) -> str:
    """Name and version."""
    return f"{crate['name']} {crate['version']}"
