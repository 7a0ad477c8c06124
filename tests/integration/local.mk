# SPDX-License-Identifier: LGPL-2.1-or-later

# Preloaded by test_durability.py, test_promises.py, test_log_store.py and test_power_cut.py; see their heads.
PRELOADED = fail-fsync.so hold-fsync.so kill-at.so power-cut.so
noinst_DATA += $(PRELOADED)
CLEANFILES += $(PRELOADED)
$(PRELOADED): %.so: tests/integration/%.c
	$(AM_V_CC)$(CC) $(CFLAGS) -shared -fPIC -o $@ $< -ldl
