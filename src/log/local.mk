# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += liblog.a
liblog_a_SOURCES = \
	src/log/blocks.c src/log/blocks.h \
	src/log/conf.c src/log/conf.h \
	src/log/dedup.c src/log/dedup.h \
	src/log/get.c \
	src/log/line.c src/log/line.h \
	src/log/own.c \
	src/log/post.c \
	src/log/query.c \
	src/log/reader.c src/log/reader.h \
	src/log/routes.c \
	src/log/segments.c src/log/segments.h \
	src/log/service.c src/log/service.h \
	src/log/store.c src/log/store.h src/log/store-internal.h \
	src/log/store-commit.c \
	src/log/store-outcome.c \
	src/log/store-recovery.c \
	src/log/tail.c src/log/tail.h

sbin_PROGRAMS += gradebook-log
gradebook_log_SOURCES = src/log/main.c
gradebook_log_LDADD = liblog.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(LOG_LIBS)
