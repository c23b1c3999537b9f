/*
 * scrape.c - runs the targets: when, what came of it, what is written.
 */
#include "scrape/scrape.h"

#include <errno.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/map.h"
#include "scrape/cache.h"
#include "scrape/fetch.h"
#include "scrape/schedule.h"
#include "scrape/target.h"

enum report_series { UP, DURATION, SCRAPED, POST_RELABELING, SERIES_ADDED, REPORTS };

static const char *const report_names[REPORTS] = {
	[UP] = "up",
	[DURATION] = "scrape_duration_seconds",
	[SCRAPED] = "scrape_samples_scraped",
	[POST_RELABELING] = "scrape_samples_post_metric_relabeling",
	[SERIES_ADDED] = "scrape_series_added",
};

struct target {
	struct scrape *scrape;
	struct target_spec spec;
	struct schedule schedule;
	struct scrape_cache cache;
	struct fetch *fetch;
	struct series *reports[REPORTS];
	bool triggered; /* the scrape under way */
	int64_t at_wall_ms, start_boot_ns;
	int up; /* -1: unknown */
	int64_t last_wall_ms, last_duration_ns;
	char last_error[256];
	void *userdata;
};

struct scrape {
	sd_event *event;
	sd_event_source *timer;
	struct net *net;
	struct tsdb *db;
	struct scrape_callbacks callbacks;
	struct config *config;
	struct target **targets;
	size_t n_targets;
	struct target_spec *dropped; /* by relabelling */
	size_t n_dropped;
};

static void start(struct target *t, bool for_slot);

static struct series *report_series(struct target *t, size_t i)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	scoped(labels_unrefp) struct labels *labels = NULL;

	if (t->reports[i])
		return t->reports[i];
	labels_builder_add(&b, t->spec.labels);
	labels_builder_set(&b, LABEL_NAME, report_names[i]);
	/* Where the store is full now, it is asked again at the next scrape. */
	if (labels_build(&b, &labels) || tsdb_series(t->scrape->db, labels, &t->reports[i]))
		return NULL;
	return t->reports[i];
}

static void write_reports(struct target *t, const double values[REPORTS])
{
	for (size_t i = 0; i < REPORTS; i++) {
		struct series *series = report_series(t, i);

		if (series)
			tsdb_append(t->scrape->db, series, t->at_wall_ms, values[i]);
	}
}

static void call(
	void (*fn)(const struct scrape_report *, void *), const struct scrape_report *report)
{
	if (fn)
		fn(report, report->target->scrape->callbacks.userdata);
}

static void write_scrape(
	struct target *t, struct scrape_report *report, struct ingest_counts *counts)
{
	const struct scrape_callbacks *callbacks = &t->scrape->callbacks;
	int64_t now_boot_ns = clock_boot_ns();

	report->duration_ns = now_boot_ns - t->start_boot_ns;
	call(callbacks->begin, report);
	if (report->up)
		scrape_cache_commit(&t->cache, t->scrape->db, t->at_wall_ms, counts);
	else
		scrape_cache_end(&t->cache, t->scrape->db, t->at_wall_ms);
	report->duration_ns = clock_boot_ns() - t->start_boot_ns;
	write_reports(t, (const double[REPORTS]){
				 [UP] = report->up,
				 [DURATION] = (double)report->duration_ns / NSEC_PER_SEC,
				 [SCRAPED] = (double)counts->scraped,
				 [POST_RELABELING] = (double)counts->added,
				 [SERIES_ADDED] = (double)counts->series_added,
			 });
	t->up = report->up;
	t->last_wall_ms = t->at_wall_ms;
	t->last_duration_ns = report->duration_ns;
	call(callbacks->end, report);
}

static void finish(
	const char *body, size_t len, bool openmetrics, const char *error, void *userdata)
{
	struct target *t = userdata;
	const struct config_scrape *job = t->spec.job;
	const struct ingest_settings settings = {
		.target_labels = t->spec.labels,
		.honor_labels = job->honor_labels,
		.honor_timestamps = job->honor_timestamps,
		.openmetrics = openmetrics,
		.max_samples =
			job->sample_limit > 0 ? (size_t)job->sample_limit : SCRAPE_MAX_SAMPLES,
		.rules = job->metric_relabels.items,
		.n_rules = job->metric_relabels.n,
	};
	struct scrape_report report = {
		.target = t, .triggered = t->triggered, .at_wall_ms = t->at_wall_ms
	};
	struct ingest_counts counts = { 0 };

	t->last_error[0] = '\0';
	if (error)
		snprintf(t->last_error, sizeof(t->last_error), "%s", error);
	else
		report.up = scrape_cache_read(&t->cache, t->scrape->db, &settings, body, len,
				    &counts, t->last_error, sizeof(t->last_error)) == 0;
	if (report.up)
		t->last_error[0] = '\0';
	report.error = report.up ? NULL : t->last_error;
	report.up_changed = t->up != (int)report.up;
	report.samples = counts.added;
	write_scrape(t, &report, &counts);
	if (schedule_end(&t->schedule))
		start(t, false);
}

static void start(struct target *t, bool for_slot)
{
	struct instant now = clock_now();
	int err;

	t->triggered = !for_slot;
	t->start_boot_ns = now.boot_ns;
	t->at_wall_ms = schedule_begin(&t->schedule, now, for_slot);
	err = fetch_start(t->fetch, &t->spec, !for_slot);
	if (err)
		finish(NULL, 0, false, err == -ENOTSUP ? net_fault() : "out of memory", t);
}

static void arm(struct scrape *scrape)
{
	int64_t due = BOOT_NS_NEVER;

	for (size_t i = 0; i < scrape->n_targets; i++)
		due = MIN(due, scrape->targets[i]->schedule.due_boot_ns);
	sd_event_source_set_enabled(
		scrape->timer, due == BOOT_NS_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
	if (due != BOOT_NS_NEVER)
		sd_event_source_set_time(
			scrape->timer, (uint64_t)MAX(due, (int64_t)0) / NSEC_PER_USEC + 1);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct scrape *scrape = userdata;
	struct instant now = clock_now();

	for (size_t i = 0; i < scrape->n_targets; i++) {
		if (schedule_tick(&scrape->targets[i]->schedule, now))
			start(scrape->targets[i], true);
	}
	arm(scrape);
	return 0;
}

int scrape_new(sd_event *event, struct net *net, struct tsdb *db,
	const struct scrape_callbacks *callbacks, struct scrape **ret)
{
	scoped(scrape_freep) struct scrape *scrape = calloc(1, sizeof(*scrape));
	int err;

	if (!scrape)
		return -ENOMEM;
	scrape->event = sd_event_ref(event);
	scrape->net = net;
	scrape->db = db;
	if (callbacks)
		scrape->callbacks = *callbacks;
	/* A millisecond of slack instead of sd-event's 250. */
	err = sd_event_add_time(
		event, &scrape->timer, CLOCK_BOOTTIME, UINT64_MAX, 1000, on_timer, scrape);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(scrape->timer, SD_EVENT_OFF);
	*ret = TAKE(scrape);
	return 0;
}

static void target_free(struct target *t)
{
	if (!t)
		return;
	fetch_free(t->fetch);
	scrape_cache_release(&t->cache);
	for (size_t i = 0; i < REPORTS; i++)
		series_unref(t->reports[i]);
	target_spec_release(&t->spec);
	free(t);
}

static void specs_free(struct target_spec *specs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		target_spec_release(&specs[i]);
	free(specs);
}

void scrape_free(struct scrape *scrape)
{
	if (!scrape)
		return;
	for (size_t i = 0; i < scrape->n_targets; i++)
		target_free(scrape->targets[i]);
	free(scrape->targets);
	specs_free(scrape->dropped, scrape->n_dropped);
	config_unref(scrape->config);
	sd_event_source_disable_unref(scrape->timer);
	sd_event_unref(scrape->event);
	free(scrape);
}

/* What a configuration asks for, before anything is changed. */
struct plan {
	struct planned {
		struct target_spec spec;
		struct target *target; /* one that stays, or a new one */
		struct fetch *fetch;   /* for the one that stays with other settings */
		bool fresh;
	} * items;
	size_t n, cap;
	struct target_spec *dropped;
	size_t n_dropped, cap_dropped;
};

static void plan_release(struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		target_spec_release(&plan->items[i].spec);
		fetch_free(plan->items[i].fetch);
		if (plan->items[i].fresh)
			target_free(plan->items[i].target);
	}
	free(plan->items);
	specs_free(plan->dropped, plan->n_dropped);
	*plan = (struct plan){ 0 };
}

static int plan_target(struct plan *plan, struct map *known, const struct config_scrape *job,
	const struct config_target *place, struct diag *diag)
{
	struct planned *p;
	int err;

	if (!vec_reserve(plan->items, plan->n, plan->cap) ||
		!vec_reserve(plan->dropped, plan->n_dropped, plan->cap_dropped))
		return -ENOMEM;
	p = &plan->items[plan->n];
	*p = (struct planned){ 0 };
	err = target_spec_init(&p->spec, job, place, diag);
	if (err)
		return err;
	if (!p->spec.relabelled) {
		plan->dropped[plan->n_dropped++] = p->spec;
		return 0;
	}
	if (map_gets(known, p->spec.identity)) {
		diag_warning(diag, place->address.pos,
			"target '%s' stands twice in job '%s' and is scraped once", p->spec.address,
			job->job_name.s);
		target_spec_release(&p->spec);
		return 0;
	}
	err = map_puts(known, p->spec.identity, plan);
	if (err) {
		target_spec_release(&p->spec);
		return err;
	}
	plan->n++;
	return 0;
}

/* All targets with their faults told, or the first other error. */
static int plan_targets(struct plan *plan, const struct config *config, struct diag *diag)
{
	struct map known = MAP_INIT;
	int err = 0, fault = 0;

	for (size_t i = 0; i < config->n_scrapes && err != -ENOMEM; i++) {
		const struct config_scrape *job = &config->scrapes[i];

		for (size_t k = 0; k < job->n_targets && err != -ENOMEM; k++) {
			err = plan_target(plan, &known, job, &job->targets[k], diag);
			fault = err ? err : fault;
		}
	}
	map_release(&known);
	return fault;
}

int scrape_check(const struct config *config, struct diag *diag)
{
	struct plan plan = { 0 };
	int err = plan_targets(&plan, config, diag);

	plan_release(&plan);
	return err;
}

int scrape_describe(const struct config *config, scrape_describe_fn *fn, void *userdata)
{
	struct plan plan = { 0 };
	struct diag diag = DIAG_INIT;
	int err = plan_targets(&plan, config, &diag);

	for (size_t i = 0; i < plan.n; i++)
		fn(plan.items[i].spec.job, plan.items[i].spec.labels, userdata);
	plan_release(&plan);
	diag_release(&diag);
	return err == -ENOMEM ? err : 0;
}

static struct target *find_target(const struct scrape *scrape, const char *identity)
{
	for (size_t i = 0; i < scrape->n_targets; i++) {
		if (streq(scrape->targets[i]->spec.identity, identity))
			return scrape->targets[i];
	}
	return NULL;
}

/* Makes the objects that the plan needs; what can fail fails here. */
static int prepare(struct scrape *scrape, struct planned *p)
{
	p->target = find_target(scrape, p->spec.identity);
	if (p->target)
		return target_spec_same_settings(&p->target->spec, &p->spec)
			       ? 0
			       : fetch_new(scrape->net, &p->spec, finish, p->target, &p->fetch);
	p->target = calloc(1, sizeof(*p->target));
	if (!p->target)
		return -ENOMEM;
	p->fresh = true;
	p->target->scrape = scrape;
	p->target->up = -1;
	p->target->cache = SCRAPE_CACHE_INIT;
	return fetch_new(scrape->net, &p->spec, finish, p->target, &p->target->fetch);
}

static void put_into_effect(struct planned *p, struct instant now)
{
	struct target *t = p->target;
	struct target_spec old = t->spec;
	bool restart = p->fetch && t->schedule.running;

	t->spec = p->spec;
	p->spec = (struct target_spec){ 0 };
	if (p->fetch) {
		/* What is under way was asked for under the old settings. */
		fetch_free(t->fetch);
		t->fetch = TAKE(p->fetch);
		schedule_end(&t->schedule);
	}
	if (p->fresh || old.interval_ms != t->spec.interval_ms)
		schedule_set(&t->schedule, t->spec.interval_ms, t->spec.offset_ms, now);
	p->fresh = false;
	if (old.job && !target_spec_same_series(&old, &t->spec))
		scrape_cache_retire(&t->cache);
	target_spec_release(&old);
	if (restart)
		target_trigger(t);
}

static void target_end(struct target *t, struct instant now)
{
	double stale[REPORTS];

	t->at_wall_ms = schedule_begin(&t->schedule, now, false);
	scrape_cache_end(&t->cache, t->scrape->db, t->at_wall_ms);
	for (size_t i = 0; i < REPORTS; i++)
		stale[i] = stale_nan();
	if (t->up >= 0)
		write_reports(t, stale);
	target_free(t);
}

static bool planned_has(const struct plan *plan, const struct target *t)
{
	for (size_t i = 0; i < plan->n; i++) {
		if (plan->items[i].target == t)
			return true;
	}
	return false;
}

int scrape_configure(struct scrape *scrape, const struct config *config, struct diag *diag)
{
	struct instant now = clock_now();
	struct plan plan = { 0 };
	struct target **targets = NULL;
	int err = plan_targets(&plan, config, diag);

	for (size_t i = 0; !err && i < plan.n; i++)
		err = prepare(scrape, &plan.items[i]);
	if (!err) {
		targets = calloc(plan.n + 1, sizeof(*targets));
		err = targets ? 0 : -ENOMEM;
	}
	if (err) {
		plan_release(&plan);
		return err;
	}
	for (size_t i = 0; i < plan.n; i++) {
		put_into_effect(&plan.items[i], now);
		targets[i] = plan.items[i].target;
	}
	for (size_t i = 0; i < scrape->n_targets; i++) {
		if (!planned_has(&plan, scrape->targets[i]))
			target_end(scrape->targets[i], now);
	}
	free(scrape->targets);
	scrape->targets = targets;
	scrape->n_targets = plan.n;
	specs_free(scrape->dropped, scrape->n_dropped);
	scrape->dropped = TAKE(plan.dropped);
	scrape->n_dropped = plan.n_dropped;
	plan.n_dropped = 0;
	plan_release(&plan);
	config_unref(scrape->config);
	scrape->config = config_ref(config);
	arm(scrape);
	return 0;
}

void target_trigger(struct target *target)
{
	if (schedule_trigger(&target->schedule))
		start(target, false);
}

size_t scrape_targets(const struct scrape *scrape)
{
	return scrape->n_targets;
}

struct target *scrape_target(const struct scrape *scrape, size_t i)
{
	return scrape->targets[i];
}

size_t scrape_dropped_targets(const struct scrape *scrape)
{
	return scrape->n_dropped;
}

void scrape_dropped_target(const struct scrape *scrape, size_t i, struct dropped_target *ret)
{
	const struct target_spec *spec = &scrape->dropped[i];

	*ret = (struct dropped_target){ spec->job->job_name.s, spec->discovered };
}

void target_info(const struct target *target, struct target_info *ret)
{
	*ret = (struct target_info){
		.job = target->spec.job->job_name.s,
		.address = target->spec.address,
		.url = target->spec.url,
		.labels = target->spec.labels,
		.discovered = target->spec.discovered,
		.interval_ms = target->spec.interval_ms,
		.timeout_ms = target->spec.timeout_ms,
		.last_wall_ms = target->last_wall_ms,
		.last_duration_ns = target->last_duration_ns,
		.last_error = target->last_error[0] ? target->last_error : NULL,
		.up = target->up,
	};
}

bool target_metadata_next(
	const struct target *target, const void **cursor, struct target_metadata *ret)
{
	const struct map_entry *e = map_next(&target->cache.metadata, *cursor);
	const struct family *family;

	*cursor = e;
	if (!e)
		return false;
	family = e->value;
	*ret = (struct target_metadata){ .family = e->key,
		.type = metric_type_text(family->type),
		.help = family->help ? family->help : "",
		.unit = family->unit ? family->unit : "" };
	return true;
}

void target_set_userdata(struct target *target, void *userdata)
{
	target->userdata = userdata;
}

void *target_userdata(const struct target *target)
{
	return target->userdata;
}
