# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-mustache
TESTS += tests/unit/test-mustache
tests_unit_test_mustache_SOURCES = tests/unit/test-mustache.c tests/unit/mustache-cases.h
tests_unit_test_mustache_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_mustache_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)
endif
