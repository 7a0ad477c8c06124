# SPDX-License-Identifier: LGPL-2.1-or-later
include tests/unit/ctl.mk
include tests/unit/portal.mk
