# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libwire.a
libwire_a_SOURCES = \
	src/wire/csv.c src/wire/csv.h src/wire/csv-formula.h \
	src/wire/csv-table.c \
	src/wire/csv-write.c \
	src/wire/json.c src/wire/json.h \
	src/wire/json-syntax.c src/wire/json-syntax.h \
	src/wire/ledger-entry.c src/wire/ledger-entry.h \
	src/wire/log-line.c src/wire/log-line.h \
	src/wire/log-record.c src/wire/log-record.h \
	src/wire/patch.c src/wire/patch.h \
	src/wire/problem.c src/wire/problem.h \
	src/wire/registration.c src/wire/registration.h \
	src/wire/registration-options.c src/wire/registration-options.h \
	src/wire/sse.c src/wire/sse.h \
	src/wire/student-summary.c src/wire/student-summary.h \
	src/wire/student-text.c \
	src/wire/student.c src/wire/student.h \
	src/wire/timestamp.c src/wire/timestamp.h \
	src/wire/traceparent.c src/wire/traceparent.h \
	src/wire/url-list.c src/wire/url-list.h \
	src/wire/url.c src/wire/url.h \
	src/wire/view-hash.c src/wire/view-hash.h
