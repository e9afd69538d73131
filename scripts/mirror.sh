#!/usr/bin/env bash
# Prints the Debian mirror that this machine's apt uses, so that no script names one.
set -euo pipefail
mirror() {
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME) $(COMPONENT)' |
    awk '$2 == "Debian" && $4 == "main" && $3 !~ /security|updates|backports/ { print $1; exit }'
}
found=$(mirror)
if [ -z "$found" ]; then
  # A fresh machine has no lists yet.
  apt-get update >/dev/null
  found=$(mirror)
fi
[ -n "$found" ] || { echo "overfit: apt knows no Debian mirror on this machine" >&2; exit 1; }
echo "$found"
