/*
 * address.h - lists of mail addresses, as RFC 5322 writes them in From and To.
 *
 * Strict where a mistake would send mail astray, and smaller than the RFC: no groups, no addresses
 * outside ASCII (those need a server with SMTPUTF8), no bare local parts.
 */
#ifndef TOLLD_DELIVER_ADDRESS_H
#define TOLLD_DELIVER_ADDRESS_H

#include "base/util.h"

/* RFC 5321 4.5.3.1: what every server takes. */
#define ADDRESS_MAX_BYTES   254
#define ADDRESS_LOCAL_BYTES 64
#define ADDRESS_LIST_MAX    100

struct address {
	/* The display name, without quotes; "" for none. May be UTF-8 or hold encoded words. */
	char *name;
	/* local@domain, printable ASCII, as it goes between < and >. */
	char *spec;
};

struct address_list {
	struct address *items;
	size_t n, cap;
};

#define ADDRESS_LIST_INIT ((struct address_list){ 0 })

/*
 * Reads a list of at least one address into *ret, which the caller releases. -ENOMEM; or -EINVAL
 * with the fault in error[], as what follows "to: ".
 */
int address_list_parse(const char *text, struct address_list *ret, char *error, size_t error_size);
void address_list_release(struct address_list *list);

#endif
