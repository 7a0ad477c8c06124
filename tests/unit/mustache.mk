# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
check_PROGRAMS += test-mustache
TESTS += test-mustache
test_mustache_SOURCES = tests/unit/test-mustache.c tests/unit/mustache-cases.h
test_mustache_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
test_mustache_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)
endif
