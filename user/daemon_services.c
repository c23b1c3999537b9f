/*
 * daemon_services.c - services that the owner named, or that are watched without being named: their series.
 *
 * A service that is not scraped has `up` from the kernel: a sample at each change, at the moment when it
 * happened, and one at each scrape interval. A death shows as 0 even where the restart follows at once.
 */
#include "daemon_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <systemd/sd-daemon.h>
#include "model/sample.h"

#define JOB "watch"
/* A service of which nobody knows yet how it fares gets its first sample by then. */
#define FIRST_SAMPLE_NS NSEC_PER_SEC

/* One service that was selected. */
struct watched {
	struct service *service;
	struct labels *labels; /* of its series */
	struct series *series; /* NULL: there was no room for it */
	int64_t last_wall_ms;  /* of its newest sample; 0: it has none */
	bool up;
	int64_t added_boot_ns;
};

/* How long a service may be unknown before it counts as down: systemd may be slow to answer. */
#define UNKNOWN_NS (10 * NSEC_PER_SEC)

/* One selection, and what it was made of. */
struct chosen {
	struct selection *selection;
	char *identity;
};

/* -- samples -------------------------------------------------------------------------------- */

static void on_sample(const struct labels *labels, double value, void *userdata)
{
	rules_touch(userdata, labels);
}

static void append(struct daemon *d, struct watched *w, int64_t wall_ms, double value)
{
	if (!w->series && tsdb_series(d->db, w->labels, &w->series))
		return;
	/* Two changes within a millisecond are two samples: a dip is seen however short it is. */
	if (wall_ms <= w->last_wall_ms)
		wall_ms = w->last_wall_ms + 1;
	/* A clock that was set back: samples from the future are no more. */
	if (tsdb_append(d->db, w->series, wall_ms, value) == 0)
		w->last_wall_ms = wall_ms;
}

/* What an event changed wakes the rules that read it. */
static void append_now(struct daemon *d, struct watched *w, int64_t wall_ms, bool up)
{
	tsdb_observe(d->db, on_sample, d->rules);
	append(d, w, wall_ms, up);
	tsdb_observe(d->db, NULL, NULL);
	w->up = up;
}

void services_on_event(struct daemon *d, struct service *service, enum service_event what,
	const struct service_info *info)
{
	struct watched *w = service_userdata(service);
	bool up = info->state == SERVICE_UP;

	if (!w || what == SERVICE_CAUSE)
		return;
	if (what == SERVICE_DIED) {
		append_now(d, w, info->last_death.at.wall_ms, false);
		service_sampled(service, clock_boot_ns());
		return;
	}
	/* While it is not known how it fares it fares as before. */
	if (info->state != SERVICE_UNKNOWN && (up != w->up || !w->last_wall_ms))
		append_now(d, w, info->since.boot_ns ? info->since.wall_ms : clock_wall_ms(), up);
}

/* -- each interval -------------------------------------------------------------------------- */

static void each_watched(
	struct daemon *d, void (*fn)(struct daemon *d, struct watched *w, void *x), void *x)
{
	for (size_t i = 0; d->watch && i < watch_services(d->watch); i++) {
		struct service *service = watch_service(d->watch, i);

		if (service_is_selected(service) && service_userdata(service))
			fn(d, service_userdata(service), x);
	}
}

static void append_again(struct daemon *d, struct watched *w, void *x)
{
	enum service_state state = service_state(w->service);

	if (state != SERVICE_UNKNOWN)
		w->up = state == SERVICE_UP;
	else if (!w->last_wall_ms && clock_boot_ns() - w->added_boot_ns < UNKNOWN_NS)
		return;
	append(d, w, *(int64_t *)x, w->up);
}

static void arm(struct daemon *d, int64_t at_boot_ns)
{
	sd_event_source_set_time(d->services_timer, (uint64_t)(at_boot_ns / NSEC_PER_USEC));
	sd_event_source_set_enabled(d->services_timer, SD_EVENT_ONESHOT);
}

static int on_interval(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	struct instant now = clock_now();
	int64_t interval_ms = d->config->global.scrape_interval_ms;
	int64_t late_ms = now.wall_ms % interval_ms;

	/* Samples at even times compress to nothing; the rules come to them by their own slots. */
	each_watched(d, append_again, &now.wall_ms);
	if (d->services.n)
		arm(d, now.boot_ns + (interval_ms - late_ms) * NSEC_PER_MSEC);
	return 0;
}

static void after_jump(struct daemon *d, struct watched *w, void *x)
{
	const struct instant *now = x;

	w->last_wall_ms = MIN(w->last_wall_ms, now->wall_ms);
	append_again(d, w, (void *)&now->wall_ms);
}

void services_wall_jumped(struct daemon *d, struct instant now)
{
	each_watched(d, after_jump, &now);
}

/* -- services come and go ------------------------------------------------------------------- */

void services_labels(
	const struct daemon *d, const struct service_info *info, struct labels_builder *b)
{
	labels_builder_set(b, LABEL_JOB, JOB);
	labels_builder_set(b, LABEL_INSTANCE, d->hostname);
	if (info->labels)
		labels_builder_add(b, info->labels);
}

static int labels_of_series(struct daemon *d, const struct service_info *info, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	services_labels(d, info, &b);
	labels_builder_set(&b, "service", info->name);
	labels_builder_set(&b, LABEL_NAME, "up");
	return labels_build(&b, ret);
}

static void watched_free(struct watched *w)
{
	if (!w)
		return;
	series_unref(w->series);
	labels_unref(w->labels);
	free(w);
}

void services_on_added(struct service *service, void *selection_userdata, void *userdata)
{
	struct daemon *d = userdata;
	struct watched *w = calloc(1, sizeof(*w));
	struct service_info info;

	service_info(service, &info);
	if (!w || labels_of_series(d, &info, &w->labels) || map_puts(&d->services, info.name, w)) {
		log_error("out of memory: '%s' is watched without its series 'up'", info.name);
		watched_free(w);
		return;
	}
	w->service = service;
	w->added_boot_ns = clock_boot_ns();
	service_set_userdata(service, w);
	figures_added(d, service, NULL);
	past_meet_service(d, service);
	/* Without services nobody waits for the next interval. */
	if (info.state == SERVICE_UNKNOWN || d->services.n == 1)
		arm(d, clock_boot_ns() + FIRST_SAMPLE_NS);
	if (info.state != SERVICE_UNKNOWN)
		append_now(d, w, clock_wall_ms(), info.state == SERVICE_UP);
}

void services_on_removed(struct service *service, void *userdata)
{
	struct daemon *d = userdata;
	struct watched *w = service_userdata(service);
	struct service_info info;

	figures_removed(d, service);
	if (!w)
		return;
	service_info(service, &info);
	map_dels(&d->services, info.name);
	tsdb_observe(d->db, on_sample, d->rules);
	if (w->last_wall_ms)
		append(d, w, clock_wall_ms(), stale_nan());
	tsdb_observe(d->db, NULL, NULL);
	service_set_userdata(service, NULL);
	watched_free(w);
}

void services_on_systemd(const char *why, void *userdata)
{
	if (why)
		log_error("units are watched by their control groups alone: %s", why);
	else
		log_info("systemd is asked about units");
}

const struct service *services_find(const struct daemon *d, const struct labels *labels)
{
	const char *name = labels_get(labels, "service");
	const struct watched *w = name ? map_gets(&d->services, name) : NULL;

	return w ? w->service : NULL;
}

/* -- settings ------------------------------------------------------------------------------- */

/* host:port, :port or a port alone, as the settings were checked to have it. */
static void parse_listen(const char *text, struct sockaddr_storage *ret)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };

	if (colon && colon != text && daemon_parse_address(text, ret))
		return;
	any.sin6_port = htons((uint16_t)strtoul(colon ? colon + 1 : text, NULL, 10));
	memcpy(ret, &any, sizeof(any));
}

static void spec_of(
	const struct config_watch *c, struct sockaddr_storage *address, struct watch_spec *ret)
{
	static const enum service_expect expects[] = {
		[EXPECT_RUNNING] = EXPECTED_RUNNING,
		[EXPECT_LISTENING] = EXPECTED_LISTENING,
		[EXPECT_ANY] = EXPECTED_ANY,
	};
	const struct {
		const struct config_text *text;
		enum selector_kind kind;
	} kinds[] = {
		{ &c->exe, SELECT_EXE },
		{ &c->cmdline, SELECT_CMDLINE },
		{ &c->pidfile, SELECT_PIDFILE },
		{ &c->listen, SELECT_LISTEN },
		{ &c->unit, SELECT_UNIT },
	};

	*ret = (struct watch_spec){ .name = c->service.s, .expect = expects[c->expect] };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!kinds[i].text->s || !*kinds[i].text->s)
			continue;
		ret->kind = kinds[i].kind;
		ret->text = kinds[i].text->s;
	}
	if (ret->kind == SELECT_LISTEN) {
		parse_listen(ret->text, address);
		ret->address = (struct sockaddr *)address;
	}
}

static int labels_of(const struct config_watch *c, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	for (size_t i = 0; i < c->labels.n; i++)
		labels_builder_set(&b, c->labels.items[i].name.s, c->labels.items[i].value.s);
	/* Of a pattern each unit has its own name; what the owner called them all is told beside it. */
	if (c->service.s && c->unit.s && strpbrk(c->unit.s, "*?["))
		labels_builder_set(&b, "group", c->service.s);
	return labels_build(&b, ret);
}

/* What of two entries must be the same for a reload to leave their service alone. */
static char *identity_of(const struct watch_spec *spec)
{
	struct strbuf s = STRBUF_INIT;
	char *identity = NULL;

	strbuf_addf(&s, "%d\n%d\n%s\n%s\n", (int)spec->kind, (int)spec->expect,
		spec->name ? spec->name : "", spec->text);
	if (spec->labels)
		labels_format(spec->labels, &s);
	return strbuf_finish(&s, &identity) ? NULL : identity;
}

static void unchoose(struct daemon *d, struct chosen *c)
{
	watch_unselect(c->selection);
	free(c->identity);
	*c = d->chosen[--d->n_chosen];
}

static int choose(struct daemon *d, const struct watch_spec *spec, char *identity)
{
	struct selection *selection;
	char error[300] = "memory is out";
	int err = vec_reserve(d->chosen, d->n_chosen, d->cap_chosen) ? 0 : -ENOMEM;

	if (!err)
		err = watch_select(d->watch, spec, &selection, error, sizeof(error));
	if (err) {
		log_error("'%s' is not watched: %s",
			spec->name   ? spec->name
			: spec->text ? spec->text
				     : "every process that listens",
			error);
		return err;
	}
	d->chosen[d->n_chosen++] = (struct chosen){ .selection = selection, .identity = identity };
	return 0;
}

static char **identities_of(const struct config *config)
{
	return calloc(config->n_watches + 1, sizeof(char *));
}

/* Sets of identities: with thousands of services, each is looked for among thousands. */
static int identities_add(struct map *set, const char *identity)
{
	static char is_there;

	return map_puts(set, identity, &is_there);
}

static int identities_find(struct daemon *d, const struct config *config, char *const *identities,
	struct map *wanted, struct map *known)
{
	int err = 0;

	for (size_t i = 0; i < config->n_watches && !err; i++) {
		if (identities[i])
			err = identities_add(wanted, identities[i]);
	}
	for (size_t i = 0; i < d->n_chosen && !err; i++)
		err = identities_add(known, d->chosen[i].identity);
	return err;
}

/* First those go that are not wanted any more, so that one that was renamed is not there twice. */
static int replace_all(struct daemon *d, const struct config *config, char **identities)
{
	scoped(map_release) struct map wanted = MAP_INIT, known = MAP_INIT;
	int err = identities_find(d, config, identities, &wanted, &known);

	if (err)
		return err;
	for (size_t i = d->n_chosen; i-- > 0;) {
		if (!map_gets(&wanted, d->chosen[i].identity))
			unchoose(d, &d->chosen[i]);
	}
	figures_expect(d, config->n_watches);
	for (size_t i = 0; i < config->n_watches; i++) {
		struct sockaddr_storage address;
		scoped(labels_unrefp) struct labels *labels = NULL;
		struct watch_spec spec;

		/* What stands in the settings twice is watched once. */
		if (!identities[i] || map_gets(&known, identities[i]))
			continue;
		spec_of(&config->watches[i], &address, &spec);
		if (labels_of(&config->watches[i], &labels))
			continue;
		spec.labels = labels;
		if (identities_add(&known, identities[i]) == 0 &&
			choose(d, &spec, identities[i]) == 0)
			identities[i] = NULL;
	}
	return 0;
}

/* Nobody has said what is a service: every unit is one, or without systemd whoever listens. */
static void choose_all(struct daemon *d)
{
	bool units = sd_booted() > 0;
	const struct watch_spec spec = {
		.kind = units ? SELECT_UNIT : SELECT_LISTEN,
		.text = units ? "*" : NULL,
		.expect = units ? EXPECTED_RUNNING : EXPECTED_LISTENING,
	};
	char *identity = strdup("all");

	for (size_t i = d->n_chosen; i-- > 0;) {
		if (!streq(d->chosen[i].identity, "all"))
			unchoose(d, &d->chosen[i]);
	}
	if (!d->watch || !identity || d->n_chosen || choose(d, &spec, identity)) {
		free(identity);
		return;
	}
	log_info("watching %s", units ? "every service unit" : "every process that listens");
}

void services_configure(struct daemon *d, const struct config *config)
{
	char **identities = identities_of(config);

	if (config->watch_all) {
		free(identities);
		choose_all(d);
		return;
	}
	if (!d->watch || !identities) {
		if (config->n_watches)
			log_error("the services under 'watch' are not watched: %s",
				d->watch ? "memory is out" : "see above");
		free(identities);
		return;
	}
	for (size_t i = 0; i < config->n_watches; i++) {
		struct sockaddr_storage address;
		scoped(labels_unrefp) struct labels *labels = NULL;
		struct watch_spec spec;

		spec_of(&config->watches[i], &address, &spec);
		if (labels_of(&config->watches[i], &labels))
			continue;
		spec.labels = labels;
		identities[i] = identity_of(&spec);
	}
	if (replace_all(d, config, identities))
		log_error("the services under 'watch' stay as they were: memory is out");
	for (size_t i = 0; i < config->n_watches; i++)
		free(identities[i]);
	free(identities);
}

int services_start(struct daemon *d)
{
	int err = sd_event_add_time(
		d->event, &d->services_timer, CLOCK_BOOTTIME, 0, 1000, on_interval, d);

	if (err < 0)
		return err;
	sd_event_source_set_enabled(d->services_timer, SD_EVENT_OFF);
	return 0;
}

/* Without stale markers: after a restart the series go on. */
void services_stop(struct daemon *d)
{
	map_foreach (&d->services, e) {
		struct watched *w = e->value;

		service_set_userdata(w->service, NULL);
		watched_free(w);
	}
	map_release(&d->services);
	for (size_t i = 0; i < d->n_chosen; i++)
		free(d->chosen[i].identity);
	free(d->chosen);
	sd_event_source_disable_unref(d->services_timer);
}
