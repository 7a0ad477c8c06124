# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
check_PROGRAMS += test-worker test-database
TESTS += test-worker test-database
test_worker_SOURCES = tests/unit/test-worker.c
test_worker_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
test_database_SOURCES = tests/unit/test-database.c
test_database_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
endif
