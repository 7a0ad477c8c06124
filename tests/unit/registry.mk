# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
REGISTRY_UNIT_TESTS = \
	tests/unit/test-balance \
	tests/unit/test-catalog \
	tests/unit/test-damping \
	tests/unit/test-graph \
	tests/unit/test-discovery \
	tests/unit/test-etcd-message \
	tests/unit/test-health \
	tests/unit/test-providers \
	tests/unit/test-registry-histories \
	tests/unit/test-rendezvous \
	tests/unit/test-retry-budget \
	tests/unit/test-targets
check_PROGRAMS += $(REGISTRY_UNIT_TESTS)
TESTS += $(REGISTRY_UNIT_TESTS)

tests_unit_test_balance_SOURCES = tests/unit/test-balance.c
tests_unit_test_balance_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_balance_LDADD = libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)

tests_unit_test_catalog_SOURCES = tests/unit/test-catalog.c
tests_unit_test_catalog_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_catalog_LDADD = libregistry.a libwire.a libbase.a $(JSON_LIBS) $(DEFLATE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_damping_SOURCES = tests/unit/test-damping.c
tests_unit_test_damping_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_damping_LDADD = libregistry.a libbase.a $(CMOCKA_LIBS)

tests_unit_test_graph_SOURCES = tests/unit/test-graph.c
tests_unit_test_graph_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_graph_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS)

tests_unit_test_discovery_SOURCES = tests/unit/test-discovery.c
tests_unit_test_discovery_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_discovery_LDADD = libregistry.a libbase.a $(CMOCKA_LIBS)

tests_unit_test_health_SOURCES = tests/unit/test-health.c
tests_unit_test_health_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_health_LDADD = libregistry.a libbase.a $(CMOCKA_LIBS)

tests_unit_test_providers_SOURCES = tests/unit/test-providers.c
tests_unit_test_providers_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_providers_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_monotonic_usec
tests_unit_test_providers_LDADD = libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)

tests_unit_test_registry_histories_SOURCES = tests/unit/test-registry-histories.c
tests_unit_test_registry_histories_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_registry_histories_LDADD = libregistry.a libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)

tests_unit_test_etcd_message_SOURCES = tests/unit/test-etcd-message.c
tests_unit_test_etcd_message_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_etcd_message_LDADD = libregistry.a libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)

tests_unit_test_rendezvous_SOURCES = tests/unit/test-rendezvous.c
tests_unit_test_rendezvous_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_rendezvous_LDADD = libregistry.a libbase.a $(CMOCKA_LIBS)

tests_unit_test_targets_SOURCES = tests/unit/test-targets.c
tests_unit_test_targets_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_targets_LDADD = libregistry.a libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)

tests_unit_test_retry_budget_SOURCES = tests/unit/test-retry-budget.c
tests_unit_test_retry_budget_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_retry_budget_LDADD = libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
endif
