# SPDX-License-Identifier: LGPL-2.1-or-later
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-people
tests_fuzz_fuzz_people_SOURCES = tests/fuzz/fuzz-people.c
tests_fuzz_fuzz_people_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_people_LDADD = libportal.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)

noinst_PROGRAMS += tests/fuzz/fuzz-router
tests_fuzz_fuzz_router_SOURCES = tests/fuzz/fuzz-router.c
tests_fuzz_fuzz_router_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_router_LDADD = libruntime.a libbase.a
endif
