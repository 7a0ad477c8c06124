# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/address.c src/base/address.h \
	src/base/buffer.c src/base/buffer.h \
	src/base/clock.c src/base/clock.h \
	src/base/fd.c src/base/fd.h \
	src/base/log.c src/base/log.h \
	src/base/lru-table.c src/base/lru-table.h \
	src/base/macros.h \
	src/base/nearest.c src/base/nearest.h \
	src/base/parse.c src/base/parse.h \
	src/base/text.c src/base/text.h \
	src/base/token-bucket.h
