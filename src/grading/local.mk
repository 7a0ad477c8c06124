# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libgrading.a
libgrading_a_SOURCES = \
	src/grading/add-grade.c \
	src/grading/add-student.c \
	src/grading/average.c src/grading/average.h \
	src/grading/average-exact.c \
	src/grading/average-explain.c \
	src/grading/average-internal.h \
	src/grading/average-numbers.c src/grading/average-numbers.h \
	src/grading/average-select.c \
	src/grading/change.c src/grading/change.h \
	src/grading/conf.c src/grading/conf.h \
	src/grading/grading.c src/grading/grading.h \
	src/grading/policy.c src/grading/policy.h \
	src/grading/roster.c src/grading/roster.h \
	src/grading/routes.c \
	src/grading/schema.c src/grading/schema.h \
	src/grading/statistics.c src/grading/statistics.h \
	src/grading/store.c src/grading/store.h

sbin_PROGRAMS += gradebook-grading
gradebook_grading_SOURCES = src/grading/main.c
gradebook_grading_LDADD = libgrading.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(GRADING_LIBS)
