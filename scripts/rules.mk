# SPDX-License-Identifier: Apache-2.0
# How each thing is made. Every output remembers its command in .OUTPUT.last; when the command
# would be another today (flags, configuration, list of objects), the output is made again.

squote := '
quoted = '$(subst $(squote),'\$(squote)$(squote),$1)'
same = $(and $(findstring x$1x,x$2x),$(findstring x$2x,x$1x))
cmd-file = $(dir $1).$(notdir $1).last

# $(call rule,LABEL,target,prerequisites,command): one output, made by one command. The file of the
# last command is a makefile (reading it with $(file <) is not reliable in make 4.3).
define rule
$(eval label.$2 := $1)
$(eval cmd.$2 := $(strip $4))
$(eval include $(wildcard $(call cmd-file,$2)))
$(eval $2: $3 $(if $(call same,$(value last.$2),$(cmd.$2)),,FORCE) ; $$(run))
endef
define run
@$(if $(Q),echo '  $(label.$@)$(@:$(O)/%=%)',printf '%s\n' $(call quoted,$(cmd.$@)))
@mkdir -p $(@D) && rm -f $(call cmd-file,$@) && $(cmd.$@) && \
	printf 'define last.$@\n%s\nendef\n' $(call quoted,$(cmd.$@)) >$(call cmd-file,$@)
endef
.PHONY: FORCE
FORCE:

# Objects -------------------------------------------------------------------------------------

objects := $(sort $(objects) $(core-objs))
root-of = $(firstword $(subst /, ,$1))
module-flag = $(if $(filter y,$(linked.$1)),-DAIOS_MODULE_BUILTIN)
is-cxx = $(filter %.cpp,$(src.$1))
object-flags = $(if $(is-cxx),$(all-cxxflags),$(all-cflags)) $(call include.$(call root-of,$1),$(or $(dir.$1),$(patsubst %/,%,$(dir $1)))) \
	       $(module-flag) $(cflags.$1) $(CFLAGS)

# $(call compile,object path in the tree)
compile = $(call rule,CC      ,$(O)/$1,$(or $(src.$1),$(1:.o=.c)),$(if $(is-cxx),$(CXX),$(CC)) $(call object-flags,$1) \
	  -MMD -MP -MF $(O)/$1.d -c $(or $(src.$1),$(1:.o=.c)) -o $(O)/$1)
$(foreach o,$(objects),$(call compile,$o))
-include $(wildcard $(objects:%=$(O)/%.d))
$(addprefix $(O)/,$(objects)): | $(O)/generated/builtin-modules.c

# $(call merge,target,symbol to keep,objects): several objects become one whose other symbols
# are local, so that a built-in module hides its insides exactly as a .so does.
merge = $(call rule,LD      ,$1,$3,$(LD) -r --force-group-allocation -o $1 $3 && $(OBJCOPY) --keep-global-symbol=$2 $1)

# Modules -------------------------------------------------------------------------------------

folder-of = $(if $(filter drivers/%,$(dir.$1)),drivers,plugins)
ident = $(subst -,_,$1)
parts-in = $(addprefix $(O)/,$(parts.$1))

builtin-objs := $(foreach m,$(modules-y),$(O)/$(dir.$m)/$m.builtin.o)
builtin-libs := $(foreach m,$(modules-y),$(libs.$m))
module-files := $(foreach m,$(modules-m),$(O)/lib/aios/$(call folder-of,$m)/$m.so)

# The metadata gets a section of the module's own; gen-builtin names its ends.
$(foreach m,$(modules-y),$(call merge,$(O)/$(dir.$m)/$m.builtin.o,aios_module_$(call ident,$m) \
	--rename-section .aios.modinfo=aios_modinfo_$(call ident,$m),$(call parts-in,$m)))
$(foreach m,$(modules-m),$(call rule,LD [M]  ,$(O)/lib/aios/$(call folder-of,$m)/$m.so,$(call parts-in,$m) scripts/module.map,\
	$(CC) -shared $(all-ldflags) $(no-undefined) -Wl$(comma)--version-script=scripts/module.map \
	-Wl$(comma)-soname$(comma)$m.so $(ldflags.$m) $(call parts-in,$m) $(libs.$m) $(LDFLAGS) \
	-o $(O)/lib/aios/$(call folder-of,$m)/$m.so))

# The list of built-in modules comes from the configuration alone.
builtin-list := $(O)/generated/builtin-modules
$(call rule,GEN     ,$(builtin-list).c,scripts/gen-builtin,scripts/gen-builtin $(O) $(sort $(modules-y)))
$(call rule,CC      ,$(builtin-list).o,$(builtin-list).c,$(CC) $(all-cflags) $(call include.core) $(CFLAGS) \
	-MMD -MP -MF $(builtin-list).o.d -c $(builtin-list).c -o $(builtin-list).o)
-include $(wildcard $(builtin-list).o.d)

# Libraries and programs ----------------------------------------------------------------------

lib-objs := $(addprefix $(O)/,$(core-objs)) $(builtin-list).o $(builtin-objs)
lib-libs := $(sort $(core-libs) $(builtin-libs))
libaios := $(O)/libaios.a
libaios-so := $(if $(CONFIG_LIBAIOS_SHARED),$(O)/libaios.so.$(SOVERSION))

$(call rule,AR      ,$(libaios),$(lib-objs),rm -f $(libaios).new && \
	$(AR) rcsD $(libaios).new $(lib-objs) && mv $(libaios).new $(libaios))
ifdef CONFIG_LIBAIOS_SHARED
$(call rule,LD      ,$(libaios-so),$(lib-objs) scripts/libaios.map,$(CC) -shared $(all-ldflags) $(no-undefined) \
	-Wl$(comma)--version-script=scripts/libaios.map -Wl$(comma)-soname$(comma)libaios.so.$(SOVERSION) \
	$(lib-objs) $(lib-libs) $(LDFLAGS) -o $(libaios-so))
$(call rule,LN      ,$(O)/libaios.so,$(libaios-so),ln -sf libaios.so.$(SOVERSION) $(O)/libaios.so)
endif

# Samples and tools keep their folder; what people run lies at the top of the build folder.
program-path = $(O)/$(addsuffix /,$(filter samples tools,$(call root-of,$(dir.programs.$1))))$1
$(foreach p,$(programs),$(call rule,LD      ,$(call program-path,$p),$(call parts-in,programs.$p) $(libaios),\
	$(CC) $(all-ldflags) $(call parts-in,programs.$p) $(libaios) $(libs.programs.$p) $(lib-libs) $(LDFLAGS) \
	-o $(call program-path,$p)))
program-files := $(foreach p,$(programs),$(call program-path,$p))

.PHONY: all modules
modules: $(module-files)
all: $(libaios) $(libaios-so:.$(SOVERSION)=) $(program-files) $(module-files)
	$(Q)scripts/prune-modules $(O)/lib/aios $(module-files)
ifeq ($(O),build)
	$(Q)[ -L aios ] || ln -s build/aios aios
endif
