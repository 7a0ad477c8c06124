# SPDX-License-Identifier: LGPL-2.1-or-later
EXTRA_DIST += tests/integration/test_ctl.py tests/lab/test_ctl.py
