# SPDX-License-Identifier: Apache-2.0
# Compilers and flags. CC=clang works too; CFLAGS and LDFLAGS from outside come last.

comma := ,
# Built-in values of make (cc, g++) do not count as a choice.
ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
ifneq ($(filter default undefined,$(origin CXX)),)
CXX := $(if $(findstring clang,$(CC)),clang++,g++)
endif
AR ?= ar
LD ?= ld
OBJCOPY ?= objcopy
is-clang := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))

# -ffp-contract=off is part of the numerics contract: no compiler may fuse a multiply and an add.
base-flags := -std=gnu11 -g -fPIC -fvisibility=hidden -fno-strict-aliasing -fno-common \
	      -ffp-contract=off -pthread -D_GNU_SOURCE
warn-flags := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	      -Wold-style-definition -Wvla -Wundef -Wpointer-arith -Wwrite-strings -Wformat=2 \
	      -Wno-missing-field-initializers $(if $(is-clang),,-Wlogical-op -Wduplicated-cond)
opt-flags := $(if $(CONFIG_DEBUG),-Og -fno-omit-frame-pointer,-O2)
warn-flags += $(if $(CONFIG_WERROR),-Werror)

# Instrumented builds; the same flags compile and link.
san-flags :=
ifdef CONFIG_SANITIZE_ADDRESS
san-flags += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
ifdef CONFIG_SANITIZE_THREAD
san-flags += -fsanitize=thread -fno-omit-frame-pointer
endif
ifdef CONFIG_FUZZ
san-flags += -fsanitize=fuzzer-no-link
endif
ifdef CONFIG_COVERAGE
san-flags += --coverage
endif

all-cflags := $(base-flags) $(opt-flags) $(warn-flags) $(san-flags)
# C++ exists in tests only (the GPU kernels on the host), without a run-time library.
all-cxxflags := -std=gnu++17 -fno-exceptions -fno-rtti $(filter-out -std=% -Wconversion \
		-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition,$(all-cflags))
all-ldflags := -pthread $(san-flags) -Wl,-z,relro,-z,now
# clang leaves a sanitizer's run-time out of shared objects: their symbols stay undefined.
no-undefined := $(if $(and $(is-clang),$(san-flags)),,-Wl$(comma)--no-undefined)

# Who may include what is decided here, by the folder an object's source lies in:
# drivers, plugins, samples and tools see <aios/...> and their own folder; core also sees "core/...".
generated := -I$(O)/include
include.core = -Iinclude $(generated) -iquote .
include.drivers = -Iinclude -iquote $1
include.plugins = -Iinclude -iquote $1 -iquote plugins/lib
include.samples = -Iinclude
include.tools = -Iinclude
include.tests = -Iinclude $(generated) -iquote . -iquote tests -iquote $1
