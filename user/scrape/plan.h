/*
 * plan.h - which targets a configuration and the files it names ask for, before anything is changed;
 * private to scrape/.
 */
#ifndef TOLLD_SCRAPE_PLAN_H
#define TOLLD_SCRAPE_PLAN_H

#include "scrape/fetch.h"
#include "scrape/file_sd.h"
#include "scrape/target.h"

struct planned {
	struct target_spec spec;
	/* The scrape's own: */
	struct target *target; /* one that stays, or a new one */
	struct fetch *fetch;   /* for the one that stays with other settings */
	bool fresh;
};

/* One job, in the order of the configuration. */
struct pool {
	const struct config_scrape *job;
	size_t n_targets, n_dropped;
};

struct plan {
	struct planned *items;
	size_t n, cap;
	struct target_spec *dropped; /* by relabelling; as many as keep_dropped_targets allows */
	size_t n_dropped, cap_dropped;
	struct pool *pools;
	size_t n_pools;
};

/*
 * All targets, each once in its job. -EINVAL with faults of the configuration in `diag`. What is wrong
 * with a target of a file goes to `soft`, and the target is left out. `files` may be NULL.
 */
int plan_make(struct plan *plan, const struct config *config, const struct file_sd *files,
	struct diag *diag, struct diag *soft);
/* The specs and the pools; `target` and `fetch` are the scrape's to free before. */
void plan_release(struct plan *plan);

void specs_free(struct target_spec *specs, size_t n);

#endif
