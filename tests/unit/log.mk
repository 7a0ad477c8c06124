# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
log_unit_tests = tests/unit/test-log-queue
check_PROGRAMS += $(log_unit_tests)
TESTS += $(log_unit_tests)

tests_unit_test_log_queue_SOURCES = tests/unit/test-log-queue.c
tests_unit_test_log_queue_LDADD = libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(JSON_LIBS)
endif
