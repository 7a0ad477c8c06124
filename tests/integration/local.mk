# SPDX-License-Identifier: LGPL-2.1-or-later

# Preloaded by test_durability.py, test_promises.py, test_log_store.py and test_power_cut.py; see their heads.
PRELOADED = fail-fsync.so hold-fsync.so kill-at.so power-cut.so
noinst_DATA += $(PRELOADED)
CLEANFILES += $(PRELOADED)
$(PRELOADED): %.so: tests/integration/%.c
	$(AM_V_CC)$(CC) $(CFLAGS) -shared -fPIC -o $@ $< -ldl

# Driven by test_arithmetic.py.
noinst_PROGRAMS += tests/integration/average-cases
tests_integration_average_cases_SOURCES = tests/integration/average-cases.c
tests_integration_average_cases_LDADD = libgrading.a libwire.a libbase.a $(JSON_LIBS) $(DEFLATE_LIBS) $(GRADING_LIBS)
