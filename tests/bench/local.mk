# SPDX-License-Identifier: LGPL-2.1-or-later
EXTRA_PROGRAMS = bench-bare bench-log-line bench-peers
bench_bare_SOURCES = tests/bench/bare.c
bench_bare_LDADD = libbase.a $(MICROHTTPD_LIBS)
bench_log_line_SOURCES = tests/bench/log-line.c
bench_log_line_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)
bench_peers_SOURCES = tests/bench/peers.c
bench_peers_LDADD = libbase.a
CLEANFILES += bench-bare bench-log-line bench-peers
EXTRA_DIST += tests/bench/against_bare.py tests/bench/bench.py tests/bench/bench_gateway.py tests/bench/bench_grading.py tests/bench/bench_lines.py tests/bench/bench_log.py tests/bench/bench_log_read.py tests/bench/bench_portal.py tests/bench/bench_registry.py tests/bench/bench_tls.py tests/bench/cost_model.py tests/bench/post-grade.lua tests/bench/post-log.lua tests/bench/post-registration.lua tests/bench/put-etcd.lua tests/bench/bench_log_postgres.py tests/bench/bench_grading_shared.py

# Ratios against the bare responder, each pair measured in turn in this run; see the head of bench.py.
bench: all bench-bare bench-log-line bench-peers
	GRADEBOOK_BUILD=$(abs_top_builddir) GRADEBOOK_SOURCE=$(abs_top_srcdir) /usr/bin/python3 $(srcdir)/tests/bench/bench.py $(BENCHFLAGS)
.PHONY: bench
