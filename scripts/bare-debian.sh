#!/usr/bin/env bash
# Clones the newest commit into a bare Debian and runs `make demo` and `make test` there, with times: what a stranger does.
# The Debian has make, Python 3, git, CA certificates and this machine's Rust, nothing else.
# usage: bare-debian.sh [TARGET...]      the targets to make: demo test; needs root and mmdebstrap
# OVERFIT_BARE_SUITE=trixie takes Debian 13 (Python 3.13) instead of Debian 12 (Python 3.11).
set -euo pipefail
: "${OVERFIT_CACHE:=$HOME/.cache/overfit}"
export OVERFIT_CACHE
scripts=$(cd "$(dirname "$0")" && pwd)
suite=${OVERFIT_BARE_SUITE:-bookworm}
root=$OVERFIT_CACHE/bare-$suite
targets=${*:-demo test}

[ "$(id -u)" = 0 ] || { echo "overfit: a bare Debian can be made by root only" >&2; exit 1; }
command -v mmdebstrap >/dev/null || "$scripts/system.sh" "a bare Debian" mmdebstrap
mirror=$("$scripts/mirror.sh")

mkdir -p "$OVERFIT_CACHE"
# Anew every time: what an earlier run installed must not help.
rm -rf "$root"
nice -n 10 mmdebstrap --quiet --mode=root --variant=apt --format=directory \
  --aptopt='Acquire::Check-Valid-Until "false"' --dpkgopt=force-unsafe-io \
  --include=make,python3,git,ca-certificates \
  "$suite" "$root" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"

# This machine's way to the network, whatever it is, is the root's.
for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.cargo/config.toml"; do
  [ -e "$file" ] || continue
  mkdir -p "$root${file%/*}"
  cp -L "$file" "$root$file"
done
mkdir -p "$root/opt/rust"
cp -a "$(rustc --print sysroot)"/{bin,lib} "$root/opt/rust/"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git -C "$scripts/.." bundle create --quiet "$work/overfit.bundle" HEAD
cat >"$work/inside.sh" <<'INSIDE'
set -eu
export PATH=/opt/rust/bin:$PATH
. /etc/os-release
echo "overfit: $PRETTY_NAME, $(python3 -V), $(rustc -V), $(nproc) cores; cc: $(command -v cc || echo none)"
git clone --quiet /mnt/overfit.bundle "$HOME/overfit"
cd "$HOME/overfit"
for target in "$@"; do
  start=$(date +%s)
  status=0
  make "$target" || status=$?
  echo "overfit: make $target: status $status after $(($(date +%s) - start)) s"
  [ "$status" = 0 ] || exit "$status"
done
if [ -d demo ]; then cp -r demo /mnt/demo; fi
INSIDE

status=0
KEEP=$(compgen -e | grep -vx PIP_FIND_LINKS | grep -E '^(PIP_|CARGO_(HTTP|NET|REGISTR|SOURCE)|SSL_CERT|REQUESTS_CA|CURL_CA|GIT_SSL)|_(proxy|PROXY)$' | tr '\n' ' ')
export KEEP
# shellcheck disable=SC2086
"$scripts/in-root.sh" "$root" "$work" bash /mnt/inside.sh $targets </dev/null || status=$?
if [ -d "$work/demo" ]; then
  rm -rf "$scripts/../demo/bare"
  mkdir -p "$scripts/../demo"
  cp -r "$work/demo" "$scripts/../demo/bare"
  echo "overfit: the demo's files are in demo/bare"
fi
rm -rf "$root"
exit "$status"
