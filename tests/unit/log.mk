# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
log_tests = \
	tests/unit/test-journal \
	tests/unit/test-log-blocks \
	tests/unit/test-log-dedup \
	tests/unit/test-log-index \
	tests/unit/test-log-limits \
	tests/unit/test-log-line \
	tests/unit/test-log-match \
	tests/unit/test-log-pg \
	tests/unit/test-log-question \
	tests/unit/test-log-torn \
	tests/unit/test-spool-file

check_PROGRAMS += $(log_tests)
TESTS += $(log_tests)

log_test_libs = liblog.a libruntime.a libwire.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS) $(LOG_LIBS)

tests_unit_test_log_blocks_SOURCES = tests/unit/test-log-blocks.c
tests_unit_test_log_blocks_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_blocks_LDADD = $(log_test_libs)

tests_unit_test_log_dedup_SOURCES = tests/unit/test-log-dedup.c
tests_unit_test_log_dedup_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_dedup_LDADD = $(log_test_libs)

tests_unit_test_log_pg_SOURCES = tests/unit/test-log-pg.c
tests_unit_test_log_pg_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_pg_LDADD = $(log_test_libs)

tests_unit_test_log_index_SOURCES = tests/unit/test-log-index.c
tests_unit_test_log_index_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_index_LDADD = $(log_test_libs)

tests_unit_test_log_limits_SOURCES = tests/unit/test-log-limits.c
tests_unit_test_log_limits_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_limits_LDADD = $(log_test_libs)

tests_unit_test_log_line_SOURCES = tests/unit/test-log-line.c
tests_unit_test_log_line_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_line_LDADD = $(log_test_libs)

tests_unit_test_log_match_SOURCES = tests/unit/test-log-match.c
tests_unit_test_log_match_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_match_LDADD = $(log_test_libs)

tests_unit_test_log_question_SOURCES = tests/unit/test-log-question.c
tests_unit_test_log_question_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_question_LDADD = $(log_test_libs)

tests_unit_test_log_torn_SOURCES = tests/unit/test-log-torn.c
tests_unit_test_log_torn_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_torn_LDADD = $(log_test_libs)

tests_unit_test_journal_SOURCES = tests/unit/test-journal.c
tests_unit_test_journal_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_journal_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS) $(RUNTIME_LIBS)

# It includes the source, to look at each of its stores.
tests_unit_test_spool_file_SOURCES = tests/unit/test-spool-file.c
tests_unit_test_spool_file_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_spool_file_LDADD = libbase.a $(CMOCKA_LIBS) $(ZLIB_LIBS)
endif
