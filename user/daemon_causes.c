/*
 * daemon_causes.c - what alerts are told with: why the service behind their labels is down, or whom the
 * OOM killer ended, where it is his figures that they read.
 */
#include "daemon_private.h"

#include "watch/figures.h"
#include "watch/victims.h"

/* A death longer ago than this explains nothing that is wrong with a service that runs. */
#define CAUSE_RECENT_NS (5 * 60 * NSEC_PER_SEC)

static const struct target *target_of(const struct daemon *d, const struct labels *labels)
{
	const char *const key[] = { labels_get(labels, LABEL_INSTANCE),
		labels_get(labels, LABEL_JOB) };

	return key[0] ? map_get(&d->targets, key, sizeof(key)) : NULL;
}

/* A service that is up is explained by its last death for a while; one that is down, always. */
static bool is_explained(const struct service *service)
{
	struct service_info info;

	service_info(service, &info);
	return info.state != SERVICE_UP ||
	       (info.died && clock_boot_ns() - info.last_death.at.boot_ns <= CAUSE_RECENT_NS);
}

static void service_explain(
	const struct daemon *d, const struct service *service, struct strbuf *out)
{
	struct service_info info;

	service_info(service, &info);
	service_cause(service, out);
	history_describe_restarts(d->history, info.name, clock_now(), out);
}

/*
 * It lives, and somebody has stopped or frozen it. Where its scrape fails it is looked at now: why, is what is asked,
 * and the last pass may have been before.
 */
static bool explain_standstill(const struct service *service, bool scrape_fails, struct strbuf *out)
{
	struct service_figures figures;
	struct service_info info;
	enum standstill how;

	service_info(service, &info);
	/* Why it is down is another question. */
	if (info.state != SERVICE_UP)
		return false;
	service_figures(service, &figures);
	how = scrape_fails ? service_standstill_now(service) : figures.standstill;
	standstill_describe(how, info.pid, out);
	return how != STANDSTILL_NONE;
}

/* -- the OOM killer ------------------------------------------------------------------------- */

/* Counters of its kills, and whose they are. */
enum kills_of { KILLS_OF_MACHINE, KILLS_OF_SERVICE };

static const struct {
	const char *name;
	enum kills_of whose;
	bool by_target; /* of the machine that the target stands for: it has to be this one */
} kill_counters[] = {
	{ "tolld_machine_oom_kills_total", KILLS_OF_MACHINE, false },
	{ "node_vmstat_oom_kill", KILLS_OF_MACHINE, true },
	{ "tolld_service_oom_kills_total", KILLS_OF_SERVICE, false },
};

struct reading {
	enum kills_of whose;
	bool of_this_machine; /* the alert's target */
	bool reads;
	int64_t back_ms;
};

static bool is_counter(const struct reading *reading, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kill_counters); i++) {
		if (kill_counters[i].whose == reading->whose && streq(kill_counters[i].name, name))
			return reading->of_this_machine || !kill_counters[i].by_target;
	}
	return false;
}

static void on_selector(
	const struct matcher *const *matchers, size_t n, int64_t back_ms, void *userdata)
{
	struct reading *reading = userdata;

	for (size_t i = 0; i < n; i++) {
		if (matchers[i]->type != MATCH_EQUAL || !streq(matchers[i]->name, LABEL_NAME) ||
			!is_counter(reading, matchers[i]->value))
			continue;
		reading->reads = true;
		reading->back_ms = MAX(reading->back_ms, back_ms);
	}
}

/* Whom it ended in the time that the expression looks back to; of a counter by itself, whoever is known. */
static void explain_kills(const struct daemon *d, const struct promql_expr *expr,
	struct reading *reading, const struct service *service, struct strbuf *out)
{
	int64_t since_ns = 0;

	if (!d->watch || !watch_has_victims(d->watch))
		return;
	promql_reaches(expr, on_selector, reading);
	if (!reading->reads)
		return;
	/* The counter tells of it up to an interval later. */
	if (reading->back_ms)
		since_ns =
			clock_boot_ns() -
			(reading->back_ms + d->config->global.scrape_interval_ms) * NSEC_PER_MSEC;
	watch_describe_victims(d->watch, service, MAX(since_ns, (int64_t)0), out);
}

/* -- all of it ------------------------------------------------------------------------------ */

void causes_of(const struct labels *labels, const struct promql_expr *expr, struct strbuf *out,
	void *userdata)
{
	const struct daemon *d = userdata;
	const struct target *target = target_of(d, labels);
	const struct service *service = target ? target_userdata(target) : services_find(d, labels);
	struct reading of_machine = { .whose = KILLS_OF_MACHINE,
		.of_this_machine = target && service };
	struct reading of_service = { .whose = KILLS_OF_SERVICE };
	struct target_info info = { .up = -1 };
	size_t before = out->len;
	bool still;

	explain_kills(d, expr, &of_machine, NULL, out);
	if (out->len != before)
		return;
	if (target)
		target_info(target, &info);
	still = service && explain_standstill(service, info.up == 0, out);
	if (service && !still && is_explained(service))
		service_explain(d, service, out);
	if (out->len == before && service)
		explain_kills(d, expr, &of_service, service, out);
	/* Of a machine elsewhere, or of a process that lives and does not answer, the scrape knows all. */
	if ((out->len == before || still) && info.up == 0 && info.last_error)
		strbuf_addf(out, "%sits scrape fails: %s", still ? "; " : "", info.last_error);
}
