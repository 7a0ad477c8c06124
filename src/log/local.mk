# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += liblog.a
liblog_a_SOURCES = \
	src/log/archive-files.c src/log/archive-files.h \
	src/log/archive.h \
	src/log/blocks.c src/log/blocks.h \
	src/log/conf.c src/log/conf.h \
	src/log/cursor.c src/log/cursor.h \
	src/log/damage.c src/log/damage.h \
	src/log/dedup.c src/log/dedup.h \
	src/log/filter.c src/log/filter.h \
	src/log/finder.c src/log/finder.h \
	src/log/follow.c \
	src/log/format.c src/log/format.h \
	src/log/frames.c src/log/frames.h \
	src/log/gap.c src/log/gap.h \
	src/log/get.c \
	src/log/index.c src/log/index.h \
	src/log/index-builder.c src/log/index-builder.h \
	src/log/index-cursor.c src/log/index-cursor.h \
	src/log/limits.c src/log/limits.h \
	src/log/line.c src/log/line.h \
	src/log/live-index.c src/log/live-index.h \
	src/log/own.c \
	src/log/pattern.c src/log/pattern.h \
	src/log/pg.h src/log/pg-store.h \
	src/log/pg-archive.c \
	src/log/pg-commit.c \
	src/log/pg-parts.c \
	src/log/pg-query.c \
	src/log/pg-reader.c \
	src/log/pg-rows.c \
	src/log/pg-schema.c \
	src/log/pg-sources.c \
	src/log/pg-store.c \
	src/log/post-records.c \
	src/log/post-text.c \
	src/log/post.c src/log/post.h \
	src/log/query.c \
	src/log/question.c src/log/question.h \
	src/log/reader.c src/log/reader.h \
	src/log/reply.c src/log/reply.h \
	src/log/routes.c \
	src/log/scan.c src/log/scan.h \
	src/log/segment-name.c src/log/segment-name.h \
	src/log/segments-open.c \
	src/log/segments-rotate.c \
	src/log/segments-scan.c \
	src/log/segments-task.c \
	src/log/segments.c src/log/segments.h src/log/segments-internal.h \
	src/log/service.c src/log/service.h \
	src/log/store.c src/log/store.h src/log/store-internal.h \
	src/log/store-commit.c \
	src/log/store-files.c \
	src/log/store-outcome.c \
	src/log/store-recovery.c \
	src/log/store-render.c \
	src/log/store-upkeep.c \
	src/log/store-write.c \
	src/log/suppressed.c \
	src/log/tidy-file.c \
	src/log/tidy.c src/log/tidy.h \
	src/log/view.c src/log/view.h

sbin_PROGRAMS += gradebook-log
gradebook_log_SOURCES = src/log/main.c
gradebook_log_LDADD = liblog.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(LOG_LIBS)
