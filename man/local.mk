# SPDX-License-Identifier: LGPL-2.1-or-later
dist_man_MANS = \
	man/gradebook-grading.8 \
	man/gradebook-grading.conf.5 \
	man/gradebook-log.8 \
	man/gradebook-log.conf.5 \
	man/gradebook-portal.8 \
	man/gradebook-portal.conf.5 \
	man/gradebook-registry.8 \
	man/gradebook-registry.conf.5 \
	man/gradebook.7 \
	man/gradebook.conf.5 \
	man/gradebookctl.1
