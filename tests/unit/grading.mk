# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-database tests/unit/test-roster tests/unit/test-store tests/unit/test-worker
TESTS += tests/unit/test-database tests/unit/test-roster tests/unit/test-store tests/unit/test-worker
tests_unit_test_database_SOURCES = tests/unit/test-database.c
tests_unit_test_database_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
tests_unit_test_roster_SOURCES = tests/unit/test-roster.c
tests_unit_test_roster_LDADD = libgrading.a libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
tests_unit_test_store_SOURCES = tests/unit/test-store.c
tests_unit_test_store_LDADD = libgrading.a libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
tests_unit_test_worker_SOURCES = tests/unit/test-worker.c
tests_unit_test_worker_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
endif
