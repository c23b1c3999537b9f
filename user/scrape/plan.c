/*
 * plan.c - from jobs to targets.
 */
#include "scrape/plan.h"

#include <errno.h>
#include "base/map.h"

struct planning {
	struct plan *plan;
	struct pool *pool;
	struct map known; /* identities of this configuration's targets */
	struct diag *diag, *soft;
};

void specs_free(struct target_spec *specs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		target_spec_release(&specs[i]);
	free(specs);
}

void plan_release(struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		target_spec_release(&plan->items[i].spec);
	free(plan->items);
	specs_free(plan->dropped, plan->n_dropped);
	free(plan->pools);
	*plan = (struct plan){ 0 };
}

static void drop(struct plan *plan, struct pool *pool, struct target_spec *spec)
{
	int64_t most = pool->job->limits.dropped_targets;

	if (most && pool->n_dropped >= (size_t)most)
		target_spec_release(spec);
	else
		plan->dropped[plan->n_dropped++] = *spec;
	pool->n_dropped++;
}

static int add_target(
	struct planning *p, const struct config_target *place, struct diag *diag, bool tell_twice)
{
	const struct config_scrape *job = p->pool->job;
	struct plan *plan = p->plan;
	struct target_spec *spec;
	int err;

	if (!vec_reserve(plan->items, plan->n, plan->cap) ||
		!vec_reserve(plan->dropped, plan->n_dropped, plan->cap_dropped))
		return -ENOMEM;
	plan->items[plan->n] = (struct planned){ 0 };
	spec = &plan->items[plan->n].spec;
	err = target_spec_init(spec, job, place, diag);
	if (err)
		return err;
	if (!spec->relabelled) {
		drop(plan, p->pool, spec);
		return 0;
	}
	if (map_gets(&p->known, spec->identity)) {
		if (tell_twice)
			diag_warning(diag, place->address.pos,
				"target '%s' stands twice in job '%s' and is scraped once",
				spec->address, job->job_name.s);
		target_spec_release(spec);
		return 0;
	}
	err = map_puts(&p->known, spec->identity, plan);
	if (err) {
		target_spec_release(spec);
		return err;
	}
	plan->n++;
	p->pool->n_targets++;
	return 0;
}

static int add_found(const struct config_target *place, void *userdata)
{
	struct planning *p = userdata;
	int err = add_target(p, place, p->soft, false);

	return err == -ENOMEM ? err : 0;
}

/* Past target_limit none of a job's targets is scraped, as Prometheus has it. */
static void limit_targets(struct plan *plan, size_t first, const struct pool *pool)
{
	int64_t most = pool->job->limits.targets;

	for (size_t i = first; most && pool->n_targets > (size_t)most && i < plan->n; i++)
		plan->items[i].spec.too_many = pool->n_targets;
}

static int plan_job(struct planning *p, const struct file_sd *files)
{
	const struct config_scrape *job = p->pool->job;
	size_t first = p->plan->n;
	int err = 0, fault = 0;

	for (size_t i = 0; i < job->n_targets && err != -ENOMEM; i++) {
		err = add_target(p, &job->targets[i], p->diag, true);
		fault = err ? err : fault;
	}
	if (err != -ENOMEM && files) {
		err = file_sd_each(files, job, add_found, p);
		fault = err ? err : fault;
	}
	limit_targets(p->plan, first, p->pool);
	return fault;
}

int plan_make(struct plan *plan, const struct config *config, const struct file_sd *files,
	struct diag *diag, struct diag *soft)
{
	struct planning p = { .plan = plan, .diag = diag, .soft = soft };
	int err = 0, fault = 0;

	plan->pools = calloc(config->n_scrapes + 1, sizeof(*plan->pools));
	if (!plan->pools)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_scrapes && err != -ENOMEM; i++) {
		p.pool = &plan->pools[plan->n_pools++];
		p.pool->job = &config->scrapes[i];
		err = plan_job(&p, files);
		fault = err ? err : fault;
	}
	map_release(&p.known);
	return fault;
}
