# SPDX-License-Identifier: LGPL-2.1-or-later
# Units that name a program are made from .in files, because only make knows where it installs programs.
SUBSTITUTED_UNITS = \
	systemd/gradebook-cluster-token.service \
	systemd/gradebook-grading.service \
	systemd/gradebook-log.service \
	systemd/gradebook-portal.service \
	systemd/gradebook-registry.service \
	systemd/gradebook-grading@.service \
	systemd/gradebook-log@.service \
	systemd/gradebook-portal@.service \
	systemd/gradebook-registry@.service

nodist_systemdsystemunit_DATA = $(SUBSTITUTED_UNITS)
dist_systemdsystemunit_DATA = \
	systemd/gradebook-grading.socket \
	systemd/gradebook-log.socket \
	systemd/gradebook-portal.socket \
	systemd/gradebook-registry.socket \
	systemd/gradebook-grading@.socket \
	systemd/gradebook-log@.socket \
	systemd/gradebook-portal@.socket \
	systemd/gradebook-registry@.socket \
	systemd/gradebook.target

# One sandbox for all of them: systemd applies the drop-ins of gradebook-.service.d to every gradebook-*.service.
hardeningdir = $(systemdsystemunitdir)/gradebook-.service.d
dist_hardening_DATA = systemd/gradebook-.service.d/10-hardening.conf

# And what one of them needs beyond it, alone or in several instances.
lognicedir = $(systemdsystemunitdir)/gradebook-log.service.d
logsnicedir = $(systemdsystemunitdir)/gradebook-log@.service.d
dist_lognice_DATA = systemd/gradebook-log.service.d/20-nice.conf
dist_logsnice_DATA = $(dist_lognice_DATA)

dist_sysusers_DATA = systemd/sysusers.d/gradebook.conf
dist_tmpfiles_DATA = systemd/tmpfiles.d/gradebook.conf
dist_catalog_DATA = systemd/gradebook.catalog

EXTRA_DIST += $(SUBSTITUTED_UNITS:=.in)
CLEANFILES += $(SUBSTITUTED_UNITS)

$(SUBSTITUTED_UNITS): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	$(SED) -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@bindir[@]|$(bindir)|g' $(srcdir)/$@.in > $@.tmp && mv $@.tmp $@
