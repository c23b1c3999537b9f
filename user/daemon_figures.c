/*
 * daemon_figures.c - figures of services, of the machine and of tolld itself become samples.
 *
 * At each scrape interval, for which a pass is made, and those that an event changed at once: so that rules
 * can ask for them as for anything that is scraped. Counters are there from 0 on as soon as their
 * service is.
 */
#include "daemon_private.h"

#include <errno.h>
#include <math.h>
#include "api/metrics.h"
#include "api/service_rows.h"
#include "model/sample.h"
#include "scrape/own.h"
#include "scrape/schedule.h"
#include "scrape/scrape.h"
#include "watch/figures.h"
#include "watch/victims.h"

#define OWN_JOB "tolld"
/*
 * Of services together, about 350 bytes each: all rows of 580 services, or 2 of 10,000, which then take less
 * than 60 MB. Where there are so many, the rows that matter least are left out.
 */
#define SERIES_MAX 29000
#define ROWS_MIN   2
/* One turn of writing samples, so that a death never waits long behind them. */
#define TURN_NS NSEC_PER_MSEC
/* Whatever the interval of scrapes: nothing is read more often. */
#define INTERVAL_MIN_MS (FIGURES_EVERY_NS / NSEC_PER_MSEC)
/* A timer that comes a little late still has the time of its slot. */
#define LATE_MS 1000
/*
 * At rest each wake-up costs as much as a hundred samples. So the slots are those of a target, whose time is
 * known to a millisecond; and what would be done so soon in a wake-up of its own is done in this one.
 */
#define EARLY_MS 1
#define AHEAD_NS (5 * NSEC_PER_SEC)

/* The series of one service. */
struct sampled {
	struct labels *labels;	/* all but the name and what its row has */
	struct series **series; /* by row; NULL: there was no sample yet */
	int n_series;
	int64_t pass_boot_ns; /* of the figures that were written last */
};

struct figures {
	struct daemon *daemon;
	size_t n_sampled;
	struct scrape_own *own;
	sd_event_source *slot_timer, *turn;
	int64_t slot_ms; /* the time of the samples that are due, or were last */
	size_t cursor;	 /* of the services whose samples are being written */
	int rows;	 /* of each service */
	size_t expected; /* services that the settings name, known before they are made */
	bool awaits_pass, told_pressure;
	bool own_scraped; /* by a target: then its own figures are there already */
};

/* -- one sample ------------------------------------------------------------------------------- */

static int make_series(struct figures *f, const struct sampled *s, int row, struct series **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	scoped(labels_unrefp) struct labels *labels = NULL;
	int err;

	labels_builder_add(&b, s->labels);
	if (service_rows[row].label)
		labels_builder_set(&b, service_rows[row].label, service_rows[row].value);
	labels_builder_set(&b, LABEL_NAME, service_rows[row].family);
	err = labels_build(&b, &labels);
	return err ? err : tsdb_series(f->daemon->db, labels, ret);
}

/* NaN: it is not known any more, and its series ends. */
static void append(struct figures *f, struct sampled *s, int row, int64_t wall_ms, double value)
{
	struct sample last;
	bool has_last;

	if (isnan(value)) {
		if (!s->series[row] || !series_last(s->series[row], &last) ||
			is_stale_nan(last.value))
			return;
		value = stale_nan();
	}
	/* Without room for a series there is none; the store counts that. */
	if (!s->series[row] && make_series(f, s, row, &s->series[row]))
		return;
	has_last = series_last(s->series[row], &last);
	/* Two changes within a millisecond are two samples. */
	if (has_last && wall_ms <= last.wall_ms)
		wall_ms = last.wall_ms + 1;
	tsdb_append(f->daemon->db, s->series[row], wall_ms, value);
}

static bool is_changed(const struct sampled *s, int row, double value)
{
	struct sample last;

	if (!s->series[row] || !series_last(s->series[row], &last) || is_stale_nan(last.value))
		return !isnan(value);
	return isnan(value) || last.value != value;
}

/* As many series as each may have; those beyond end. */
static void resize(struct figures *f, struct sampled *s, int64_t wall_ms)
{
	struct series **grown;

	for (; s->n_series > f->rows; s->n_series--) {
		append(f, s, s->n_series - 1, wall_ms, (double)NAN);
		series_unref(TAKE(s->series[s->n_series - 1]));
	}
	if (s->n_series == f->rows)
		return;
	grown = realloc(s->series, (size_t)f->rows * sizeof(*grown));
	if (!grown)
		return;
	s->series = grown;
	while (s->n_series < f->rows)
		s->series[s->n_series++] = NULL;
}

static void choose_rows(struct figures *f)
{
	size_t known = MAX(f->n_sampled, f->expected), n = MAX(known, (size_t)1);
	int rows = (int)MAX(MIN((size_t)SERIES_MAX / n, (size_t)SERVICE_ROWS), (size_t)ROWS_MIN);

	/* Coming and going of a few services is no reason to end series and begin them again. */
	if (rows >= f->rows && rows < f->rows + f->rows / 8 && rows < SERVICE_ROWS)
		return;
	if (rows < f->rows)
		log_info(
			"of %zu services only the first %d of %d figures become samples; all are on "
			"/metrics",
			n, rows, SERVICE_ROWS);
	f->rows = rows;
}

void figures_expect(struct daemon *d, size_t n_services)
{
	if (!d->figures)
		return;
	d->figures->expected = n_services;
	choose_rows(d->figures);
}

/* -- one service ------------------------------------------------------------------------------ */

static struct sampled *sampled_of(const struct daemon *d, const struct service *service)
{
	return d->figures ? service_figures_userdata(service) : NULL;
}

static void on_sample(const struct labels *labels, double value, void *userdata)
{
	rules_touch(userdata, labels);
}

/* What events tell, where it is another than before; it wakes the rules that read it. */
static void write_changed(
	struct figures *f, struct service *service, struct sampled *s, struct instant at)
{
	struct daemon *d = f->daemon;
	double values[SERVICE_EVENT_ROWS];

	service_rows_read_events(service, clock_now(), values);
	tsdb_observe(d->db, on_sample, d->rules);
	for (int row = 0; row < MIN(s->n_series, (int)SERVICE_EVENT_ROWS); row++) {
		if (is_changed(s, row, values[row]))
			append(f, s, row, at.wall_ms, values[row]);
	}
	tsdb_observe(d->db, NULL, NULL);
}

/* All of it; what passes find only where there was a pass since. */
static void write_service(struct figures *f, struct service *service, bool again)
{
	struct sampled *s = sampled_of(f->daemon, service);
	struct service_figures figures;
	double values[SERVICE_ROWS];
	int rows;

	if (!s)
		return;
	resize(f, s, f->slot_ms);
	service_figures(service, &figures);
	rows = again || figures.at.boot_ns > s->pass_boot_ns
		       ? s->n_series
		       : MIN(s->n_series, (int)SERVICE_EVENT_ROWS);
	s->pass_boot_ns = figures.at.boot_ns;
	if (rows <= (int)SERVICE_EVENT_ROWS)
		service_rows_read_events(service, clock_now(), values);
	else
		service_rows_read(service, clock_now(), values);
	for (int row = 0; row < rows; row++)
		append(f, s, row, f->slot_ms, values[row]);
}

void figures_event(struct daemon *d, struct service *service, enum service_event what)
{
	struct sampled *s = sampled_of(d, service);
	struct instant at = clock_now();
	struct service_info info;

	if (!s)
		return;
	service_info(service, &info);
	if (what == SERVICE_DIED)
		at = info.last_death.at;
	write_changed(d->figures, service, s, at);
}

static void write_changed_now(struct service *service, void *userdata)
{
	struct figures *f = userdata;
	struct sampled *s = sampled_of(f->daemon, service);

	if (s)
		write_changed(f, service, s, clock_now());
}

static void on_hung(struct service *service, void *userdata)
{
	past_hung(((struct figures *)userdata)->daemon, service);
	write_changed_now(service, userdata);
}

static void on_stood_still(struct service *service, void *userdata)
{
	write_changed_now(service, userdata);
	rules_touch_cause(((struct figures *)userdata)->daemon->rules);
}

static void on_oom_killed(struct service *service, void *userdata)
{
	past_oom_killed(((struct figures *)userdata)->daemon, service);
	write_changed_now(service, userdata);
}

void figures_own_scraped(struct daemon *d, bool scraped)
{
	struct figures *f = d->figures;

	if (!f || f->own_scraped == scraped)
		return;
	f->own_scraped = scraped;
	if (scraped)
		scrape_own_end(f->own, clock_wall_ms());
}

/* -- services come and go --------------------------------------------------------------------- */

static int labels_of(struct daemon *d, const struct service_info *info, const struct labels *target,
	struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	if (target)
		labels_builder_add(&b, target);
	else
		services_labels(d, info, &b);
	labels_builder_set(&b, "service", info->name);
	return labels_build(&b, ret);
}

static void sampled_free(struct sampled *s)
{
	if (!s)
		return;
	for (int row = 0; row < s->n_series; row++)
		series_unref(s->series[row]);
	free(s->series);
	labels_unref(s->labels);
	free(s);
}

void figures_added(struct daemon *d, struct service *service, const struct labels *target)
{
	struct sampled *s;
	struct service_info info;

	if (!d->figures)
		return;
	s = calloc(1, sizeof(*s));
	service_info(service, &info);
	if (!s || labels_of(d, &info, target, &s->labels)) {
		log_error("out of memory: the figures of '%s' are on /metrics alone", info.name);
		sampled_free(s);
		return;
	}
	service_set_figures_userdata(service, s);
	d->figures->n_sampled++;
	resize(d->figures, s, clock_wall_ms());
	write_changed(d->figures, service, s, clock_now());
}

void figures_removed(struct daemon *d, struct service *service)
{
	struct sampled *s = sampled_of(d, service);

	if (!s)
		return;
	service_set_figures_userdata(service, NULL);
	d->figures->n_sampled--;
	tsdb_observe(d->db, on_sample, d->rules);
	for (int row = 0; row < s->n_series; row++)
		append(d->figures, s, row, clock_wall_ms(), (double)NAN);
	tsdb_observe(d->db, NULL, NULL);
	sampled_free(s);
}

/* -- each interval ---------------------------------------------------------------------------- */

static void write_own(struct figures *f)
{
	struct daemon *d = f->daemon;
	struct strbuf text = STRBUF_INIT;
	struct instant now = clock_now();
	int err;

	if (f->own_scraped)
		return;
	metrics_add_own(&text, d->api, now);
	err = text.err ? text.err : scrape_own_write(f->own, text.s, text.len, f->slot_ms);
	if (err)
		log_debug("own metrics are not written: %s", strerror(-err));
	strbuf_release(&text);
}

static void tell_pressure(struct figures *f)
{
	struct machine_figures machine;

	watch_machine(f->daemon->watch, &machine);
	if (f->told_pressure || !machine.passed)
		return;
	f->told_pressure = true;
	if (machine.machine->pressure_err)
		log_info(
			"this kernel does not tell of pressure, which is left out: boot it with psi=1, "
			"or take one with CONFIG_PSI");
}

static void begin_writing(struct figures *f)
{
	f->awaits_pass = false;
	f->cursor = 0;
	sd_event_source_set_enabled(f->turn, SD_EVENT_ON);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	struct figures *f = userdata;
	int64_t end_ns = clock_boot_ns() + TURN_NS;

	while (f->cursor < watch_services(f->daemon->watch) && clock_boot_ns() < end_ns)
		write_service(f, watch_service(f->daemon->watch, f->cursor++), false);
	if (f->cursor < watch_services(f->daemon->watch))
		return 0;
	tell_pressure(f);
	write_own(f);
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static void on_passed(void *userdata)
{
	struct figures *f = userdata;

	/* Before the counter of its kills is written, and a rule asks whom it ended. */
	watch_look_for_victims(f->daemon->watch);
	if (f->awaits_pass)
		begin_writing(f);
}

static int64_t interval_ms(const struct figures *f)
{
	return MAX((int64_t)f->daemon->config->global.scrape_interval_ms, INTERVAL_MIN_MS);
}

static int64_t slot_after(const struct figures *f, int64_t wall_ms)
{
	int64_t interval = interval_ms(f);

	return schedule_slot_after(
		wall_ms, interval, scrape_offset_ms(f->daemon->scrape, interval));
}

static void arm(struct figures *f, struct instant now)
{
	int64_t in_ms = slot_after(f, now.wall_ms + EARLY_MS) - EARLY_MS - now.wall_ms;

	sd_event_source_set_time(
		f->slot_timer, (uint64_t)((now.boot_ns + in_ms * NSEC_PER_MSEC) / NSEC_PER_USEC));
	sd_event_source_set_enabled(f->slot_timer, SD_EVENT_ONESHOT);
}

static int on_slot(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct figures *f = userdata;
	struct instant now = clock_now();
	int64_t slot_ms = slot_after(f, now.wall_ms + EARLY_MS) - interval_ms(f);

	/* Even times compress to nothing. */
	f->slot_ms = now.wall_ms - slot_ms < LATE_MS ? slot_ms : now.wall_ms;
	choose_rows(f);
	arm(f, now);
	tsdb_hasten(f->daemon->db, now, AHEAD_NS);
	watch_hasten_resync(f->daemon->watch, now, AHEAD_NS);
	f->awaits_pass = watch_measure(f->daemon->watch, 0);
	if (!f->awaits_pass)
		begin_writing(f);
	return 0;
}

void figures_wall_jumped(struct daemon *d, struct instant now)
{
	struct figures *f = d->figures;

	if (!f)
		return;
	f->slot_ms = now.wall_ms;
	for (size_t i = 0; i < watch_services(d->watch); i++)
		write_service(f, watch_service(d->watch, i), true);
	write_own(f);
	arm(f, now);
}

/* -- life ------------------------------------------------------------------------------------- */

static int open_figures(struct figures *f)
{
	struct daemon *d = f->daemon;
	scoped(labels_unrefp) struct labels *labels =
		labels_new(2, (const char *const[][2]){
				      { LABEL_JOB, OWN_JOB }, { LABEL_INSTANCE, d->hostname } });
	const struct figures_callbacks callbacks = { .passed = on_passed,
		.oom_killed = on_oom_killed,
		.hung = on_hung,
		.stood_still = on_stood_still,
		.userdata = f };
	int err = labels ? scrape_own_new(d->db, labels, &f->own) : -ENOMEM;

	if (!err)
		err = sd_event_add_time(d->event, &f->slot_timer, CLOCK_BOOTTIME,
			(uint64_t)(clock_boot_ns() / NSEC_PER_USEC),
			2 * EARLY_MS * NSEC_PER_MSEC / NSEC_PER_USEC, on_slot, f);
	if (err >= 0)
		err = sd_event_add_defer(d->event, &f->turn, on_turn, f);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(f->turn, SD_EVENT_OFF);
	/* Whatever watches and alerts goes first. */
	sd_event_source_set_priority(f->turn, SD_EVENT_PRIORITY_IDLE);
	watch_set_figures_callbacks(d->watch, &callbacks);
	return 0;
}

int figures_start(struct daemon *d)
{
	int err;

	if (!d->watch)
		return 0;
	d->figures = calloc(1, sizeof(*d->figures));
	if (!d->figures)
		return -ENOMEM;
	d->figures->daemon = d;
	d->figures->rows = SERVICE_ROWS;
	err = open_figures(d->figures);
	if (err)
		figures_stop(d);
	return err;
}

/* Without stale markers: after a restart the series go on. */
void figures_stop(struct daemon *d)
{
	struct figures *f = d->figures;

	if (!f)
		return;
	d->figures = NULL;
	for (size_t i = 0; i < watch_services(d->watch); i++) {
		struct service *service = watch_service(d->watch, i);

		sampled_free(service_figures_userdata(service));
		service_set_figures_userdata(service, NULL);
	}
	scrape_own_free(f->own);
	sd_event_source_disable_unref(f->slot_timer);
	sd_event_source_disable_unref(f->turn);
	free(f);
}
