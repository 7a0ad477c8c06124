# SPDX-License-Identifier: LGPL-2.1-or-later
include tests/service/local.mk
include tests/unit/local.mk
include tests/integration/local.mk
include tests/lab/local.mk
include tests/browser/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk

# What the tests read, folder by folder, so that a new file is never forgotten.
EXTRA_DIST += tests/browser tests/data tests/integration tests/lab tests/lib tests/lint
dist-hook:
	find $(distdir)/tests -name __pycache__ -prune -exec rm -rf {} +
