# SPDX-License-Identifier: LGPL-2.1-or-later
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-log-index tests/fuzz/fuzz-log-checksum
tests_fuzz_fuzz_log_index_SOURCES = tests/fuzz/fuzz-log-index.c
tests_fuzz_fuzz_log_index_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_log_index_LDADD = liblog.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(LOG_LIBS)

tests_fuzz_fuzz_log_checksum_SOURCES = tests/fuzz/fuzz-log-checksum.c
tests_fuzz_fuzz_log_checksum_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_log_checksum_LDADD = liblog.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(LOG_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-log-question
tests_fuzz_fuzz_log_question_SOURCES = tests/fuzz/fuzz-log-question.c
tests_fuzz_fuzz_log_question_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_log_question_LDADD = liblog.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(LOG_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-log-lines
tests_fuzz_fuzz_log_lines_SOURCES = tests/fuzz/fuzz-log-lines.c
tests_fuzz_fuzz_log_lines_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_log_lines_LDADD = liblog.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(LOG_LIBS)
endif
