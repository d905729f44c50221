# SPDX-License-Identifier: Apache-2.0
# `make style` looks at taste; the part that needs no extra tool, style-check, is in `make check`.

.PHONY: style style-check check-exports check-defconfigs check-build

public-headers := $(wildcard include/aios/*.h include/aios/driver/*.h include/aios/plugin/*.h)

style-check: $(O)/headers.ok check-exports check-defconfigs check-build
	$(Q)scripts/abi-hash --check
	$(Q)scripts/check-includes
	$(Q)scripts/check-docs

# Each public header compiles alone, as C and (where there is a C++ compiler) as C++.
$(O)/headers.ok: $(public-headers) scripts/check-headers
	$(Q)CC='$(CC)' CXX='$(CXX)' scripts/check-headers $(public-headers)
	$(Q)touch $@

# A module exports aios_module alone and uses no symbol of the core, built in or not.
check-exports: $(module-files) $(libaios-so) $(libaios)
	$(Q)scripts/check-exports '$(addprefix $(O)/,$(core-objs))' '$(builtin-objs)' '$(libaios-so)' $(module-files)

# The build itself: does it rebuild what it must and nothing else?
check-build:
	$(Q)tests/build/run

check-defconfigs: $(wildcard configs/*_defconfig) $(kconfigs)
	$(Q)mkdir -p $(O)/defconfigs
	$(Q)for f in $(wildcard configs/*_defconfig); do \
		KCONFIG_CONFIG=$(O)/defconfigs/config kconfig-conf --defconfig=$$f Kconfig >/dev/null && \
		scripts/check-defconfig $$f $(O)/defconfigs/config || exit 1; \
	done

sources = $(shell git ls-files '*.c' '*.h' 2>/dev/null)
style: style-check
	$(Q)scripts/deps --if-missing style
	$(Q)clang-format --dry-run $(sources)
	$(Q)scripts/longest $(sources)
