# SPDX-License-Identifier: LGPL-2.1-or-later
include tests/fuzz/ctl.mk
include tests/fuzz/grading.mk
include tests/fuzz/log.mk
include tests/fuzz/portal.mk

# ./configure CC=clang --enable-fuzzers --enable-sanitizers; then tests/fuzz/fuzz-records DIR tests/fuzz/corpus/records,
# where DIR takes what it finds.
EXTRA_DIST += tests/fuzz/corpus

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-records
tests_fuzz_fuzz_records_SOURCES = tests/fuzz/fuzz-records.c
tests_fuzz_fuzz_records_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_records_LDADD = libwire.a libbase.a $(JSON_LIBS) $(SODIUM_LIBS) $(DEFLATE_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-http-reader
tests_fuzz_fuzz_http_reader_SOURCES = tests/fuzz/fuzz-http-reader.c
tests_fuzz_fuzz_http_reader_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_http_reader_LDADD = libruntime.a libbase.a

noinst_PROGRAMS += tests/fuzz/fuzz-inflate
tests_fuzz_fuzz_inflate_SOURCES = tests/fuzz/fuzz-inflate.c
tests_fuzz_fuzz_inflate_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_inflate_LDADD = libruntime.a libbase.a $(ZLIB_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-mustache
tests_fuzz_fuzz_mustache_SOURCES = tests/fuzz/fuzz-mustache.c
tests_fuzz_fuzz_mustache_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_mustache_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-spool
tests_fuzz_fuzz_spool_SOURCES = tests/fuzz/fuzz-spool.c
tests_fuzz_fuzz_spool_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_spool_LDADD = libruntime.a libbase.a $(ZLIB_LIBS)
endif
