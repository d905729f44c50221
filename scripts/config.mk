# SPDX-License-Identifier: Apache-2.0
# Configuration: $(O)/.config is what the user chose; $(O)/auto.conf (for make) and
# $(O)/include/generated/autoconf.h (for C) are made from it and touched only when they differ.

kconfigs := $(wildcard Kconfig scripts/Kconfig core/Kconfig drivers/Kconfig drivers/*/Kconfig drivers/*/*/Kconfig \
	      plugins/Kconfig plugins/*/Kconfig plugins/*/*/Kconfig)

# kconfig-frontends writes beside its working folder: say where everything is instead.
kconfig = $(Q)mkdir -p $(O) && command -v kconfig-$1 >/dev/null || \
	{ echo 'kconfig-$1 is missing: run scripts/deps (Debian package kconfig-frontends-nox)' >&2; exit 1; }; \
	KCONFIG_CONFIG=$(O)/.config kconfig-$1
quietly = >$(O)/kconfig.log 2>&1 || { cat $(O)/kconfig.log >&2; exit 1; }

$(O)/auto.conf: $(O)/.config $(kconfigs) scripts/gen-autoconf
	$(call kconfig,conf) --olddefconfig Kconfig $(quietly)
	$(Q)scripts/gen-autoconf $(O)/.config $(O)

$(O)/.config:
	$(Q)echo '  CONF    $(DEFCONFIG) (no configuration yet)'
	$(Q)$(MAKE) O=$(O) $(DEFCONFIG)

.PHONY: config defconfig menuconfig oldconfig savedefconfig listnewconfig
config menuconfig:
	$(Q)[ -t 0 ] || { echo 'make menuconfig needs a terminal; edit $(O)/.config instead' >&2; exit 1; }
	$(call kconfig,mconf) Kconfig
oldconfig: ; $(call kconfig,conf) --oldconfig Kconfig
listnewconfig: ; $(call kconfig,conf) --listnewconfig Kconfig
defconfig: $(DEFCONFIG) ;
savedefconfig:
	$(call kconfig,conf) --savedefconfig=$(O)/defconfig Kconfig
	$(Q)echo '  SAVED   $(O)/defconfig'

# The parser drops a line that it does not know without a word, so check that each survived.
# What a configuration needs beyond the usual packages it says itself ("# deps: hip").
%_defconfig: configs/%_defconfig
	$(Q)sets=$$(sed -n 's/^# deps: //p' $<); [ -z "$$sets" ] || scripts/deps --if-missing $$sets
	$(call kconfig,conf) --defconfig=$< Kconfig $(quietly)
	$(Q)scripts/check-defconfig $< $(O)/.config || { rm -f $(O)/.config; exit 1; }
	$(Q)echo '  CONF    $(O)/.config from $<'
