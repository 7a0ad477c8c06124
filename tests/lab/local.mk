# SPDX-License-Identifier: LGPL-2.1-or-later
EXTRA_DIST += \
	tests/lib/machine tests/lib/packages.sh \
	tests/lab/conftest.py tests/lab/machine.py tests/lab/test_units.py
