# Two commands do it all, set-up included: `make demo` and `make test`. They need Rust, make, Python 3 and git.
# What is fetched and built lies in OVERFIT_CACHE; nothing else outside this folder is written, but for system
# packages, which are installed where that is allowed, else named.

export OVERFIT_CACHE ?= $(HOME)/.cache/overfit
export CARGO_TARGET_DIR ?= $(OVERFIT_CACHE)/target

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
ADDON_VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' blender_addon/blender_manifest.toml)
ADDON_SOURCES := $(wildcard blender_addon/*.* blender_addon/*/*.py) $(wildcard proto/overfit/v1/*.proto)
ZIP := dist/overfit_blender-$(ADDON_VERSION).zip
TOOLS := $(OVERFIT_CACHE)/tools/bin
# An environment that has benches/peers/requirements.txt, to measure against; made unless given.
OVERFIT_PEERS ?=
DEBUG := $(CARGO_TARGET_DIR)/debug/overfit
RELEASE := $(CARGO_TARGET_DIR)/release/overfit
PACKAGE := $(CARGO_TARGET_DIR)/package

.DEFAULT_GOAL := help
# One target at a time: cargo and Blender use every core by themselves.
.NOTPARALLEL:
.PHONY: help setup build debug test demo bench bench-scaling bench-rays bench-addon addon addon-full wheel repository lint docs clean window-test docs-pictures package-test bare-test test-wgpu test-cuda check-cuda compiler tools

help: ## this list
	@echo "Overfit $(VERSION): neural signed distance fields of meshes"
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r t d; do printf '  make %-14s %s\n' "$$t" "$$d"; done
	@echo
	@echo "What is fetched and built lies in $(OVERFIT_CACHE) (set OVERFIT_CACHE to move it)."

build: compiler ## the program, optimised: prints where it lies
	cargo build --release
	@echo "$(RELEASE)"

debug: compiler
	@# With the tests, which need parts of other crates that the program does not: alone, it would be built again for them.
	cargo test --no-run

demo: build tools $(ZIP) ## Suzanne in real Blender, fitted and brought back: pictures and figures in demo/
	blender=$$(scripts/python.sh bpy) && blender=$$(scripts/venv.sh bpy $${blender##* }) && \
	"$(TOOLS)/python" scripts/demo/run.py --binary "$(RELEASE)" --addon "$(ZIP)" --blender "$$blender" --out demo

test: debug tools $(ZIP) ## all tests: Rust, the daemon with stock clients, the add-on in every Blender that fits
	"$(TOOLS)/python" scripts/test.py --binary "$(DEBUG)" --addon "$(ZIP)"

bench: build ## ours beside PyTorch, Open3D, libigl and scikit-image: a table in bench/ (MESH=file, ARGS="--case train/siren")
	peers=$${OVERFIT_PEERS:-$$(scripts/venv.sh peers)} && "$$peers/bin/python" benches/peers/run.py \
	--overfit "$(RELEASE)" --out bench $(if $(MESH),--mesh "$(MESH)") $(ARGS)

bench-scaling: build ## speed against threads, table size, triangles and resolution: a figure in bench/
	peers=$${OVERFIT_PEERS:-$$(scripts/venv.sh peers)} && "$$peers/bin/python" benches/scaling.py \
	--overfit "$(RELEASE)" --out bench $(ARGS)

bench-rays: build ## rays against a model beside Open3D's against the mesh that it was fitted to (MODEL=file MESH=file)
	peers=$${OVERFIT_PEERS:-$$(scripts/venv.sh peers)} && "$$peers/bin/python" benches/rays.py --overfit "$(RELEASE)" \
	--model "$(MODEL)" --mesh "$(MESH)" $(ARGS)

bench-addon: debug tools $(ZIP) ## how long the add-on holds the main thread at a time, in every Blender that fits: a table in bench/
	"$(TOOLS)/python" benches/slices.py --binary "$(DEBUG)" --addon "$(ZIP)" --out bench $(ARGS)

addon: $(ZIP) ## the Blender extension: dist/overfit_blender-*.zip
	@echo "$(ZIP)"

$(ZIP): $(ADDON_SOURCES) | tools
	"$(TOOLS)/python" blender_addon/build.py

wheel: compiler tools ## the Python package with the program in it, for this platform (Linux older than this one: GLIBC=2.28)
	"$(TOOLS)/python" python/wheel.py $(if $(GLIBC),--glibc "$(GLIBC)")

addon-full: compiler tools ## the extension with the daemon in it, for this platform (Linux older than this one: GLIBC=2.28)
	wheel=$$("$(TOOLS)/python" python/wheel.py $(if $(GLIBC),--glibc "$(GLIBC)")) && \
	"$(TOOLS)/python" blender_addon/build.py --wheel "$$wheel"

repository: tools $(ZIP) ## what a studio hosts, from the zips in dist/: dist/repository/index.json
	blender=$$(scripts/python.sh bpy) && blender=$$(scripts/venv.sh bpy $${blender##* }) && \
	"$(TOOLS)/python" blender_addon/repository.py --blender "$$blender/bin/python" --output dist/repository "$(ZIP)" \
	$$(ls dist/overfit_blender-$(ADDON_VERSION)-*.zip 2>/dev/null)

lint: compiler tools ## formatting, clippy, docs, ruff, buf, mypy; cargo deny where it is installed
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items
	"$(TOOLS)/ruff" check .
	"$(TOOLS)/ruff" format --check .
	"$(TOOLS)/buf" lint
	"$(TOOLS)/python" python/generate.py && cd python && "$(TOOLS)/mypy"
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; else echo "cargo deny: skipped, not installed"; fi

setup: compiler tools ## all that test and demo set up by themselves, and nothing else
	@for version in $$(scripts/python.sh bpy); do scripts/venv.sh bpy $$version || exit 1; done

docs: compiler ## the library's documentation
	cargo doc --no-deps
	@echo "$(CARGO_TARGET_DIR)/doc/overfit/index.html"

window-test: debug tools $(ZIP) ## the add-on clicked in a real Blender 5.2 window, in a Debian of its own (root only)
	"$(TOOLS)/python" tests/window/run.py --binary "$(DEBUG)" --addon "$(ZIP)" --out demo/window

docs-pictures: debug tools $(ZIP) ## the same, and its pictures of the panels as those of docs/blender.md; carry.png, too
	"$(TOOLS)/python" tests/window/run.py --binary "$(DEBUG)" --addon "$(ZIP)" --out demo/window \
	--docs docs/pictures/blender
	blender=$$(scripts/python.sh bpy) && blender=$$(scripts/venv.sh bpy $${blender##* }) && \
	"$(TOOLS)/python" scripts/demo/carry.py --binary "$(DEBUG)" --addon "$(ZIP)" --blender "$$blender" --out docs/pictures

# The debug program is in the wheel here: it is built already, and the package is the same but for its size.
package-test: debug tools $(ZIP) ## the wheel in an environment of its own; the full zip and the repository in every Blender that fits
	wheel=$$("$(TOOLS)/python" python/wheel.py --profile dev --output "$(PACKAGE)") && \
	"$(TOOLS)/python" blender_addon/build.py --wheel "$$wheel" --output "$(PACKAGE)/full.zip" && \
	OVERFIT_BINARY="$(DEBUG)" OVERFIT_WHEEL="$$wheel" "$(TOOLS)/python" -m pytest -q -p no:cacheprovider tests/python/client/test_wheel.py
	for version in $$(scripts/python.sh bpy); do blender=$$(scripts/venv.sh bpy $$version) && \
	OVERFIT_ADDON_ZIP="$(abspath $(ZIP))" OVERFIT_FULL_ZIP="$(PACKAGE)/full.zip" "$$blender/bin/python" -m pytest -q \
	-p no:cacheprovider tests/python/addon/test_full_package.py tests/python/addon/test_repository.py || exit 1; done

# Our own crates hardly optimised: the generic code of another backend takes minutes to optimise and seconds to run.
TEST_CARD = CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo test -p overfit-kernels --features cuda,wgpu

test-wgpu: compiler ## the kernels and the conformance suite on Vulkan, by software where there is no GPU
	@ls /usr/share/vulkan/icd.d/*.json >/dev/null 2>&1 || scripts/system.sh "software Vulkan" mesa-vulkan-drivers libvulkan1
	$(TEST_CARD) --lib -- backend::gpu backend::kernel_cache
	$(TEST_CARD) --test conformance -- vulkan_conforms

test-cuda: compiler ## the conformance suite on CUDA, on a card that the processor emulates
	@# In processes of their own: a process has one queue to a card.
	set -e; suite=$$($(TEST_CARD) --test conformance --no-run 2>&1 | tee /dev/stderr | sed -n 's/.*Executable.*(\(.*\))/\1/p'); \
	printf '%s\n' 0 1 2 3 | $(if $(CARD),,scripts/emulated-card.sh) xargs -P 2 -I{} "$$suite" --exact cuda_conforms::part_{}

check-cuda: compiler ## that the CUDA build compiles: needs no CUDA
	cargo check --features cuda

bare-test: ## make demo and make test in a bare Debian (root only)
	scripts/bare-debian.sh

clean: ## removes demo/, dist/, bench/ and what cargo built
	rm -rf demo dist bench
	cargo clean

compiler:
	@command -v cargo >/dev/null || { echo "overfit: cargo is not on the PATH: install Rust with rustup, $$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer" >&2; exit 1; }
	@command -v cc >/dev/null || scripts/system.sh "the build" gcc libc6-dev

tools:
	@scripts/venv.sh tools >/dev/null
