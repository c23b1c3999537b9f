/*
 * scrape.c - runs the targets: when, what came of it, what is written.
 */
#include "scrape/scrape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/map.h"
#include "scrape/cache.h"
#include "scrape/plan.h"
#include "scrape/schedule.h"

enum report_series {
	UP,
	DURATION,
	SCRAPED,
	POST_RELABELING,
	SERIES_ADDED,
	/* Where extra_scrape_metrics asks for them. */
	TIMEOUT,
	SAMPLE_LIMIT,
	BODY_SIZE,
	REPORTS,
	FIRST_EXTRA = TIMEOUT,
};

static const char *const report_names[REPORTS] = {
	[UP] = "up",
	[DURATION] = "scrape_duration_seconds",
	[SCRAPED] = "scrape_samples_scraped",
	[POST_RELABELING] = "scrape_samples_post_metric_relabeling",
	[SERIES_ADDED] = "scrape_series_added",
	[TIMEOUT] = "scrape_timeout_seconds",
	[SAMPLE_LIMIT] = "scrape_sample_limit",
	[BODY_SIZE] = "scrape_body_size_bytes",
};

struct target {
	struct scrape *scrape;
	struct target_spec spec;
	struct schedule schedule;
	struct scrape_cache cache;
	struct fetch *fetch;
	struct series *reports[REPORTS];
	bool triggered; /* the scrape under way */
	bool stays;	/* while a plan is carried out: it has this target */
	int64_t at_wall_ms, start_boot_ns;
	int up; /* -1: unknown */
	int64_t last_wall_ms, last_duration_ns;
	double body_bytes; /* of the last scrape; -1: more than body_size_limit */
	char last_error[256];
	const char *leave_out; /* see target_leave_out() */
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
	struct pool *pools; /* one for each job */
	size_t n_pools;
	struct file_sd *files;
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
		bool wanted = i < FIRST_EXTRA || t->spec.job->extra_scrape_metrics;
		struct series *series = wanted ? report_series(t, i) : t->reports[i];

		if (series)
			tsdb_append(t->scrape->db, series, t->at_wall_ms,
				wanted ? values[i] : stale_nan());
		if (series && !wanted)
			series_unref(TAKE(t->reports[i]));
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
				 [TIMEOUT] = (double)t->spec.timeout_ms / 1000,
				 [SAMPLE_LIMIT] = (double)t->spec.job->sample_limit,
				 [BODY_SIZE] = t->body_bytes,
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
		.leave_out = t->leave_out,
		.max_samples =
			job->sample_limit > 0 ? (size_t)job->sample_limit : SCRAPE_MAX_SAMPLES,
		.max_labels = (size_t)job->limits.labels,
		.max_label_name_bytes = (size_t)job->limits.label_name_bytes,
		.max_label_value_bytes = (size_t)job->limits.label_value_bytes,
		.legacy_names = job->legacy_names,
		.track_timestamps = job->track_timestamps_staleness,
		.rules = job->metric_relabels.items,
		.n_rules = job->metric_relabels.n,
	};
	struct scrape_report report = {
		.target = t, .triggered = t->triggered, .at_wall_ms = t->at_wall_ms
	};
	struct ingest_counts counts = { 0 };

	t->last_error[0] = '\0';
	t->body_bytes = error && starts_with(error, "body size limit") ? -1 : (double)len;
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

static void finish_past_limit(struct target *t)
{
	char error[120];

	snprintf(error, sizeof(error),
		"target_limit exceeded (number of targets: %zu, limit: %" PRId64 ")",
		t->spec.too_many, t->spec.job->limits.targets);
	finish(NULL, 0, false, error, t);
}

static void start(struct target *t, bool for_slot)
{
	struct instant now = clock_now();
	int err;

	t->triggered = !for_slot;
	t->start_boot_ns = now.boot_ns;
	t->at_wall_ms = schedule_begin(&t->schedule, now, for_slot);
	if (t->spec.too_many) {
		finish_past_limit(t);
		return;
	}
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

void scrape_free(struct scrape *scrape)
{
	if (!scrape)
		return;
	for (size_t i = 0; i < scrape->n_targets; i++)
		target_free(scrape->targets[i]);
	free(scrape->targets);
	specs_free(scrape->dropped, scrape->n_dropped);
	free(scrape->pools);
	file_sd_free(scrape->files);
	config_unref(scrape->config);
	sd_event_source_disable_unref(scrape->timer);
	sd_event_unref(scrape->event);
	free(scrape);
}

static void plan_undo(struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		fetch_free(plan->items[i].fetch);
		if (plan->items[i].fresh)
			target_free(plan->items[i].target);
	}
	plan_release(plan);
}

int scrape_check(const struct config *config, struct diag *diag)
{
	struct plan plan = { 0 };
	int err = plan_make(&plan, config, NULL, diag, diag);

	plan_release(&plan);
	return err;
}

int scrape_describe(const struct config *config, scrape_describe_fn *fn, void *userdata)
{
	struct plan plan = { 0 };
	struct diag diag = DIAG_INIT;
	int err = plan_make(&plan, config, NULL, &diag, &diag);

	for (size_t i = 0; i < plan.n; i++)
		fn(plan.items[i].spec.job, plan.items[i].spec.labels, userdata);
	plan_release(&plan);
	diag_release(&diag);
	return err == -ENOMEM ? err : 0;
}

/*
 * Finds for each planned target the running one that goes on as it: the same one, or else one whose series
 * it writes from now on, as after a reload with another path. Nothing of those series is over.
 */
static int find_running(const struct scrape *scrape, struct plan *plan)
{
	scoped(map_release) struct map identities = MAP_INIT, series = MAP_INIT;
	int err = 0;

	for (size_t i = 0; i < scrape->n_targets && !err; i++)
		err = map_puts(&identities, scrape->targets[i]->spec.identity, scrape->targets[i]);
	for (size_t i = 0; i < plan->n && !err; i++)
		plan->items[i].target = map_dels(&identities, plan->items[i].spec.identity);
	map_foreach (&identities, e) {
		const struct labels *labels = ((struct target *)e->value)->spec.labels;

		if (!err)
			err = map_put(
				&series, labels->v, labels->n * sizeof(struct label), e->value);
	}
	for (size_t i = 0; i < plan->n && !err; i++) {
		struct planned *p = &plan->items[i];
		const struct labels *labels = p->spec.labels;

		if (!p->target)
			p->target = map_del(&series, labels->v, labels->n * sizeof(struct label));
	}
	return err;
}

static bool same_fetch(const struct target_spec *a, const struct target_spec *b)
{
	return streq(a->identity, b->identity) && target_spec_same_settings(a, b);
}

/* Makes the objects that the plan needs; what can fail fails here. */
static int prepare(struct scrape *scrape, struct planned *p)
{
	if (p->target)
		return same_fetch(&p->target->spec, &p->spec)
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
	if (p->fresh || old.interval_ms != t->spec.interval_ms ||
		old.offset_ms != t->spec.offset_ms)
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

/* So many that come where others go are asked at once; the rest wait for their slots, as at the start. */
#define START_AT_ONCE 100

/* Takes the plan over: nothing fails any more. */
static void carry_out(struct scrape *scrape, struct plan *plan, struct target **targets)
{
	struct instant now = clock_now();
	size_t n_ended = 0, n_begun = 0;

	for (size_t i = 0; i < plan->n; i++) {
		put_into_effect(&plan->items[i], now);
		targets[i] = plan->items[i].target;
		targets[i]->stays = true;
	}
	for (size_t i = 0; i < scrape->n_targets; i++) {
		if (scrape->targets[i]->stays)
			continue;
		target_end(scrape->targets[i], now);
		n_ended++;
	}
	free(scrape->targets);
	scrape->targets = targets;
	scrape->n_targets = plan->n;
	specs_free(scrape->dropped, scrape->n_dropped);
	scrape->dropped = TAKE(plan->dropped);
	scrape->n_dropped = plan->n_dropped;
	free(scrape->pools);
	scrape->pools = TAKE(plan->pools);
	scrape->n_pools = plan->n_pools;
	plan->n_dropped = 0;
	plan_release(plan);
	/* Where a target has other labels now, nobody shall find it absent until its slot comes. */
	for (size_t i = 0; i < scrape->n_targets; i++) {
		struct target *t = scrape->targets[i];

		t->stays = false;
		if (n_ended && t->up < 0 && !t->schedule.running && n_begun++ < START_AT_ONCE)
			target_trigger(t);
	}
	arm(scrape);
}

/* Of files: whatever is wrong there, the daemon runs. */
static void tell_soft(struct scrape *scrape, struct diag *soft)
{
	if (soft->n && scrape->callbacks.faults)
		scrape->callbacks.faults(soft, scrape->callbacks.userdata);
	diag_release(soft);
}

static int make_plan(struct scrape *scrape, const struct config *config, struct plan *plan,
	struct target ***ret_targets, struct diag *diag)
{
	struct diag soft = DIAG_INIT;
	int err = plan_make(plan, config, scrape->files, diag, &soft);

	if (!err)
		err = find_running(scrape, plan);
	for (size_t i = 0; !err && i < plan->n; i++)
		err = prepare(scrape, &plan->items[i]);
	if (!err) {
		*ret_targets = calloc(plan->n + 1, sizeof(**ret_targets));
		err = *ret_targets ? 0 : -ENOMEM;
	}
	tell_soft(scrape, &soft);
	if (err)
		plan_undo(plan);
	return err;
}

int scrape_configure(struct scrape *scrape, const struct config *config, struct diag *diag)
{
	struct target **targets = NULL;
	struct plan plan = { 0 };
	bool changed;
	int err = file_sd_read(scrape->files, config, &changed);

	if (!err)
		err = make_plan(scrape, config, &plan, &targets, diag);
	if (err)
		return err;
	carry_out(scrape, &plan, targets);
	config_unref(scrape->config);
	scrape->config = config_ref(config);
	file_sd_watch(scrape->files, config);
	return 0;
}

/* A file of targets has changed, or may have. Without memory for it now, there is the next look. */
static void on_look(void *userdata)
{
	struct scrape *scrape = userdata;
	struct target **targets = NULL;
	struct diag unused = DIAG_INIT;
	struct plan plan = { 0 };
	bool changed = false;

	if (!scrape->config || file_sd_read(scrape->files, scrape->config, &changed))
		return;
	file_sd_watch(scrape->files, scrape->config);
	if (!changed)
		return;
	if (!make_plan(scrape, scrape->config, &plan, &targets, &unused)) {
		carry_out(scrape, &plan, targets);
		if (scrape->callbacks.changed)
			scrape->callbacks.changed(scrape->callbacks.userdata);
	}
	diag_release(&unused);
}

static void on_faults(const struct diag *diag, void *userdata)
{
	struct scrape *scrape = userdata;

	if (scrape->callbacks.faults)
		scrape->callbacks.faults(diag, scrape->callbacks.userdata);
}

int scrape_new(sd_event *event, struct net *net, struct tsdb *db,
	const struct scrape_callbacks *callbacks, struct scrape **ret)
{
	scoped(scrape_freep) struct scrape *scrape = calloc(1, sizeof(*scrape));
	const struct file_sd_callbacks looks = {
		.look = on_look, .faults = on_faults, .userdata = scrape
	};
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
	err = file_sd_new(event, &looks, &scrape->files);
	if (err)
		return err;
	*ret = TAKE(scrape);
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

int64_t scrape_offset_ms(const struct scrape *scrape, int64_t interval_ms)
{
	for (size_t i = 0; i < scrape->n_targets; i++) {
		const struct schedule *schedule = &scrape->targets[i]->schedule;

		if (schedule->interval_ms == interval_ms)
			return schedule->offset_ms;
	}
	return 0;
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

size_t scrape_pools(const struct scrape *scrape)
{
	return scrape->n_pools;
}

void scrape_pool(const struct scrape *scrape, size_t i, struct pool_info *ret)
{
	const struct pool *pool = &scrape->pools[i];

	*ret = (struct pool_info){ pool->job->job_name.s, pool->n_targets, pool->n_dropped };
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
	const struct map_entry *e = map_next(&target->cache.families.map, *cursor);
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

void target_leave_out(struct target *target, const char *prefix)
{
	if (target->leave_out == prefix)
		return;
	target->leave_out = prefix;
	scrape_cache_retire(&target->cache);
}

void target_set_userdata(struct target *target, void *userdata)
{
	target->userdata = userdata;
}

void *target_userdata(const struct target *target)
{
	return target->userdata;
}
