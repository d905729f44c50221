# SPDX-License-Identifier: Apache-2.0
# make install DESTDIR= PREFIX=: programs, libraries, modules, headers, manual, demo model.
# What was installed is listed in $(O)/install.list, which `make uninstall` goes by.

# The manual: one source a page, Documentation/man/aios.1.scd.
man-pages := $(patsubst Documentation/man/%.scd,$(O)/man/%,$(wildcard Documentation/man/*.scd))
man-source = $(1:$(O)/man/%=Documentation/man/%.scd)
$(foreach p,$(man-pages),$(call rule,MAN     ,$p,$(call man-source,$p),scdoc <$(call man-source,$p) >$p))

$(call rule,GEN     ,$(O)/aios.pc,scripts/aios.pc.in,sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	-e 's|@LIBS_PRIVATE@|$(lib-libs) -pthread|' scripts/aios.pc.in >$(O)/aios.pc)

# $(call put,mode,folder,files): install them and note them down.
define put
	$(Q)for file in $3; do \
		install -D -m $1 "$$file" "$(DESTDIR)$2/$${file##*/}" && \
		echo "$2/$${file##*/}" >>$(O)/install.list || exit 1; \
	done

endef

.PHONY: docs man install
docs man: $(man-pages)

install: all docs $(O)/aios.pc
	$(Q): >$(O)/install.list
	$(call put,755,$(BINDIR),$(filter-out $(O)/samples/%,$(program-files)))
	$(call put,644,$(LIBDIR),$(libaios) $(libaios-so))
ifdef CONFIG_LIBAIOS_SHARED
	$(Q)ln -sf libaios.so.$(SOVERSION) "$(DESTDIR)$(LIBDIR)/libaios.so"
	$(Q)echo "$(LIBDIR)/libaios.so" >>$(O)/install.list
endif
	$(call put,644,$(LIBDIR)/pkgconfig,$(O)/aios.pc)
	$(foreach kind,drivers plugins,$(call put,644,$(LIBDIR)/aios/$(kind),$(filter $(O)/lib/aios/$(kind)/%,$(module-files))))
	$(foreach sub,aios aios/driver aios/plugin,$(call put,644,$(INCLUDEDIR)/$(sub),$(wildcard include/$(sub)/*.h)))
	$(foreach page,$(man-pages),$(call put,644,$(MANDIR)/man$(patsubst .%,%,$(suffix $(page))),$(page)))
	$(call put,644,$(DATADIR)/aios/demo,$(wildcard share/demo/*))
	$(call put,644,$(DATADIR)/bash-completion/completions,$(wildcard share/completions/aios))
	@echo '  INSTALL $(DESTDIR)$(PREFIX)'
