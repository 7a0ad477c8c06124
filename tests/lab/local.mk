# SPDX-License-Identifier: LGPL-2.1-or-later
EXTRA_DIST += \
	tests/data/sample.csv tests/lib/machine tests/lib/packages.sh tests/lib/steps.sh \
	tests/lab/conftest.py tests/lab/machine.py tests/lab/test_units.py \
	tests/lint/conftest.py tests/lint/tables.py tests/lint/test_architecture.py tests/lint/test_config.py \
	tests/lint/test_documentation.py tests/lint/test_man.py tests/lint/test_scripts.py tests/lint/test_unit_files.py
