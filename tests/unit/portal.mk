# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-router tests/unit/test-metrics
TESTS += tests/unit/test-router tests/unit/test-metrics
tests_unit_test_router_SOURCES = tests/unit/test-router.c
tests_unit_test_router_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_metrics_SOURCES = tests/unit/test-metrics.c
tests_unit_test_metrics_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS)
endif
