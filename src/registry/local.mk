# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libregistry.a
libregistry_a_SOURCES = \
	src/registry/alibi.c \
	src/registry/answers.c \
	src/registry/audit.c src/registry/audit.h \
	src/registry/backup.c src/registry/backup.h \
	src/registry/catalog.c src/registry/catalog.h \
	src/registry/conf.c src/registry/conf.h \
	src/registry/damping.c src/registry/damping.h \
	src/registry/discovery.c src/registry/discovery.h \
	src/registry/drain.c \
	src/registry/etcd-client.c src/registry/etcd-client.h \
	src/registry/etcd-message.c src/registry/etcd-message.h \
	src/registry/etcd-watch.c src/registry/etcd-watch.h \
	src/registry/health.c src/registry/health.h \
	src/registry/heartbeat.c \
	src/registry/history.c \
	src/registry/hold.c \
	src/registry/index.c src/registry/index.h \
	src/registry/instance.c \
	src/registry/limits.c \
	src/registry/listing.c \
	src/registry/marks.c \
	src/registry/members.c src/registry/members.h \
	src/registry/metrics.c \
	src/registry/page-picture.c \
	src/registry/page-view.c \
	src/registry/page.c src/registry/page.h \
	src/registry/pulse.h \
	src/registry/push.c \
	src/registry/query.c src/registry/query.h \
	src/registry/register.c \
	src/registry/registry.c src/registry/registry.h \
	src/registry/rendezvous.c src/registry/rendezvous.h \
	src/registry/restore.c \
	src/registry/ring.c src/registry/ring.h \
	src/registry/roles.c src/registry/roles.h \
	src/registry/routes.c \
	src/registry/store-embedded-history.c \
	src/registry/store-embedded-unshared.c \
	src/registry/store-embedded.c src/registry/store-embedded.h \
	src/registry/share.c src/registry/share.h \
	src/registry/store-etcd-copy.c \
	src/registry/store-etcd-entries.c \
	src/registry/store-etcd-follow.c \
	src/registry/store-etcd-ops.c \
	src/registry/store-etcd-open.c \
	src/registry/store-etcd-value.c src/registry/store-etcd-value.h \
	src/registry/store-etcd.c src/registry/store-etcd.h \
	src/registry/store.c src/registry/store.h src/registry/store-internal.h \
	src/registry/stream.c \
	src/registry/targets.c \
	src/registry/transition.c \
	src/registry/watch.c

sbin_PROGRAMS += gradebook-registry
gradebook_registry_SOURCES = src/registry/main.c
gradebook_registry_LDADD = libregistry.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)

# The registry's page is in the program: it has no directory for data. Each line becomes one line of a C string.
registry_page = src/registry/page/page.mustache.inc src/registry/page/style.css.inc
EXTRA_DIST += src/registry/page/page.mustache src/registry/page/style.css
CLEANFILES += $(registry_page)
src/registry/page/page.mustache.inc: src/registry/page/page.mustache
src/registry/page/style.css.inc: src/registry/page/style.css
$(registry_page):
	$(AM_V_GEN)$(MKDIR_P) src/registry/page && \
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' "$(srcdir)/$(@:.inc=)" >$@.tmp && mv $@.tmp $@
src/registry/page.$(OBJEXT): $(registry_page)
