#!/usr/bin/env bash
# Prints the Python to use: the first one that runs and that Blender's Python module exists for.
# With the argument `bpy` it prints the versions of that module to test with, the newest last.
set -euo pipefail

for candidate in ${OVERFIT_PYTHON:-python3.11 python3.13 python3}; do
  # A version manager's shim can exist and yet not run.
  found=$("$candidate" -c 'import sys; print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], sys.executable))' 2>/dev/null) || continue
  case ${found%% *} in
    3.11) versions="4.2.23 4.5.15 5.0.1" ;;
    3.13) versions="5.2.3" ;;
    *) continue ;;
  esac
  if [ "${1:-}" = bpy ]; then echo "$versions"; else echo "${found#* }"; fi
  exit 0
done

echo "overfit: no Python that Blender's module (bpy) exists for. Install Python 3.11 or 3.13 (Debian 12 and 13 have" >&2
echo "overfit: them as python3), or name one: make OVERFIT_PYTHON=/path/to/python3.11 ..." >&2
exit 1
