#!/usr/bin/env bash
# Runs a command that finds a CUDA card which the processor emulates: what cards run is tested where there is none.
# usage: emulated-card.sh COMMAND...
set -euo pipefail
source=$(cd "$(dirname "$0")/../crates/kernels/tests/emulated_card" && pwd)
command -v g++ >/dev/null || "$(dirname "$0")/system.sh" "the emulated card" g++

# Kernels that were compiled for another state of the card are of no use.
built=${CARGO_TARGET_DIR:-target}/emulated-card/$(cat "$source"/*.cpp "$source"/include/* | cksum | cut -d' ' -f1)
if [ ! -e "$built/libnvrtc.so" ]; then
  rm -rf "$(dirname "$built")"
  mkdir -p "$built/kernels"
  g++ -Wall -std=c++17 -O2 -shared -fPIC -o "$built/libcuda.so" "$source/driver.cpp" -ldl
  ln -sf libcuda.so "$built/libnvrtc.so"
fi
built=$(cd "$built" && pwd)

export CUDA_PATH=$source EMULATED_CARD_KERNELS=$built/kernels OVERFIT_KERNEL_CACHE=off
LD_LIBRARY_PATH=$built exec "$@"
