/*
 * thread.c - which mails belong together.
 */
#include "deliver/thread.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include "model/timestamp.h"

#define SHOWN_DIGITS 16
#define DATE_LENGTH  10

int group_hash(const char *group_key, char hex[GROUP_HASH_SIZE])
{
	unsigned char digest[(GROUP_HASH_SIZE - 1) / 2];

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, group_key, strlen(group_key), digest) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* The last word on an outage stands by the first one, also after midnight. */
static int64_t first_start(const struct notification *n)
{
	int64_t first = n->at_wall_ms;

	for (size_t i = 0; i < n->n_alerts; i++)
		first = MIN(first, n->alerts[i]->starts_wall_ms);
	return first;
}

int thread_root(enum config_threading threading, const struct notification *n, struct strbuf *out)
{
	char hex[GROUP_HASH_SIZE];
	struct strbuf date = STRBUF_INIT;
	int err;

	if (threading == THREAD_NOT)
		return 0;
	err = group_hash(n->group_key, hex);
	if (err)
		return err;
	if (threading == THREAD_BY_DAY)
		timestamp_format_local(&date, n->at_wall_ms);
	else if (threading == THREAD_BY_FIRST_DAY)
		timestamp_format_local(&date, first_start(n));
	strbuf_truncate(&date, DATE_LENGTH);
	strbuf_addf(out, "<alert-%.*s-%s@alertmanager>", SHOWN_DIGITS, hex, date.s);
	err = date.err ? date.err : out->err;
	strbuf_release(&date);
	return err;
}
