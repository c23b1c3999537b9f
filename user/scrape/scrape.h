/*
 * scrape.h - targets: fetched on their slots or at once, parsed, written to the sample store.
 *
 * A scrape that fails makes `up` 0 and ends the target's other series with stale markers. It does
 * not know why somebody wants a scrape now, nor who reads the samples.
 * Source of the rules: prometheus scrape/scrape.go.
 */
#ifndef TOLLD_SCRAPE_SCRAPE_H
#define TOLLD_SCRAPE_SCRAPE_H

#include <systemd/sd-event.h>
#include "config/config.h"
#include "net/net.h"
#include "tsdb/tsdb.h"

struct scrape;
struct target;

/* tolld's own limits, where the file sets none. */
#define SCRAPE_MAX_BODY_BYTES ((size_t)64 << 20)
#define SCRAPE_MAX_SAMPLES    200000

/* What a finished scrape was like; valid during the callback. */
struct scrape_report {
	struct target *target;
	bool up, up_changed;
	bool triggered;	    /* by target_trigger(), not by its slot */
	int64_t at_wall_ms; /* the time its samples carry */
	int64_t duration_ns;
	size_t samples;
	const char *error; /* NULL where it is up */
};

/*
 * begin: just before the samples of a scrape are written, so that a tsdb observer can be set for a
 * triggered one; end: just after. They may trigger targets, but neither configure nor free the
 * scrape. Called from the loop; only where memory is out or target_limit passed, from within
 * target_trigger().
 */
struct scrape_callbacks {
	void (*begin)(const struct scrape_report *report, void *userdata);
	void (*end)(const struct scrape_report *report, void *userdata);
	/* Files of targets: what is wrong in one, and that there are other targets now. May be NULL. */
	void (*faults)(const struct diag *diag, void *userdata);
	void (*changed)(void *userdata);
	void *userdata;
};

int scrape_new(sd_event *event, struct net *net, struct tsdb *db,
	const struct scrape_callbacks *callbacks, struct scrape **ret);
void scrape_free(struct scrape *scrape);
DEFINE_FREEP(scrape)

/*
 * Takes over a configuration (and a reference on it): targets that stay the same (job, URL, labels)
 * go on untouched, or with their new intervals and limits; new ones start on their slot; removed
 * ones end with stale markers. -EINVAL with faults in diag, or -ENOMEM: nothing has changed then.
 */
int scrape_configure(struct scrape *scrape, const struct config *config, struct diag *diag);
/* Only finds the faults (duplicate or impossible targets). */
int scrape_check(const struct config *config, struct diag *diag);

/*
 * Calls fn for each target of a configuration that relabelling leaves, with the labels of its series:
 * to say something of them without scraping. Tells no faults. -ENOMEM.
 */
typedef void scrape_describe_fn(
	const struct config_scrape *job, const struct labels *labels, void *userdata);
int scrape_describe(const struct config *config, scrape_describe_fn *fn, void *userdata);

/*
 * Scrapes now. A scrape already under way for this target is followed by another one, since its
 * answer may be from before the event.
 */
void target_trigger(struct target *target);

/* What is known of a target: for the API and for those who tie it to a process. */
struct target_info {
	const char *job;
	const char *address; /* host:port, after relabelling */
	const char *url;
	const struct labels *labels;	 /* of its series: instance, job, ... */
	const struct labels *discovered; /* before relabelling: __address__ and its siblings */
	int64_t interval_ms, timeout_ms;
	int64_t last_wall_ms; /* 0: never scraped */
	int64_t last_duration_ns;
	const char *last_error; /* NULL for none */
	int up;			/* 1, 0, or -1: unknown */
};

size_t scrape_targets(const struct scrape *scrape);
struct target *scrape_target(const struct scrape *scrape, size_t i);
void target_info(const struct target *target, struct target_info *ret);
/*
 * Where in such an interval the slots of the first target with it lie, for whoever would rather share its
 * wake-up than have one of his own: 0 <= offset < interval_ms, and 0 without such a target.
 */
int64_t scrape_offset_ms(const struct scrape *scrape, int64_t interval_ms);

/*
 * A target that relabelling dropped, and is not scraped; no more of a job than keep_dropped_targets
 * says. Valid until the targets change.
 */
struct dropped_target {
	const char *job;
	const struct labels *discovered;
};

size_t scrape_dropped_targets(const struct scrape *scrape);
void scrape_dropped_target(const struct scrape *scrape, size_t i, struct dropped_target *ret);

/* Jobs, in the order of the configuration; valid until the targets change. */
struct pool_info {
	const char *name;
	size_t targets, dropped; /* dropped: all, whatever keep_dropped_targets leaves */
};

size_t scrape_pools(const struct scrape *scrape);
void scrape_pool(const struct scrape *scrape, size_t i, struct pool_info *ret);

/* What a target says of its families by # TYPE, # HELP and # UNIT; kept 10 scrapes after the last one. */
struct target_metadata {
	const char *family;
	const char *type; /* "counter", ..., "unknown" */
	const char *help; /* "" for none */
	const char *unit; /* "" for none */
};

/* Starts with *cursor NULL; false at the end. Valid until the target's next scrape. */
bool target_metadata_next(
	const struct target *target, const void **cursor, struct target_metadata *ret);
/* Samples whose names begin so (a constant) are not written, from the next scrape on; NULL: all are. */
void target_leave_out(struct target *target, const char *prefix);
/* For the owner's own bookkeeping, kept while the target lives. */
void target_set_userdata(struct target *target, void *userdata);
void *target_userdata(const struct target *target);

#endif
