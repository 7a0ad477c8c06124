# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libgrading.a
libgrading_a_SOURCES = \
	src/grading/access.c src/grading/access.h \
	src/grading/account-password.c \
	src/grading/accounts.c src/grading/accounts.h \
	src/grading/admin.c src/grading/admin.h \
	src/grading/admin-backup.c \
	src/grading/admin-check.c \
	src/grading/admin-internal.h \
	src/grading/admin-report.c \
	src/grading/admin-restore.c \
	src/grading/adopt.c src/grading/adopt.h \
	src/grading/as-of.c \
	src/grading/assessments.c \
	src/grading/average.c src/grading/average.h \
	src/grading/average-exact.c \
	src/grading/average-explain.c \
	src/grading/average-internal.h \
	src/grading/average-numbers.c src/grading/average-numbers.h \
	src/grading/average-select.c \
	src/grading/book.c src/grading/book.h \
	src/grading/cells.c \
	src/grading/change.c src/grading/change.h \
	src/grading/class-reports.c \
	src/grading/class-sheet.c src/grading/class-sheet.h \
	src/grading/class-view.c src/grading/class-view.h \
	src/grading/classes.c src/grading/classes.h \
	src/grading/conf.c src/grading/conf.h \
	src/grading/copy.c src/grading/copy.h \
	src/grading/copy-internal.h \
	src/grading/copy-open.c \
	src/grading/credential.c src/grading/credential.h \
	src/grading/export-class.c \
	src/grading/export-spool.c src/grading/export-spool.h \
	src/grading/export-student.c \
	src/grading/exports.c src/grading/exports.h \
	src/grading/fields.c src/grading/fields.h \
	src/grading/fixed-form.c src/grading/fixed-form.h \
	src/grading/forwarded.c src/grading/forwarded.h \
	src/grading/grades.c \
	src/grading/grading.c src/grading/grading.h \
	src/grading/hasher.c src/grading/hasher.h \
	src/grading/history.c \
	src/grading/import-assessments.c \
	src/grading/import-grades.c \
	src/grading/import-internal.h \
	src/grading/import-layout.c src/grading/import-layout.h \
	src/grading/import-report.c src/grading/import-report.h \
	src/grading/import-run.c src/grading/import-run.h \
	src/grading/import-students.c \
	src/grading/imports.c src/grading/imports.h \
	src/grading/imports-list.c \
	src/grading/ledger.h \
	src/grading/ledger-access.c src/grading/ledger-access.h \
	src/grading/ledger-anchor.c src/grading/ledger-anchor.h \
	src/grading/ledger-check.c \
	src/grading/ledger-pages.c \
	src/grading/ledger-read.c src/grading/ledger-read.h \
	src/grading/ledger-state.c src/grading/ledger-state.h \
	src/grading/openapi.c \
	src/grading/password.c src/grading/password.h \
	src/grading/policy.c src/grading/policy.h \
	src/grading/resource.c src/grading/resource.h \
	src/grading/restore-file.c src/grading/restore-file.h \
	src/grading/routes.c \
	src/grading/row-cache.c src/grading/row-cache.h \
	src/grading/row-json.c \
	src/grading/rows.c src/grading/rows.h \
	src/grading/schema.c src/grading/schema.h \
	src/grading/schema-postgres.c \
	src/grading/secret-change.c src/grading/secret-change.h \
	src/grading/session-requests.c \
	src/grading/session-table.c src/grading/session-table.h \
	src/grading/sessions.c src/grading/sessions.h \
	src/grading/setup.c \
	src/grading/sign-in.c \
	src/grading/simple-view.c src/grading/simple-view.h \
	src/grading/statistics.c src/grading/statistics.h \
	src/grading/store.c src/grading/store.h \
	src/grading/store-admin.c src/grading/store-admin.h \
	src/grading/store-shared.c src/grading/store-shared.h \
	src/grading/store-shared-internal.h \
	src/grading/store-shared-look.c \
	src/grading/store-shared-news.c \
	src/grading/store-shared-run.c \
	src/grading/store-shared-verify.c \
	src/grading/students.c \
	src/grading/terms.c \
	src/grading/throttle.c src/grading/throttle.h \
	src/grading/token-index.c src/grading/token-index.h \
	src/grading/tokens.c \
	src/grading/txn.c src/grading/txn.h \
	src/grading/txn-account.c \
	src/grading/txn-check.c \
	src/grading/txn-compare.c \
	src/grading/txn-find.c \
	src/grading/txn-import.c src/grading/txn-import.h \
	src/grading/txn-internal.h \
	src/grading/txn-key.c \
	src/grading/txn-ledger.c \
	src/grading/txn-rows.c \
	src/grading/txn-session.c src/grading/txn-session.h \
	src/grading/undo.c \
	src/grading/verify.c src/grading/verify.h \
	src/grading/verify-file.c \
	src/grading/verify-internal.h

sbin_PROGRAMS += gradebook-grading
gradebook_grading_SOURCES = src/grading/main.c
gradebook_grading_LDADD = libgrading.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(GRADING_LIBS)

# The list is in the program, sorted as strcmp() does.
common_passwords = src/grading/common-passwords.inc
EXTRA_DIST += src/grading/common-passwords.txt
CLEANFILES += $(common_passwords)
$(common_passwords): src/grading/common-passwords.txt
	$(AM_V_GEN)$(MKDIR_P) src/grading && \
	sed -e '/^# /d' -e 's/["\\]/\\&/g' "$(srcdir)/src/grading/common-passwords.txt" | LC_ALL=C sort -u | sed -e 's/.*/"&",/' >$@.tmp && mv $@.tmp $@
src/grading/password.$(OBJEXT): $(common_passwords)

# The description of the interface is in the program, on one line. Its parts are JSON objects, whose braces stand alone in the first and the
# last line, and whose members come together in one object: the lists are in the order of routes.c.
openapi_paths = paths-students paths-terms paths-classes paths-grades paths-ledger paths-tables paths-accounts paths-admin paths-service
openapi_schemas = schemas-simple schemas-rows schemas-requests schemas-reports schemas-ledger schemas-tables schemas-accounts schemas-admin \
	schemas-problems
openapi_parts = $(patsubst %,src/grading/openapi/%.json,head $(openapi_paths) components $(openapi_schemas))
openapi = src/grading/openapi.inc
EXTRA_DIST += $(openapi_parts)
CLEANFILES += $(openapi)
$(openapi): $(openapi_parts) src/grading/local.mk
	$(AM_V_GEN)$(MKDIR_P) src/grading && \
	parts="$(srcdir)/src/grading/openapi" && \
	join() { comma=; for part; do printf '%s' "$$comma"; sed -e '1d' -e '$$d' -e 's/^ *//' "$$parts/$$part.json" || exit; comma=,; done; } && \
	{ printf '{' && join head && printf ',"paths":{' && join $(openapi_paths) && printf '},"components":{' && join components && \
	printf ',"schemas":{' && join $(openapi_schemas) && printf '}}}'; } >$@.json && \
	tr -d '\n' <$@.json | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&"/' >$@.tmp && rm $@.json && mv $@.tmp $@
src/grading/openapi.$(OBJEXT): $(openapi)
