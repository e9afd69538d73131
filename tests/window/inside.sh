#!/usr/bin/env bash
# Runs inside the root: an X server without a screen, and Blender with the add-on, driven by session.py. The daemon is
# Blender's own: it is started by a button.
# usage: inside.sh SECONDS      everything it needs and makes is in /mnt; after SECONDS Blender is ended
set -euo pipefail
MOST_SECONDS=$1
export OVERFIT_DATA_DIR=/mnt/data BLENDER_USER_RESOURCES=/mnt/user XDG_RUNTIME_DIR=/tmp/runtime
export LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe
export PATH=/mnt:$PATH # where the add-on finds the program when it starts a daemon by itself
mkdir -p -m 700 "$XDG_RUNTIME_DIR" /mnt/user /mnt/pictures

# The server takes a free display and says which, once it is ready. It is high, so that the sidebar's panels fit on it.
mkfifo /tmp/display
Xvfb -displayfd 3 -screen 0 1280x1240x24 +extension GLX -nolisten tcp 3>/tmp/display 2>/mnt/xvfb.log &
read -r number </tmp/display
export DISPLAY=:$number

blender --command extension install-file --repo user_default --enable /mnt/addon.zip
blender --version | head -n 1 >/mnt/version
trap 'cat /tmp/*.crash.txt >/mnt/crash.log 2>/dev/null || true' EXIT # what Blender says when it crashes

# Plays the scenarios that are left. A file to open may be named.
play() {
  timeout "$MOST_SECONDS" blender --gpu-backend opengl --window-geometry 0 0 1280 1240 --python-exit-code 1 "$@" \
    --python /mnt/window/session.py 2>&1 | tee -a /mnt/blender.log
}

running() { grep -qsx "$1" /proc/[0-9]*/comm; }

status=0
play || status=$?
if [ -e /mnt/closed.json ]; then # a scenario has closed Blender, and goes on in another one
  echo "$status" >/mnt/closed-with
  status=0
  play /mnt/closed.blend || status=$?
fi
if [ -e /mnt/short-idle ]; then # the daemon was told to end some seconds after the last Blender
  for _ in {1..150}; do
    running overfit || break
    sleep 0.2
  done
  for name in overfit blender; do
    ! running "$name" || { echo "a process is left: $name" && status=3; } >&2
  done
fi
exit "$status"
