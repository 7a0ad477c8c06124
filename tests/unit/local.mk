# SPDX-License-Identifier: LGPL-2.1-or-later
include tests/unit/ctl.mk
include tests/unit/grading.mk
include tests/unit/log.mk
include tests/unit/mustache.mk
include tests/unit/portal.mk

# One program a module; see cmocka(3). Each stands in one of the lists below and has its sources and libraries under them.
if HAVE_CMOCKA
base_tests = \
	tests/unit/test-base-buffer \
	tests/unit/test-base-clock \
	tests/unit/test-base-fd \
	tests/unit/test-base-log \
	tests/unit/test-base-parse \
	tests/unit/test-base-text

wire_tests = \
	tests/unit/test-wire-csv \
	tests/unit/test-wire-json \
	tests/unit/test-wire-ledger-entry \
	tests/unit/test-wire-log-record \
	tests/unit/test-wire-members \
	tests/unit/test-wire-records \
	tests/unit/test-wire-student \
	tests/unit/test-wire-traceparent \
	tests/unit/test-wire-url \
	tests/unit/test-wire-view-hash

check_PROGRAMS += $(base_tests) $(wire_tests)
TESTS += $(base_tests) $(wire_tests)

base_test_libs = libbase.a $(CMOCKA_LIBS)
wire_test_libs = libwire.a libbase.a $(JSON_LIBS) $(SODIUM_LIBS) $(DEFLATE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_base_buffer_SOURCES = tests/unit/test-base-buffer.c
tests_unit_test_base_buffer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_buffer_LDADD = $(base_test_libs)

tests_unit_test_base_clock_SOURCES = tests/unit/test-base-clock.c
tests_unit_test_base_clock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_clock_LDADD = $(base_test_libs)

tests_unit_test_base_fd_SOURCES = tests/unit/test-base-fd.c
tests_unit_test_base_fd_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_fd_LDADD = $(base_test_libs)

tests_unit_test_base_log_SOURCES = tests/unit/test-base-log.c
tests_unit_test_base_log_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_log_LDADD = $(base_test_libs)

tests_unit_test_base_parse_SOURCES = tests/unit/test-base-parse.c
tests_unit_test_base_parse_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_parse_LDADD = $(base_test_libs)

tests_unit_test_base_text_SOURCES = tests/unit/test-base-text.c
tests_unit_test_base_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_text_LDADD = $(base_test_libs)

tests_unit_test_wire_csv_SOURCES = tests/unit/test-wire-csv.c
tests_unit_test_wire_csv_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_csv_LDADD = $(wire_test_libs)

tests_unit_test_wire_json_SOURCES = tests/unit/test-wire-json.c
tests_unit_test_wire_json_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_json_LDADD = $(wire_test_libs)

# It reads a ledger that another program has made.
tests_unit_test_wire_ledger_entry_SOURCES = tests/unit/test-wire-ledger-entry.c
tests_unit_test_wire_ledger_entry_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_DATA='"$(abs_top_srcdir)/tests/data"'
tests_unit_test_wire_ledger_entry_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_ledger_entry_LDADD = $(wire_test_libs)

tests_unit_test_wire_log_record_SOURCES = tests/unit/test-wire-log-record.c
tests_unit_test_wire_log_record_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_log_record_LDADD = $(wire_test_libs)

tests_unit_test_wire_members_SOURCES = tests/unit/test-wire-members.c
tests_unit_test_wire_members_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_members_LDADD = $(wire_test_libs)

tests_unit_test_wire_records_SOURCES = tests/unit/test-wire-records.c
tests_unit_test_wire_records_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_records_LDADD = $(wire_test_libs)

tests_unit_test_wire_student_SOURCES = tests/unit/test-wire-student.c
tests_unit_test_wire_student_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_student_LDADD = $(wire_test_libs)

tests_unit_test_wire_traceparent_SOURCES = tests/unit/test-wire-traceparent.c
tests_unit_test_wire_traceparent_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_traceparent_LDADD = $(wire_test_libs)

tests_unit_test_wire_url_SOURCES = tests/unit/test-wire-url.c
tests_unit_test_wire_url_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_url_LDADD = $(wire_test_libs)

tests_unit_test_wire_view_hash_SOURCES = tests/unit/test-wire-view-hash.c
tests_unit_test_wire_view_hash_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_view_hash_LDADD = $(wire_test_libs)
endif
include tests/unit/registry.mk
