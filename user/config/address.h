/*
 * address.h - whether host:port and mail addresses are written as they must be.
 *
 * Each check tells the fault at its place inside the text and returns whether there was none.
 */
#ifndef TOLLD_CONFIG_ADDRESS_H
#define TOLLD_CONFIG_ADDRESS_H

#include "config/config.h"

/* host, host:port or [v6]:port; no URL. */
bool address_check_target(struct diag *diag, const struct config_text *address);
/*
 * host:port as net.SplitHostPort takes it. *ret_host is the arena's, without brackets; NULL with a
 * true result when memory is out.
 */
bool address_split(struct diag *diag, const struct config_text *address, struct arena *arena,
	char **ret_host, unsigned *ret_port);
/*
 * A list of mail addresses, "a@b, Name <c@d>", of which there must be at least one and at most
 * `max`. A text with {{ is a template and taken as it is.
 */
bool address_check_mail(struct diag *diag, const struct config_text *list, size_t max);

#endif
