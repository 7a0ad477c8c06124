# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
grading_tests = \
	tests/unit/test-average \
	tests/unit/test-book \
	tests/unit/test-class-view \
	tests/unit/test-credential \
	tests/unit/test-database \
	tests/unit/test-forwarded \
	tests/unit/test-hasher \
	tests/unit/test-lru-table \
	tests/unit/test-password \
	tests/unit/test-policy \
	tests/unit/test-rows \
	tests/unit/test-session-table \
	tests/unit/test-statistics \
	tests/unit/test-store \
	tests/unit/test-throttle \
	tests/unit/test-txn \
	tests/unit/test-worker

check_PROGRAMS += $(grading_tests)
TESTS += $(grading_tests)

arithmetic_test_libs = libgrading.a libwire.a libbase.a $(CMOCKA_LIBS) $(JSON_LIBS) $(DEFLATE_LIBS) $(GRADING_LIBS)
grading_test_libs = libgrading.a libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS) $(GRADING_LIBS)

tests_unit_test_average_SOURCES = tests/unit/test-average.c
tests_unit_test_average_LDADD = $(arithmetic_test_libs)
tests_unit_test_book_SOURCES = tests/unit/test-book.c
tests_unit_test_book_LDADD = $(grading_test_libs)
tests_unit_test_class_view_SOURCES = tests/unit/test-class-view.c
tests_unit_test_class_view_LDADD = $(grading_test_libs)
tests_unit_test_credential_SOURCES = tests/unit/test-credential.c
tests_unit_test_credential_LDADD = $(grading_test_libs)
tests_unit_test_database_SOURCES = tests/unit/test-database.c
tests_unit_test_database_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
tests_unit_test_forwarded_SOURCES = tests/unit/test-forwarded.c
tests_unit_test_forwarded_LDADD = $(grading_test_libs)
tests_unit_test_hasher_SOURCES = tests/unit/test-hasher.c
tests_unit_test_hasher_LDADD = $(grading_test_libs)
tests_unit_test_lru_table_SOURCES = tests/unit/test-lru-table.c
tests_unit_test_lru_table_LDADD = $(grading_test_libs)
tests_unit_test_password_SOURCES = tests/unit/test-password.c
tests_unit_test_password_LDADD = $(grading_test_libs)
tests_unit_test_policy_SOURCES = tests/unit/test-policy.c
tests_unit_test_policy_LDADD = $(arithmetic_test_libs)
tests_unit_test_rows_SOURCES = tests/unit/test-rows.c
tests_unit_test_rows_LDADD = $(grading_test_libs)
tests_unit_test_session_table_SOURCES = tests/unit/test-session-table.c
tests_unit_test_session_table_LDADD = $(grading_test_libs)
tests_unit_test_statistics_SOURCES = tests/unit/test-statistics.c
tests_unit_test_statistics_LDADD = $(arithmetic_test_libs)
tests_unit_test_store_SOURCES = tests/unit/test-store.c tests/unit/store-fixture.h
tests_unit_test_store_LDADD = $(grading_test_libs)
tests_unit_test_throttle_SOURCES = tests/unit/test-throttle.c
tests_unit_test_throttle_LDADD = $(grading_test_libs)
tests_unit_test_txn_SOURCES = tests/unit/test-txn.c tests/unit/store-fixture.h
tests_unit_test_txn_LDADD = $(grading_test_libs)
tests_unit_test_worker_SOURCES = tests/unit/test-worker.c
tests_unit_test_worker_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)
endif

# Driven by tests/integration/test_arithmetic.py. It is not in that folder, since the archive takes that one whole, with
# what was built in it.
noinst_PROGRAMS += tests/unit/average-cases
tests_unit_average_cases_SOURCES = tests/unit/average-cases.c
tests_unit_average_cases_LDADD = libgrading.a libwire.a libbase.a $(JSON_LIBS) $(DEFLATE_LIBS) $(GRADING_LIBS)
