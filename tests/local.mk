# SPDX-License-Identifier: LGPL-2.1-or-later
include tests/service/local.mk
include tests/unit/local.mk
include tests/integration/local.mk
include tests/lab/local.mk
include tests/browser/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
