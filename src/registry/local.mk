# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libregistry.a
libregistry_a_SOURCES = \
	src/registry/alibi.c \
	src/registry/answers.c \
	src/registry/catalog.c src/registry/catalog.h \
	src/registry/conf.c src/registry/conf.h \
	src/registry/damping.c src/registry/damping.h \
	src/registry/discovery.c src/registry/discovery.h \
	src/registry/drain.c \
	src/registry/health.c src/registry/health.h \
	src/registry/heartbeat.c \
	src/registry/history.c \
	src/registry/hold.c \
	src/registry/index.c src/registry/index.h \
	src/registry/instance.c \
	src/registry/limits.c \
	src/registry/listing.c \
	src/registry/marks.c \
	src/registry/metrics.c \
	src/registry/pulse.h \
	src/registry/push.c \
	src/registry/query.c src/registry/query.h \
	src/registry/register.c \
	src/registry/registry.c src/registry/registry.h \
	src/registry/ring.c src/registry/ring.h \
	src/registry/routes.c \
	src/registry/store.c src/registry/store.h \
	src/registry/store-history.c \
	src/registry/store-internal.h \
	src/registry/stream.c \
	src/registry/targets.c \
	src/registry/transition.c \
	src/registry/watch.c

sbin_PROGRAMS += gradebook-registry
gradebook_registry_SOURCES = src/registry/main.c
gradebook_registry_LDADD = libregistry.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)
