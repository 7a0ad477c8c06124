# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_PROGRAMS += gradebook-attendance
gradebook_attendance_SOURCES = tests/service/gradebook-attendance.c
gradebook_attendance_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)
