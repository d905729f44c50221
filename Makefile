# SPDX-License-Identifier: Apache-2.0
# AIOS: `make` builds, `make demo` tells a story, `make check` tests, `make help` lists the rest.
#
# This file picks the configuration and names the targets. What is built stands in
# each folder's own Makefile (obj-y, obj-m); how, in scripts/*.mk. See Documentation/build.md.

# The shared library's version: the major number of the caller's ABI, include/aios/aios.h.
SOVERSION := 0

# The build folder: `make O=build-asan asan_defconfig all` builds out of the way.
O ?= build
O := $(O:%/=%)
# Where `make install` puts things; DESTDIR is put in front of every path.
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man

DEFCONFIG ?= cpu_defconfig

MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/sh

# V=1 shows the commands.
V ?= 0
Q := $(if $(filter 1,$(V)),,@)

goals := $(or $(MAKECMDGOALS),all)
# These read no configuration: they make one, need none, or set up and start over.
config-goals := $(filter config %config,$(goals))
setup-goals := demo check check-unit check-conformance check-e2e check-invariance check-mutation soak check-device
sweep-goals := fuzz asan tsan coverage check-hip
bare-goals := $(setup-goals) $(sweep-goals) help deps clean distclean mrproper abi-update uninstall

ifneq ($(and $(config-goals),$(filter-out $(config-goals),$(goals))),)
# A configuration and then something built from it: one after the other.
.PHONY: $(goals) one-by-one
$(goals): one-by-one ; @:
one-by-one:
	$(Q)for goal in $(goals); do $(MAKE) O=$(O) $$goal || exit 1; done
else
include scripts/config.mk
ifneq ($(filter-out $(config-goals) $(bare-goals),$(goals)),)
include $(O)/auto.conf
include scripts/flags.mk
include scripts/descend.mk
$(call visit,core)
$(call visit,drivers)
$(call visit,plugins)
$(call visit,samples)
$(call visit,tools)
$(call visit,tests)
include scripts/rules.mk
include scripts/tests.mk
include scripts/install.mk
include scripts/style.mk
endif
include scripts/setup.mk
endif
