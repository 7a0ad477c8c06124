# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LIBRARIES += libportal.a
libportal_a_SOURCES = \
	src/portal/account-name.c src/portal/account-name.h \
	src/portal/account.c src/portal/accounts.c src/portal/accounts.h \
	src/portal/asking.c src/portal/asking.h \
	src/portal/assessment-edit.c \
	src/portal/assessment.c \
	src/portal/assessments.c src/portal/assessments.h \
	src/portal/assets.c src/portal/assets.h \
	src/portal/change-form.c src/portal/change-internal.h \
	src/portal/change.c src/portal/change.h \
	src/portal/chart.c src/portal/chart.h \
	src/portal/choose-language.c \
	src/portal/class-enrol.c \
	src/portal/class-grid.c src/portal/class-grid.h \
	src/portal/class-history.c \
	src/portal/class-nav.c src/portal/class-nav.h \
	src/portal/class-new.c \
	src/portal/class-people.c \
	src/portal/class-row-cell.c \
	src/portal/class-row-save.c \
	src/portal/class-row.c src/portal/class-row.h \
	src/portal/class-settings.c \
	src/portal/class-terms.c src/portal/class-terms.h \
	src/portal/classes.c src/portal/classes.h \
	src/portal/cluster-events.c \
	src/portal/cluster-gateway.c \
	src/portal/cluster-services.c src/portal/cluster-services.h \
	src/portal/cluster-view.c \
	src/portal/cluster.c src/portal/cluster.h src/portal/cluster-internal.h \
	src/portal/conf.c \
	src/portal/cookies.c src/portal/cookies.h \
	src/portal/csrf.c src/portal/csrf.h \
	src/portal/explanation.c \
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
	src/portal/grade-page.c \
	src/portal/grades.c \
	src/portal/history-view.c src/portal/history-view.h \
	src/portal/import-ask.c src/portal/import-ask.h \
	src/portal/import-flow.c \
	src/portal/import-page.c \
	src/portal/import-view.c src/portal/import-view.h \
	src/portal/import-wait.c \
	src/portal/imports.c src/portal/imports.h src/portal/imports-view.h \
	src/portal/language.c src/portal/language.h \
	src/portal/log-follow.c \
	src/portal/log-page.c \
	src/portal/log-question.c src/portal/log-question.h \
	src/portal/log-text.c \
	src/portal/log-view.c \
	src/portal/log.h \
	src/portal/metrics.c \
	src/portal/moment.c src/portal/moment.h \
	src/portal/my-grades.c \
	src/portal/next.c src/portal/next.h \
	src/portal/page-paths.c src/portal/page-paths.h \
	src/portal/page-problem.c \
	src/portal/page-show.c src/portal/page-show.h \
	src/portal/pages.c src/portal/pages.h \
	src/portal/password-form.c \
	src/portal/people.h \
	src/portal/person.c src/portal/person.h \
	src/portal/policy-form.c src/portal/policy-form.h \
	src/portal/portal.c src/portal/portal.h \
	src/portal/registry-watch.c src/portal/registry-watch.h \
	src/portal/results.c src/portal/results.h \
	src/portal/routes.c \
	src/portal/row.c src/portal/row.h \
	src/portal/search.c src/portal/search.h \
	src/portal/setup-form.c \
	src/portal/sign-in.c src/portal/sign-in.h \
	src/portal/sign-out.c \
	src/portal/state-forms.c src/portal/state-forms.h \
	src/portal/states.c src/portal/states.h \
	src/portal/student-page.c \
	src/portal/student-report.c \
	src/portal/student.c \
	src/portal/students.c src/portal/students.h \
	src/portal/templates.c src/portal/templates.h \
	src/portal/terms.c \
	src/portal/text-accounts.c \
	src/portal/text-assessments.c \
	src/portal/text-class-history.c \
	src/portal/text-class-people.c \
	src/portal/text-classes.c \
	src/portal/text-cluster.c \
	src/portal/text-common.c \
	src/portal/text-grid.c \
	src/portal/text-import.c \
	src/portal/text-log.c \
	src/portal/text-people.c \
	src/portal/text-results.c \
	src/portal/text-students.c \
	src/portal/text-when.c \
	src/portal/tokens.c \
	src/portal/told.c src/portal/told.h \
	src/portal/typed.c src/portal/typed.h \
	src/portal/upload.c src/portal/upload.h \
	src/portal/versions.c src/portal/versions.h \
	src/portal/views.c src/portal/views.h \
	src/portal/visitor.c src/portal/visitor.h \
	src/portal/when.c src/portal/when.h

sbin_PROGRAMS += gradebook-portal
gradebook_portal_SOURCES = src/portal/main.c
gradebook_portal_LDADD = libportal.a libruntime.a libwire.a libbase.a $(RUNTIME_LIBS)

portaltemplatesdir = $(portaldatadir)/templates
dist_portaltemplates_DATA = \
	src/portal/templates/about.mustache \
	src/portal/templates/account-new.mustache \
	src/portal/templates/account.mustache \
	src/portal/templates/accounts.mustache \
	src/portal/templates/assessment-edit.mustache \
	src/portal/templates/assessment-new.mustache \
	src/portal/templates/assessment.mustache \
	src/portal/templates/assessments.mustache \
	src/portal/templates/body.mustache \
	src/portal/templates/chart.mustache \
	src/portal/templates/class-enrol.mustache \
	src/portal/templates/class-grid.mustache \
	src/portal/templates/class-history.mustache \
	src/portal/templates/class-nav.mustache \
	src/portal/templates/class-new.mustache \
	src/portal/templates/class-people.mustache \
	src/portal/templates/class-row.mustache \
	src/portal/templates/class-settings.mustache \
	src/portal/templates/classes.mustache \
	src/portal/templates/cluster-now.mustache \
	src/portal/templates/cluster.mustache \
	src/portal/templates/explanation.mustache \
	src/portal/templates/fields.mustache \
	src/portal/templates/foot.mustache \
	src/portal/templates/form.mustache \
	src/portal/templates/grade-form.mustache \
	src/portal/templates/grade-page.mustache \
	src/portal/templates/head.mustache \
	src/portal/templates/history-entry.mustache \
	src/portal/templates/history-line.mustache \
	src/portal/templates/import-check.mustache \
	src/portal/templates/import-done.mustache \
	src/portal/templates/import-kept-fields.mustache \
	src/portal/templates/import-kept.mustache \
	src/portal/templates/import-wait-end.mustache \
	src/portal/templates/import-wait.mustache \
	src/portal/templates/import.mustache \
	src/portal/templates/imports.mustache \
	src/portal/templates/kept.mustache \
	src/portal/templates/log-row.mustache \
	src/portal/templates/log.mustache \
	src/portal/templates/my-grades.mustache \
	src/portal/templates/password.mustache \
	src/portal/templates/problem.mustache \
	src/portal/templates/report.mustache \
	src/portal/templates/result-words.mustache \
	src/portal/templates/result.mustache \
	src/portal/templates/results.mustache \
	src/portal/templates/setup.mustache \
	src/portal/templates/sign-in.mustache \
	src/portal/templates/sort-mark.mustache \
	src/portal/templates/state-forms.mustache \
	src/portal/templates/student-page.mustache \
	src/portal/templates/student.mustache \
	src/portal/templates/students.mustache \
	src/portal/templates/term.mustache \
	src/portal/templates/terms.mustache \
	src/portal/templates/unavailable.mustache
portalassetsdir = $(portaldatadir)/assets
dist_portalassets_DATA = \
	src/portal/assets/cluster.js \
	src/portal/assets/icon.svg \
	src/portal/assets/import.js \
	src/portal/assets/log.js \
	src/portal/assets/tokens.js \
	src/portal/templates/token.mustache \
	src/portal/templates/tokens.mustache
portalstyledir = $(portalassetsdir)/style
dist_portalstyle_DATA = \
	src/portal/assets/style/base.css \
	src/portal/assets/style/classes.css \
	src/portal/assets/style/cluster.css \
	src/portal/assets/style/forms.css \
	src/portal/assets/style/grid.css \
	src/portal/assets/style/import.css \
	src/portal/assets/style/people.css \
	src/portal/assets/style/print.css \
	src/portal/assets/style/small.css \
	src/portal/assets/style/tables.css
portalgriddir = $(portalassetsdir)/grid
dist_portalgrid_DATA = \
	src/portal/assets/grid/cells.js \
	src/portal/assets/grid/conflicts.js \
	src/portal/assets/grid/edit.js \
	src/portal/assets/grid/fill.js \
	src/portal/assets/grid/keys.js \
	src/portal/assets/grid/keep.js \
	src/portal/assets/grid/refresh.js \
	src/portal/assets/grid/save.js \
	src/portal/assets/grid/say.js \
	src/portal/assets/grid/start.js
