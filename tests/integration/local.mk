# SPDX-License-Identifier: LGPL-2.1-or-later

# Preloaded by test_durability.py; see its head.
noinst_DATA += fail-fsync.so
CLEANFILES += fail-fsync.so
fail-fsync.so: tests/integration/fail-fsync.c
	$(AM_V_CC)$(CC) $(CFLAGS) -shared -fPIC -o $@ $(srcdir)/tests/integration/fail-fsync.c -ldl
