# SPDX-License-Identifier: Apache-2.0
# Targets that need no configuration yet: they set the machine up, or start make again with
# another build folder.

# On all cores, unless make was told otherwise.
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))
again = +$(Q)$(MAKE) $(jobs) V=$(V)

.PHONY: help deps demo clean distclean mrproper uninstall abi-update $(setup-goals) $(sweep-goals)

help:
	@cat scripts/help.txt

deps:
	$(Q)scripts/deps

# `demo` and the checks must work on a machine that has git and make alone.
demo check check-unit check-conformance check-e2e check-invariance: ready
.PHONY: ready
ready:
	$(Q)scripts/deps --if-missing

demo-command = $(O)/aios --driver=cpu-ref -m share/demo -p "Once upon a time" --seed 7
demo:
	$(again) O=$(O) all
	@echo '  RUN     $(demo-command)'
	@echo
	$(Q)printf 'Once upon a time' && $(demo-command)

check check-unit check-conformance check-e2e:
	$(again) O=$(O) T="$(T)" run-$@

# The full grid; check runs a part of it.
check-invariance:
	+$(Q)AIOS_INVARIANCE=full $(MAKE) $(jobs) V=$(V) O=$(O) T="$(T)" run-$@

# The full grid on a device of this machine, in both profiles of floating point.
DRIVER ?= cuda
check-device:
	$(again) O=build-$(DRIVER) $(DRIVER)_defconfig
	$(again) O=build-$(DRIVER) all tests
	$(Q)PROFILES="fma32 tc-sm90" scripts/device-check -b build-$(DRIVER) -d $(DRIVER) invariance

# An engine at saturation for an hour; check lets it run for two seconds. The allocator's lists of free
# chunks are off, so that it counts every byte; without a fork, for Check's children cannot tell of more
# than 2,147 seconds.
SOAK_SECONDS ?= 3600
soak: ready
	+$(Q)SOAK_SECONDS=$(SOAK_SECONDS) GLIBC_TUNABLES=glibc.malloc.tcache_count=0 \
		CK_FORK=no $(MAKE) $(jobs) V=$(V) O=$(O) T=test_soak run-check-invariance

# The whole quick kit of `aios conform` on every seeded bug; check runs what is meant for each.
check-mutation: ready
	+$(Q)AIOS_MUTATION=full $(MAKE) $(jobs) V=$(V) O=$(O) T=test_faulty run-check-conformance

# One sanitizer each, out of the way, with all tests.
asan tsan:
	$(Q)scripts/deps --if-missing
	$(again) O=build-$@ $@_defconfig
	$(again) O=build-$@ run-check

# AMD's compiler, and no AMD GPU: the machine code is read, and the module runs on a library that
# is none. AIOS_HIP=some for the part that make check has.
AIOS_HIP ?= full
check-hip:
	$(Q)scripts/deps --if-missing hip
	$(again) O=build-hip hip_defconfig
	$(again) O=build-hip all
	$(Q)scripts/hip-isa-gate build-hip
	$(Q)scripts/hip-isa-gate --self-test build-hip
	+$(Q)AIOS_HIP=$(AIOS_HIP) AIOS_HIP_DRIVER=$(CURDIR)/build-hip/lib/aios/drivers/hip.so \
		CK_RUN_SUITE=hip_conform $(MAKE) $(jobs) V=$(V) O=build-hip run-check-hip

coverage:
	$(Q)scripts/deps --if-missing coverage
	$(again) O=build-coverage coverage_defconfig
	$(again) O=build-coverage run-check
	$(Q)scripts/coverage build-coverage

FUZZ_SECONDS ?= 60
fuzz:
	$(Q)scripts/deps --if-missing fuzz
	$(again) O=build-fuzz CC=clang fuzz_defconfig
	$(again) O=build-fuzz CC=clang FUZZ_SECONDS=$(FUZZ_SECONDS) run-fuzz

# The list that `make install` left says what to delete; then our own folders, when empty.
uninstall:
	$(Q)[ -f $(O)/install.list ] || { echo 'nothing to uninstall: no $(O)/install.list' >&2; exit 1; }
	$(Q)while read -r file; do rm -f "$(DESTDIR)$$file"; done <$(O)/install.list
	$(Q)sed -n 's|\(.*/aios\)/.*|\1|p' $(O)/install.list | sort -u | while read -r dir; do \
		find "$(DESTDIR)$$dir" -depth -type d -empty -delete; done
	$(Q)rm -f $(O)/install.list

abi-update:
	$(Q)scripts/abi-hash --update

# `clean` keeps the configuration, `distclean` leaves what git knows.
clean:
	$(Q)[ ! -d $(O) ] || find $(O) -mindepth 1 -maxdepth 1 ! -name .config -exec rm -rf {} +
distclean mrproper:
	$(Q)rm -rf build build-asan build-tsan build-coverage build-fuzz build-clang $(O) aios
