# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libportal.a
libportal_a_SOURCES = \
	src/portal/account.c src/portal/accounts.c src/portal/accounts.h \
	src/portal/asking.c src/portal/asking.h \
	src/portal/assets.c src/portal/assets.h \
	src/portal/change.c src/portal/change.h \
	src/portal/change-form.c src/portal/change-internal.h \
	src/portal/choose-language.c \
	src/portal/class-nav.c src/portal/class-nav.h \
	src/portal/conf.c \
	src/portal/cookies.c src/portal/cookies.h \
	src/portal/csrf.c src/portal/csrf.h \
	src/portal/feed.c src/portal/feed.h \
	src/portal/form-fields.c src/portal/form-fields.h \
	src/portal/forms.c src/portal/forms.h \
	src/portal/gateway-accounts.c src/portal/gateway-accounts.h \
	src/portal/gateway-breaker.c src/portal/gateway-breaker.h \
	src/portal/gateway-credential.c src/portal/gateway-credential.h \
	src/portal/gateway-headers.c src/portal/gateway-headers.h \
	src/portal/gateway-internal.h \
	src/portal/gateway-limits.c src/portal/gateway-limits.h \
	src/portal/gateway-passage.c \
	src/portal/gateway-services.c src/portal/gateway-services.h \
	src/portal/gateway.c src/portal/gateway.h \
	src/portal/grade-form.c src/portal/grade-form.h \
	src/portal/grades.c \
	src/portal/import-ask.c src/portal/import-ask.h \
	src/portal/import-flow.c \
	src/portal/import-page.c \
	src/portal/import-view.c src/portal/import-view.h \
	src/portal/import-wait.c \
	src/portal/imports.c src/portal/imports.h src/portal/imports-view.h \
	src/portal/language.c src/portal/language.h \
	src/portal/metrics.c \
	src/portal/next.c src/portal/next.h \
	src/portal/page-paths.c src/portal/page-paths.h \
	src/portal/page-problem.c \
	src/portal/page-show.c src/portal/page-show.h \
	src/portal/pages.c src/portal/pages.h \
	src/portal/password-form.c \
	src/portal/person.c src/portal/person.h \
	src/portal/portal.c src/portal/portal.h \
	src/portal/routes.c \
	src/portal/row.c src/portal/row.h \
	src/portal/setup-form.c \
	src/portal/sign-in.c src/portal/sign-in.h \
	src/portal/sign-out.c \
	src/portal/students.c src/portal/students.h \
	src/portal/templates.c src/portal/templates.h \
	src/portal/text-classes.c \
	src/portal/text-accounts.c \
	src/portal/text-common.c \
	src/portal/text-import.c \
	src/portal/text-people.c \
	src/portal/text-students.c \
	src/portal/text-when.c \
	src/portal/tokens.c \
	src/portal/told.c src/portal/told.h \
	src/portal/typed.c src/portal/typed.h \
	src/portal/upload.c src/portal/upload.h \
	src/portal/views.c src/portal/views.h \
	src/portal/when.c src/portal/when.h

sbin_PROGRAMS += gradebook-portal
gradebook_portal_SOURCES = src/portal/main.c
gradebook_portal_LDADD = libportal.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)

portaltemplatesdir = $(portaldatadir)/templates
dist_portaltemplates_DATA = \
	src/portal/templates/account.mustache \
	src/portal/templates/account-new.mustache \
	src/portal/templates/accounts.mustache \
	src/portal/templates/body.mustache \
	src/portal/templates/class-nav.mustache \
	src/portal/templates/fields.mustache \
	src/portal/templates/foot.mustache \
	src/portal/templates/form.mustache \
	src/portal/templates/grade-form.mustache \
	src/portal/templates/head.mustache \
	src/portal/templates/import.mustache \
	src/portal/templates/import-check.mustache \
	src/portal/templates/import-done.mustache \
	src/portal/templates/import-kept.mustache \
	src/portal/templates/import-kept-fields.mustache \
	src/portal/templates/import-wait.mustache \
	src/portal/templates/import-wait-end.mustache \
	src/portal/templates/imports.mustache \
	src/portal/templates/kept.mustache \
	src/portal/templates/password.mustache \
	src/portal/templates/problem.mustache \
	src/portal/templates/setup.mustache \
	src/portal/templates/sign-in.mustache \
	src/portal/templates/student.mustache \
	src/portal/templates/students.mustache \
	src/portal/templates/token.mustache \
	src/portal/templates/tokens.mustache \
	src/portal/templates/unavailable.mustache
portalassetsdir = $(portaldatadir)/assets
dist_portalassets_DATA = \
	src/portal/assets/icon.svg \
	src/portal/assets/import.js \
	src/portal/assets/tokens.js
portalstyledir = $(portalassetsdir)/style
dist_portalstyle_DATA = \
	src/portal/assets/style/base.css \
	src/portal/assets/style/classes.css \
	src/portal/assets/style/forms.css \
	src/portal/assets/style/import.css \
	src/portal/assets/style/print.css \
	src/portal/assets/style/small.css \
	src/portal/assets/style/tables.css
