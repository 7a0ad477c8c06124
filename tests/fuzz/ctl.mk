# SPDX-License-Identifier: LGPL-2.1-or-later
EXTRA_DIST += tests/fuzz/corpus/config tests/fuzz/corpus/csv

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-config tests/fuzz/fuzz-csv

tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz-config.c
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_config_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)

tests_fuzz_fuzz_csv_SOURCES = tests/fuzz/fuzz-csv.c
tests_fuzz_fuzz_csv_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_csv_LDADD = libgrading.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(GRADING_LIBS)
endif
