# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libruntime.a
libruntime_a_SOURCES = \
	src/runtime/common-config.h \
	src/runtime/config.h \
	src/runtime/database.h \
	src/runtime/events.h \
	src/runtime/http-client.h \
	src/runtime/http-server.h \
	src/runtime/metrics.c src/runtime/metrics.h \
	src/runtime/providers.h \
	src/runtime/request.h \
	src/runtime/router.c src/runtime/router.h \
	src/runtime/service.h \
	src/runtime/worker.h
