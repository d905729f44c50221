# SPDX-License-Identifier: Apache-2.0
# make install DESTDIR= PREFIX=: programs, libraries, modules, headers, manual, demo model.

BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
INSTALL ?= install
