# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
check_PROGRAMS += test-database test-roster test-store test-worker
TESTS += test-database test-roster test-store test-worker
test_database_SOURCES = tests/unit/test-database.c
test_database_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
test_roster_SOURCES = tests/unit/test-roster.c
test_roster_LDADD = libgrading.a libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
test_store_SOURCES = tests/unit/test-store.c
test_store_LDADD = libgrading.a libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
test_worker_SOURCES = tests/unit/test-worker.c
test_worker_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
endif
