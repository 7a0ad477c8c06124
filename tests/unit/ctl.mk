# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
ctl_unit_tests = tests/unit/test-address tests/unit/test-config tests/unit/test-log-compare tests/unit/test-log-excuses tests/unit/test-log-format \
	tests/unit/test-log-time tests/unit/test-nearest tests/unit/test-postgres tests/unit/test-rollout tests/unit/test-sse
check_PROGRAMS += $(ctl_unit_tests)
TESTS += $(ctl_unit_tests)
# For tests/integration/test_postgres.py, which has a server for it.
noinst_PROGRAMS += tests/unit/test-postgres-server

tests_unit_test_address_SOURCES = tests/unit/test-address.c
tests_unit_test_address_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_address_LDADD = libctl.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_config_SOURCES = tests/unit/test-config.c
tests_unit_test_config_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_postgres_SOURCES = tests/unit/test-postgres.c
tests_unit_test_postgres_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_postgres_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_postgres_server_SOURCES = tests/unit/test-postgres-server.c
tests_unit_test_postgres_server_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_postgres_server_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_nearest_SOURCES = tests/unit/test-nearest.c
tests_unit_test_nearest_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_nearest_LDADD = libbase.a $(CMOCKA_LIBS)

tests_unit_test_log_compare_SOURCES = tests/unit/test-log-compare.c
tests_unit_test_log_compare_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_compare_LDADD = libctl.a libbase.a $(CMOCKA_LIBS)

tests_unit_test_log_excuses_SOURCES = tests/unit/test-log-excuses.c
tests_unit_test_log_excuses_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_excuses_LDADD = libctl.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_log_format_SOURCES = tests/unit/test-log-format.c
tests_unit_test_log_format_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_format_LDADD = libctl.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_log_time_SOURCES = tests/unit/test-log-time.c
tests_unit_test_log_time_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_time_LDADD = libctl.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_rollout_SOURCES = tests/unit/test-rollout.c
tests_unit_test_rollout_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_rollout_LDADD = libctl.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)

tests_unit_test_sse_SOURCES = tests/unit/test-sse.c
tests_unit_test_sse_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sse_LDADD = libwire.a libbase.a $(CMOCKA_LIBS)
endif
