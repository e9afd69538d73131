#!/usr/bin/env bash
# Makes sure that system packages are there: installs them where that is allowed (root on Debian or Ubuntu),
# else stops with the line to run.
# usage: system.sh PURPOSE PACKAGE...      PURPOSE: what needs them, in words, for the message
set -euo pipefail
purpose=$1
shift

line="apt-get install -y --no-install-recommends $*"
if ! command -v apt-get >/dev/null; then
  echo "overfit: $purpose needs packages that Debian calls: $*" >&2
  echo "overfit: install what your system calls them, then run make again." >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "overfit: $purpose needs packages that are not installed. Run this, then make again:" >&2
  echo "  sudo $line" >&2
  exit 1
fi

echo "overfit: installing for $purpose: $*" >&2
mkdir -p "$OVERFIT_CACHE"
# Two makes at once: apt fails instead of waiting, so wait here.
exec 9>"$OVERFIT_CACHE/apt.lock"
if command -v flock >/dev/null; then flock 9; fi
export DEBIAN_FRONTEND=noninteractive
# The lists of a fresh machine are empty, those of an old one out of date: fetch them only when needed.
# shellcheck disable=SC2086
$line >"$OVERFIT_CACHE/apt.log" 2>&1 && exit 0
apt-get update >"$OVERFIT_CACHE/apt.log" 2>&1 || { tail -5 "$OVERFIT_CACHE/apt.log" >&2; echo "overfit: 'apt-get update' failed" >&2; exit 1; }
# shellcheck disable=SC2086
$line >>"$OVERFIT_CACHE/apt.log" 2>&1 || { tail -5 "$OVERFIT_CACHE/apt.log" >&2; echo "overfit: '$line' failed" >&2; exit 1; }
