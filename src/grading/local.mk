# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libgrading.a
libgrading_a_SOURCES = \
	src/grading/add-grade.c \
	src/grading/add-student.c \
	src/grading/change.c src/grading/change.h \
	src/grading/conf.c src/grading/conf.h \
	src/grading/credential.c src/grading/credential.h \
	src/grading/grading.c src/grading/grading.h \
	src/grading/hasher.c src/grading/hasher.h \
	src/grading/lru-table.c src/grading/lru-table.h \
	src/grading/password.c src/grading/password.h \
	src/grading/roster.c src/grading/roster.h \
	src/grading/routes.c \
	src/grading/schema.c src/grading/schema.h \
	src/grading/store.c src/grading/store.h \
	src/grading/throttle.c src/grading/throttle.h

sbin_PROGRAMS += gradebook-grading
gradebook_grading_SOURCES = src/grading/main.c
gradebook_grading_LDADD = libgrading.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)

# The list is in the program, sorted as strcmp() does.
common_passwords = src/grading/common-passwords.inc
EXTRA_DIST += src/grading/common-passwords.txt
CLEANFILES += $(common_passwords)
$(common_passwords): src/grading/common-passwords.txt
	$(AM_V_GEN)$(MKDIR_P) src/grading && \
	sed -e '/^# /d' -e 's/["\\]/\\&/g' "$(srcdir)/src/grading/common-passwords.txt" | LC_ALL=C sort -u | sed -e 's/.*/"&",/' >$@.tmp && mv $@.tmp $@
src/grading/password.$(OBJEXT): $(common_passwords)
