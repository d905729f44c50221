# SPDX-License-Identifier: Apache-2.0
# make install DESTDIR= PREFIX=: programs, libraries, modules, headers, manual, demo model, template
# of a driver.
# What was installed is listed in INSTALL_LIST, which `make uninstall` goes by.
INSTALL_LIST ?= $(O)/install.list

# The manual comes from the tables in the program itself, which therefore runs here.
version = $(shell sed -n 's/^.define AIOS_VERSION "\(.*\)"/\1/p' include/aios/aios.h)
man-done := $(O)/man/aios.1
$(call rule,MAN     ,$(man-done),$(O)/aios scripts/gen-man $(wildcard Documentation/man/*.scd),\
	scripts/gen-man $(O)/aios $(O)/man)

$(call rule,GEN     ,$(O)/aios.pc,scripts/aios.pc.in scripts/gen-pc,scripts/gen-pc $(PREFIX) $(BINDIR) \
	$(LIBDIR) $(INCLUDEDIR) $(DATADIR) $(version) '$(lib-libs) -pthread' <scripts/aios.pc.in >$(O)/aios.pc)

completions := $(addprefix $(O)/completions/,aios _aios aios.fish)
$(call rule,GEN     ,$(O)/completions/aios,$(O)/aios,$(O)/aios completion bash >$(O)/completions/aios)
$(call rule,GEN     ,$(O)/completions/_aios,$(O)/aios,$(O)/aios completion zsh >$(O)/completions/_aios)
$(call rule,GEN     ,$(O)/completions/aios.fish,$(O)/aios,$(O)/aios completion fish >$(O)/completions/aios.fish)

# $(call put,mode,folder,files): install them and note them down.
define put
	$(Q)for file in $3; do \
		install -D -m $1 "$$file" "$(DESTDIR)$2/$${file##*/}" && \
		echo "$2/$${file##*/}" >>$(INSTALL_LIST) || exit 1; \
	done

endef

.PHONY: docs man install
docs man: $(man-done)

install: all docs $(completions) $(O)/aios.pc
	$(Q): >$(INSTALL_LIST)
	$(call put,755,$(BINDIR),$(filter-out $(O)/samples/% $(O)/tools/%,$(program-files)))
	$(call put,644,$(LIBDIR),$(libaios) $(libaios-so))
ifdef CONFIG_LIBAIOS_SHARED
	$(Q)ln -sf libaios.so.$(SOVERSION) "$(DESTDIR)$(LIBDIR)/libaios.so"
	$(Q)echo "$(LIBDIR)/libaios.so" >>$(INSTALL_LIST)
endif
	$(call put,644,$(LIBDIR)/pkgconfig,$(O)/aios.pc)
	$(foreach kind,drivers plugins,$(call put,644,$(LIBDIR)/aios/$(kind),$(filter $(O)/lib/aios/$(kind)/%,$(module-files))))
	$(foreach sub,aios aios/driver aios/plugin,$(call put,644,$(INCLUDEDIR)/$(sub),$(wildcard include/$(sub)/*.h)))
	$(foreach n,1 5,$(call put,644,$(MANDIR)/man$n,$(O)/man/*.$n))
	$(call put,644,$(DATADIR)/aios/demo,$(wildcard share/demo/*))
	$(call put,644,$(DATADIR)/aios/driver-template,$(wildcard share/driver-template/*))
	$(call put,644,$(DATADIR)/aios,scripts/module.map)
	$(call put,644,$(DATADIR)/bash-completion/completions,$(O)/completions/aios)
	$(call put,644,$(DATADIR)/zsh/site-functions,$(O)/completions/_aios)
	$(call put,644,$(DATADIR)/fish/vendor_completions.d,$(O)/completions/aios.fish)
	@echo '  INSTALL $(DESTDIR)$(PREFIX)'
