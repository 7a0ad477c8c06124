# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libctl.a
libctl_a_SOURCES = \
	src/ctl/address.c src/ctl/address.h \
	src/ctl/api-tokens.c \
	src/ctl/cli.c src/ctl/ctl.h \
	src/ctl/connection-check.c \
	src/ctl/connection.c src/ctl/connection.h \
	src/ctl/database.c \
	src/ctl/export.c \
	src/ctl/grade.c \
	src/ctl/grading-admin.c src/ctl/grading-admin.h \
	src/ctl/grading-backup.c \
	src/ctl/grading-restore.c \
	src/ctl/import.c \
	src/ctl/import-report.c src/ctl/import-report.h \
	src/ctl/ledger.c src/ctl/ledger.h \
	src/ctl/ledger-anchors.c \
	src/ctl/ledger-verify.c \
	src/ctl/log.c \
	src/ctl/log-compare.c src/ctl/log-compare.h \
	src/ctl/log-excuses.c src/ctl/log-excuses.h \
	src/ctl/log-follow.c \
	src/ctl/log-format.c src/ctl/log-format.h \
	src/ctl/log-gaps.c \
	src/ctl/log-journal.c src/ctl/log-journal.h \
	src/ctl/log-options.c src/ctl/log-options.h \
	src/ctl/log-pages.c src/ctl/log-pages.h \
	src/ctl/log-time.c src/ctl/log-time.h \
	src/ctl/log-verify.c \
	src/ctl/log-view.c src/ctl/log-view.h \
	src/ctl/output.c src/ctl/output.h \
	src/ctl/pager.c src/ctl/pager.h \
	src/ctl/progress.c src/ctl/progress.h \
	src/ctl/registry-backup.c \
	src/ctl/rollout.c src/ctl/rollout.h \
	src/ctl/rollout-plan.c \
	src/ctl/rollout-registry.c \
	src/ctl/rollout-unit.c \
	src/ctl/service-acts.c \
	src/ctl/secret.c src/ctl/secret.h \
	src/ctl/services.c src/ctl/services.h \
	src/ctl/services-show.c \
	src/ctl/services-tree.c \
	src/ctl/status.c src/ctl/status.h \
	src/ctl/status-show.c \
	src/ctl/students.c src/ctl/students.h \
	src/ctl/token.c src/ctl/token.h \
	src/ctl/trace.c \
	src/ctl/units.c src/ctl/units.h \
	src/ctl/users.c src/ctl/users.h \
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
