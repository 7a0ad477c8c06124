# SPDX-License-Identifier: LGPL-2.1-or-later
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz-policy
tests_fuzz_fuzz_policy_SOURCES = tests/fuzz/fuzz-policy.c
tests_fuzz_fuzz_policy_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_policy_LDADD = libgrading.a libwire.a libbase.a $(JSON_LIBS) $(DEFLATE_LIBS) $(GRADING_LIBS)
endif
