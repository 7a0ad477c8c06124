# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
ctl_unit_tests = tests/unit/test-config tests/unit/test-csv tests/unit/test-import tests/unit/test-nearest
check_PROGRAMS += $(ctl_unit_tests)
TESTS += $(ctl_unit_tests)

tests_unit_test_config_SOURCES = tests/unit/test-config.c
tests_unit_test_config_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_csv_SOURCES = tests/unit/test-csv.c
tests_unit_test_csv_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_csv_LDADD = libctl.a libbase.a $(CMOCKA_LIBS)

tests_unit_test_import_SOURCES = tests/unit/test-import.c
tests_unit_test_import_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_import_LDADD = libctl.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_nearest_SOURCES = tests/unit/test-nearest.c
tests_unit_test_nearest_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_nearest_LDADD = libbase.a $(CMOCKA_LIBS)
endif
