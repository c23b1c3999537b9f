/*
 * target.h - what a configuration says about one target: its labels, its URL, its limits.
 */
#ifndef TOLLD_SCRAPE_TARGET_H
#define TOLLD_SCRAPE_TARGET_H

#include "config/config.h"

struct target_spec {
	const struct config_scrape *job;   /* borrowed from the configuration */
	const struct config_target *place; /* borrowed, and only while the spec is made */
	char *address;			   /* host:port */
	char *url;
	struct labels *labels;	   /* of its series */
	struct labels *discovered; /* before relabelling, those with __ as well */
	struct labels *relabelled; /* after it; NULL where relabelling drops the target */
	int64_t interval_ms, timeout_ms;
	int64_t offset_ms; /* of its slots */
	size_t too_many;   /* its job has so many, and target_limit is below; 0: it has not */
	/* What makes it this target and no other one: job, URL and labels. */
	char *identity;
};

/*
 * Makes what the configuration says of one address. Of a target that relabelling drops there is no
 * more than job, place and `discovered`. -EINVAL: an impossible target, told in diag
 * at its place. -ENOMEM.
 */
int target_spec_init(struct target_spec *spec, const struct config_scrape *job,
	const struct config_target *place, struct diag *diag);
void target_spec_release(struct target_spec *spec);
/* Whether the two are scraped in the same way: intervals, limits, TLS and all. */
bool target_spec_same_settings(const struct target_spec *a, const struct target_spec *b);
/* The name that the target's certificate must hold where that is not its address; or NULL. */
const char *target_spec_server_name(const struct target_spec *spec);
/* Whether a line of text leads to the same series. */
bool target_spec_same_series(const struct target_spec *a, const struct target_spec *b);

#endif
