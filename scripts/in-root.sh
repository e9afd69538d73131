#!/usr/bin/env bash
# Runs a command in a root folder, with mounts and processes of its own: all of them end with it. The network is the host's.
# usage: in-root.sh ROOT WORK COMMAND...      WORK is /mnt inside; the variables named in KEEP (by default none) are handed in
set -euo pipefail
export ROOT=$1 WORK=$2
shift 2

kept=()
for name in ${KEEP:-}; do [ -z "${!name+set}" ] || kept+=("$name=${!name}"); done

exec unshare --mount --pid --fork --kill-child -- bash -euc '
  mount --make-rprivate /
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  mount -t tmpfs -o mode=1777,size=2g tmpfs "$ROOT/dev/shm"
  mount -t tmpfs -o mode=1777,size=4g tmpfs "$ROOT/tmp"
  mkdir -p "$ROOT/mnt"
  mount --bind "$WORK" "$ROOT/mnt"
  # Not exec: the first process of a namespace ignores signals that it has no handler for.
  status=0
  chroot "$ROOT" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@" || status=$?
  exit $status
' in-root "${kept[@]}" "$@"
