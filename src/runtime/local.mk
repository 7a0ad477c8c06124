# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libruntime.a
libruntime_a_SOURCES = \
	src/runtime/common-config.c src/runtime/common-config.h \
	src/runtime/config.c src/runtime/config.h \
	src/runtime/config-files.c src/runtime/config-files.h \
	src/runtime/config-syntax.c src/runtime/config-syntax.h \
	src/runtime/config-value.c src/runtime/config-value.h \
	src/runtime/database.c src/runtime/database.h \
	src/runtime/events.h \
	src/runtime/http-client.h \
	src/runtime/http-server.h \
	src/runtime/journal.c src/runtime/journal.h \
	src/runtime/log-queue.c src/runtime/log-queue.h \
	src/runtime/log-shipper.c src/runtime/log-shipper.h \
	src/runtime/log-spool.c src/runtime/log-spool.h \
	src/runtime/metrics.c src/runtime/metrics.h \
	src/runtime/providers.c src/runtime/providers.h \
	src/runtime/request.h \
	src/runtime/router.c src/runtime/router.h \
	src/runtime/service.h \
	src/runtime/worker.c src/runtime/worker.h
