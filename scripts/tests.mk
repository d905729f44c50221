# SPDX-License-Identifier: Apache-2.0
# Tests. tests/{unit,conformance,e2e,invariance}/Makefile list `test-y += test_bpe.o`; the file exposes
# `Suite *test_bpe_suite(void)`. All suites go into one program, $(O)/tests/run-tests, whose
# arguments choose categories. `make check T="test_bpe test_arena"` builds and runs just those.
#
# A test may look inside a plugin: TESTOBJS_test_bpe := plugins/tokenizers/bpe/%.o

CHECK_LIBS ?= $(shell pkg-config --libs check 2>/dev/null || echo -lcheck_pic -lrt -lm -lsubunit -pthread)

T ?=
unknown-tests := $(filter-out $(tests),$(T))
$(if $(unknown-tests),$(error T=: no test called $(unknown-tests); there are: $(sort $(tests))))
chosen := $(if $(T),$(T),$(tests))
empty :=
runner := $(O)/tests/run-tests$(if $(T),-$(subst $(empty) ,-,$(strip $(T))))
category-of = $(notdir $(dir.tests.$1))
suite-of = test_$(subst -,_,$(1:test_%=%))_suite

# Each test is merged with the insides it looks at; only its suite stays visible.
test-parts = $(call parts-in,tests.$1) $(addprefix $(O)/,$(filter $(subst *,%,$(extra.tests.$1)),$(objects)))
$(foreach t,$(tests),$(call merge,$(O)/$(dir.tests.$t)/$t.test.o,$(call suite-of,$t),$(call test-parts,$t)))
test-objs := $(foreach t,$(chosen),$(O)/$(dir.tests.$t)/$t.test.o)
test-libs := $(foreach t,$(chosen),$(libs.tests.$t))

$(call rule,GEN     ,$(runner).c,scripts/gen-runner,scripts/gen-runner $(runner).c \
	$(foreach t,$(chosen),$(call category-of,$t):$(call suite-of,$t)))
$(call rule,CC      ,$(runner).o,$(runner).c tests/runner.h,$(CC) $(all-cflags) $(call include.tests,tests) $(CFLAGS) \
	-c $(runner).c -o $(runner).o)
$(call rule,LD      ,$(runner),$(runner).o $(O)/tests/runner.o $(test-objs) $(libaios),$(CC) $(all-ldflags) \
	$(runner).o $(O)/tests/runner.o $(test-objs) $(libaios) $(sort $(test-libs)) $(lib-libs) $(CHECK_LIBS) $(LDFLAGS) \
	-o $(runner))

# Deliberately bad modules for the loader's tests: tests/modules/Makefile sets what is wrong with
# each: CFLAGS_x.o, and LDFLAGS_x in place of the usual link flags.
testmod-files := $(foreach m,$(testmods),$(O)/tests/modules/$m.so)
testmod-ldflags := -Wl,--version-script=scripts/module.map
$(foreach m,$(testmods),$(call rule,LD [M]  ,$(O)/tests/modules/$m.so,$(call parts-in,testmods.$m),\
	$(CC) -shared $(all-ldflags) $(or $(ldflags.testmods.$m),$(testmod-ldflags)) $(call parts-in,testmods.$m) \
	$(libs.testmods.$m) -o $(O)/tests/modules/$m.so))

# What the tests find things by. Instrumented code may take longer, and looks for leaks when a process
# ends, so all tests share one there (the first crash or leak ends it, with a report).
test-env := AIOS_TEST_BUILD=$(abspath $(O)) AIOS_TEST_SRC=$(CURDIR) UBSAN_OPTIONS=print_stacktrace=1 \
	    CK_TIMEOUT_MULTIPLIER=$(if $(san-flags),20,4) $(if $(san-flags),CK_FORK=$${CK_FORK:-no})
TEST_WRAPPER ?=

.PHONY: run-check run-check-unit run-check-conformance run-check-e2e run-check-invariance run-check-hip tests
tests: all $(testmod-files) $(runner)
run-check: tests style-check
	$(Q)$(test-env) $(TEST_WRAPPER) $(runner)
run-check-unit run-check-conformance run-check-e2e run-check-invariance run-check-hip: run-check-%: tests
	$(Q)$(test-env) $(TEST_WRAPPER) $(runner) $*

# Under valgrind: one process, so that a leak is charged to the test that made it.
.PHONY: valgrind
valgrind: tests
	$(Q)scripts/deps --if-missing valgrind
	$(Q)$(test-env) CK_FORK=no valgrind -q --error-exitcode=1 --leak-check=full \
		--errors-for-leak-kinds=definite,indirect $(runner) unit

# Fuzz targets, only in a build that is instrumented for them (make fuzz). tests/fuzz/Makefile
# lists `fuzz-y += elf.o`; tests/fuzz/corpus/elf holds what to start from; new finds are kept in
# the build folder.
ifdef CONFIG_FUZZ
FUZZ_SECONDS ?= 60
fuzz-path = $(O)/tests/fuzz/$1
fuzz-parts = $(call parts-in,fuzzers.$1) $(addprefix $(O)/,$(filter $(subst *,%,$(extra.fuzzers.$1)),$(objects)))
$(foreach f,$(fuzzers),$(call rule,LD      ,$(call fuzz-path,$f),$(call fuzz-parts,$f) $(libaios),\
	$(CC) $(all-ldflags) -fsanitize=fuzzer $(call fuzz-parts,$f) $(libaios) $(libs.fuzzers.$f) $(lib-libs) \
	-o $(call fuzz-path,$f)))

fuzz-runs := $(addprefix run-fuzz-,$(fuzzers))
.PHONY: run-fuzz $(fuzz-runs)
run-fuzz: $(fuzz-runs)
$(fuzz-runs): run-fuzz-%: $(O)/tests/fuzz/%
	@echo '  FUZZ    $* ($(FUZZ_SECONDS) s)'
	$(Q)mkdir -p $(O)/tests/fuzz/corpus/$*
	$(Q)$< -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
		-verbosity=0 -artifact_prefix=$(O)/tests/fuzz/$*- \
		$(O)/tests/fuzz/corpus/$* $(wildcard tests/fuzz/corpus/$*)
endif
