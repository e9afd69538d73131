#!/usr/bin/env bash
# Makes a folder that holds a whole Debian with Blender, an X server without a screen and OpenGL in software,
# or finds it finished, and prints it: for the test in a real window.
# usage: blender-root.sh      needs root and mmdebstrap
# Debian's development suite has Blender 5.2; it moves, and where it does not install the stable one (Blender 4.3) is taken.
set -euo pipefail
: "${OVERFIT_CACHE:?is set by the Makefile}"
packages=blender,python3-numpy,python3-requests,python3-zstandard,python3-openvdb,python3-cattr,ca-certificates
packages+=,xvfb,xdotool,imagemagick,libgl1-mesa-dri,libglx-mesa0,libgl1,libegl1

command -v mmdebstrap >/dev/null || "$(dirname "$0")/system.sh" "a Debian with Blender" mmdebstrap

mkdir -p "$OVERFIT_CACHE"
exec 8>"$OVERFIT_CACHE/blender-root.lock"
flock 8

for suite in ${OVERFIT_WINDOW_SUITE:-sid trixie}; do
  root=$OVERFIT_CACHE/blender-$suite
  if [ "$(cat "$root/.made-from" 2>/dev/null)" != "$packages" ]; then
    mirror=$("$(dirname "$0")/mirror.sh")
    echo "overfit: making $root: Debian $suite with Blender (1.3 GB)" >&2
    rm -rf "$root"
    # Check-Valid-Until: a mirror can be older than the release file says it stays valid.
    if ! nice -n 10 mmdebstrap --quiet --mode=root --variant=apt --format=directory \
      --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
      --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
      --include="$packages" \
      "$suite" "$root" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
      >"$OVERFIT_CACHE/blender-$suite.log" 2>&1; then
      tail -5 "$OVERFIT_CACHE/blender-$suite.log" >&2
      echo "overfit: Debian $suite does not install here" >&2
      rm -rf "$root"
      continue
    fi
    echo "$packages" >"$root/.made-from"
  fi
  echo "$root"
  exit 0
done
exit 1
