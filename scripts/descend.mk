# SPDX-License-Identifier: Apache-2.0
# Descend through the folders' Makefiles and collect what they list. A folder's Makefile says:
#
#	obj-y += a.o sub/			an object, a folder to go on to
#	obj-$(CONFIG_DRIVER_X) += x.o		a module: y built in, m as a .so
#	x-y := module.o ops/matmul.o		x.o is made of these (composite)
#	lib-y += json.o				compiled only when something lists plugins/lib/json.o
#	prog-y += aios				a program; aios-y lists its objects
#	test-y testmod-y fuzz-y			see tests/ and scripts/tests.mk
#	CFLAGS_dir-y, CFLAGS_a.o		flags of the whole folder, of one object
#	SRC_a-v3.o := a.c			a second object from the same source
#	LIBS_x := -lfoo				libraries of a module, program or test
#
# Paths that begin with core/, drivers/, plugins/ or tests/ are from the top of the tree,
# all others from the folder itself.
#
# The result: objects (all that can be compiled), src.OBJ, cflags.OBJ, dir.OBJ; core-objs;
# modules-y, modules-m, modules- (off) and for each module parts.NAME, libs.NAME, dir.NAME;
# the same for programs, tests, testmods and fuzzers under the key LIST.NAME.

objects :=
core-objs :=
core-libs :=
modules-y :=
modules-m :=
modules- :=
programs :=
tests :=
testmods :=
fuzzers :=

list-vars := obj-y obj-m obj- lib-y prog-y test-y testmod-y fuzz-y CFLAGS_dir-y

# $(call resolve,folder,objects): their paths from the top.
resolve = $(foreach o,$2,$(if $(filter core/% drivers/% plugins/% tests/%,$o),$o,$1/$o))

define visit
$(foreach v,$(list-vars),$(eval $v :=))
$(eval here := $1)
$(eval include $1/Makefile)
$(eval subdirs.$1 := $(patsubst %/,$1/%,$(filter %/,$(obj-y) $(obj-m) $(obj-))))
$(foreach y,y m,$(foreach o,$(filter %.o,$(obj-$y)),$(call add-object,$1,$o,$y)))
$(foreach o,$(filter %.o,$(obj-)),$(call add-object,$1,$o,))
$(foreach o,$(lib-y),$(call note-object,$1,$o))
$(foreach n,$(prog-y),$(call add-named,programs,$1,$n,$($n-y)))
$(foreach n,$(test-y:.o=),$(call add-named,tests,$1,$n,$n.o $($n-y)))
$(foreach n,$(testmod-y:.o=),$(call add-named,testmods,$1,$n,$(or $($n-y),$n.o)))
$(foreach n,$(fuzz-y:.o=),$(call add-named,fuzzers,$1,$n,$n.o $($n-y)))
$(if $(LIBS_core),$(eval core-libs += $(LIBS_core))$(eval undefine LIBS_core))
$(foreach s,$(subdirs.$1),$(call visit,$s))
endef

# In core/ an object belongs to libaios; anywhere else it is a module.
add-object = $(if $(filter core core/%,$1),$(call add-core,$1,$2),$(call add-module,$1,$(2:.o=),$3))
add-core = $(call note-object,$1,$2)$(eval core-objs += $1/$2)

define add-module
$(if $(dir.$2),$(error $1/Makefile: a module $2 exists already in $(dir.$2)))
$(eval modules-$3 += $2)
$(call add-parts,$1,$2,$(or $($2-y),$2.o),$2)
$(foreach p,$(parts.$2),$(eval linked.$p += $(or $3,n)))
endef

# $(call add-named,list,folder,name,objects): the keys of these begin with the list's name.
define add-named
$(if $(filter $3,$($1)),$(error $2/Makefile: $3 is listed twice in $1))
$(eval $1 += $3)
$(call add-parts,$2,$3,$4,$1.$3)
endef

# $(call add-parts,folder,name,objects,key): what a module, program or test is made of and needs.
define add-parts
$(eval dir.$4 := $1)
$(eval parts.$4 := $(call resolve,$1,$3))
$(eval libs.$4 := $(LIBS_$2))
$(eval extra.$4 := $(TESTOBJS_$2) $(FUZZOBJS_$2))
$(eval ldflags.$4 := $(LDFLAGS_$2))
$(foreach v,$2-y LIBS_$2 TESTOBJS_$2 FUZZOBJS_$2 LDFLAGS_$2,$(eval undefine $v))
$(foreach o,$3,$(call note-object,$1,$o))
endef

# An object's own flags and source; one from another folder is noted there.
define note-object
$(if $(filter-out $(call resolve,$1,$2),$1/$2),$(eval objects += $2),
$(eval objects += $1/$2)
$(eval src.$1/$2 := $1/$(or $(SRC_$2),$(2:.o=.c)))
$(eval cflags.$1/$2 := $(CFLAGS_dir-y) $(CFLAGS_$2))
$(eval dir.$1/$2 := $1)
$(eval undefine SRC_$2)$(eval undefine CFLAGS_$2))
endef
