# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libctl.a
libctl_a_SOURCES = \
	src/ctl/cli.c src/ctl/ctl.h \
	src/ctl/connection.c src/ctl/connection.h \
	src/ctl/csv.c src/ctl/csv.h \
	src/ctl/grade.c \
	src/ctl/import-complaints.c src/ctl/import-complaints.h \
	src/ctl/import-plan.c src/ctl/import-rows.c src/ctl/import.h \
	src/ctl/log.c \
	src/ctl/output.c src/ctl/output.h \
	src/ctl/progress.c src/ctl/progress.h \
	src/ctl/registry-backup.c \
	src/ctl/service-acts.c \
	src/ctl/services.c src/ctl/services.h \
	src/ctl/services-show.c \
	src/ctl/services-tree.c \
	src/ctl/status.c \
	src/ctl/students-import.c \
	src/ctl/students.c src/ctl/students.h \
	src/ctl/token.c src/ctl/token.h \
	src/ctl/units.c src/ctl/units.h \
	src/ctl/watch.c

bin_PROGRAMS += gradebookctl
gradebookctl_SOURCES = src/ctl/main.c
gradebookctl_LDADD = libctl.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)

EXTRA_DIST += src/ctl/gradebookctl.bash-completion

install-data-local: install-completion
install-completion:
	$(MKDIR_P) "$(DESTDIR)$(completionsdir)"
	$(INSTALL_DATA) $(srcdir)/src/ctl/gradebookctl.bash-completion "$(DESTDIR)$(completionsdir)/gradebookctl"
uninstall-local: uninstall-completion
uninstall-completion:
	rm -f "$(DESTDIR)$(completionsdir)/gradebookctl"
.PHONY: install-completion uninstall-completion
