# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libruntime.a
libruntime_a_SOURCES = \
	src/runtime/common-config.c src/runtime/common-config.h \
	src/runtime/config-files.c src/runtime/config-files.h \
	src/runtime/config-syntax.c src/runtime/config-syntax.h \
	src/runtime/config-value.c src/runtime/config-value.h \
	src/runtime/config.c src/runtime/config.h \
	src/runtime/database.h \
	src/runtime/events.c src/runtime/events.h \
	src/runtime/http-client.h \
	src/runtime/http-server.h \
	src/runtime/metrics.h \
	src/runtime/providers.h \
	src/runtime/request.h \
	src/runtime/router.h \
	src/runtime/service.h \
	src/runtime/worker.h
