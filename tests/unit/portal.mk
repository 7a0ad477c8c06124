# SPDX-License-Identifier: LGPL-2.1-or-later
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test-router tests/unit/test-metrics tests/unit/test-inflate tests/unit/test-http-reader tests/unit/test-http-direct \
	tests/unit/test-gateway tests/unit/test-gateway-breaker
TESTS += tests/unit/test-router tests/unit/test-metrics tests/unit/test-inflate tests/unit/test-http-reader tests/unit/test-http-direct \
	tests/unit/test-gateway tests/unit/test-gateway-breaker
check_PROGRAMS += tests/unit/test-portal-people tests/unit/test-portal-when
TESTS += tests/unit/test-portal-people tests/unit/test-portal-when
tests_unit_test_portal_people_SOURCES = tests/unit/test-portal-people.c
tests_unit_test_portal_people_LDADD = libportal.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)
tests_unit_test_portal_when_SOURCES = tests/unit/test-portal-when.c
tests_unit_test_portal_when_LDADD = libportal.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)
tests_unit_test_router_SOURCES = tests/unit/test-router.c
tests_unit_test_router_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_metrics_SOURCES = tests/unit/test-metrics.c
tests_unit_test_metrics_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_http_direct_SOURCES = tests/unit/test-http-direct.c
tests_unit_test_http_direct_LDADD = libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_reader_SOURCES = tests/unit/test-http-reader.c
tests_unit_test_http_reader_LDADD = libruntime.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_inflate_SOURCES = tests/unit/test-inflate.c
tests_unit_test_inflate_LDADD = libruntime.a libbase.a $(ZLIB_LIBS) $(CMOCKA_LIBS)
tests_unit_test_gateway_SOURCES = tests/unit/test-gateway.c
tests_unit_test_gateway_LDADD = libportal.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)
tests_unit_test_gateway_breaker_SOURCES = tests/unit/test-gateway-breaker.c
tests_unit_test_gateway_breaker_LDADD = libportal.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS) $(CMOCKA_LIBS)
endif
