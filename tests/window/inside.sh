#!/usr/bin/env bash
# Runs inside the root: an X server without a screen, the daemon, and Blender with the add-on, driven by session.py.
# usage: inside.sh      everything it needs and makes is in /mnt
set -euo pipefail
export OVERFIT_DATA_DIR=/mnt/data BLENDER_USER_RESOURCES=/mnt/user XDG_RUNTIME_DIR=/tmp/runtime
export LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe
mkdir -p -m 700 "$XDG_RUNTIME_DIR" /mnt/user /mnt/pictures

# The server takes a free display and says which, once it is ready.
mkfifo /tmp/display
Xvfb -displayfd 3 -screen 0 1280x800x24 +extension GLX -nolisten tcp 3>/tmp/display 2>/mnt/xvfb.log &
read -r number </tmp/display
export DISPLAY=:$number

/mnt/overfit serve 2>/mnt/daemon.log &
blender --command extension install-file --repo user_default --enable /mnt/addon.zip
blender --version | head -n 1 >/mnt/version
timeout 400 blender --gpu-backend opengl --window-geometry 0 0 1280 800 --python-exit-code 1 --python /mnt/session.py 2>&1 | tee /mnt/blender.log
