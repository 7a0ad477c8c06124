# SPDX-License-Identifier: LGPL-2.1-or-later
# One file per daemon and one for what they share, every key commented out at its default. They belong to the
# administrator: installing replaces none that is there, and uninstalling removes none that was changed.
config_files = etc/gradebook.conf etc/grading.conf etc/log.conf etc/portal.conf etc/registry.conf
EXTRA_DIST += $(config_files)

config_fill = $(SED) -e 's|@portaldatadir[@]|$(portaldatadir)|g'

install-data-local: install-config
install-config:
	@$(MKDIR_P) "$(DESTDIR)$(confdir)"
	@for f in $(config_files); do \
		to="$(DESTDIR)$(confdir)/$${f##*/}"; \
		$(config_fill) "$(srcdir)/$$f" >config-file.tmp || exit 1; \
		if test ! -e "$$to"; then \
			$(INSTALL_DATA) config-file.tmp "$$to" || exit 1; \
		elif ! cmp -s config-file.tmp "$$to"; then \
			echo "$$to was changed here and is left as it is"; \
		fi; \
	done; rm -f config-file.tmp

uninstall-local: uninstall-config
uninstall-config:
	@for f in $(config_files); do \
		to="$(DESTDIR)$(confdir)/$${f##*/}"; \
		if test ! -e "$$to"; then \
			:; \
		elif $(config_fill) "$(srcdir)/$$f" | cmp -s - "$$to"; then \
			rm -f "$$to"; \
		else \
			echo "$$to was changed here and is left as it is"; \
		fi; \
	done
	@rmdir "$(DESTDIR)$(confdir)" 2>/dev/null || :

.PHONY: install-config uninstall-config
