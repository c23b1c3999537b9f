/*
 * world.h - targets on loopback, and the server behind them in the same loop.
 */
#ifndef TOLLD_TESTS_SCRAPE_WORLD_H
#define TOLLD_TESTS_SCRAPE_WORLD_H

#include "net/server.h"

#include "base/clock.h"
#include "scrape/scrape.h"

#define PLAIN "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"

struct world {
	sd_event *event;
	struct net *net;
	struct tsdb *db;
	struct scrape *scrape;
	struct server server;
	/* What the callbacks saw. */
	bool ended;
	unsigned begins, ends, ups;
	struct scrape_report report;
	char error[300];
	struct target *trigger_at_begin;
};

static inline void on_begin(const struct scrape_report *report, void *userdata)
{
	struct world *w = userdata;
	struct target *t = TAKE(w->trigger_at_begin);

	w->begins++;
	assert_true(report->up == !report->error);
	if (t)
		target_trigger(t);
}

static inline void on_end(const struct scrape_report *report, void *userdata)
{
	struct world *w = userdata;

	w->ends++;
	w->ups += report->up;
	w->ended = true;
	w->report = *report;
	snprintf(w->error, sizeof(w->error), "%s", report->error ? report->error : "");
	w->report.error = NULL;
}

static inline int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct scrape_callbacks callbacks = {
		.begin = on_begin, .end = on_end, .userdata = w
	};

	assert_true(sd_event_new(&w->event) >= 0);
	assert_int_equal(net_new(w->event, &w->net), 0);
	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &w->db), 0);
	assert_int_equal(scrape_new(w->event, w->net, w->db, &callbacks, &w->scrape), 0);
	w->server.head = PLAIN;
	w->server.body = "a 1\n";
	w->server.body_len = 4;
	w->server.keep_alive = true;
	server_start(&w->server, w->event);
	*state = w;
	return 0;
}

static inline int tear_down(void **state)
{
	struct world *w = *state;

	scrape_free(w->scrape);
	tsdb_free(w->db);
	net_free(w->net);
	server_stop(&w->server);
	sd_event_unref(w->event);
	free(w);
	return 0;
}

/* Jobs named j at the given ports, with more settings in `extra`, lines of two blanks. */
static inline int configure(struct world *w, const char *extra, unsigned port, unsigned second)
{
	struct strbuf text = STRBUF_INIT, faults = STRBUF_INIT;
	struct diag diag = DIAG_INIT;
	scoped(config_unrefp) struct config *c = NULL;
	int err;

	strbuf_addf(&text, "scrape_configs:\n- job_name: j\n%s  static_configs:\n", extra);
	strbuf_addf(&text, "  - targets: ['127.0.0.1:%u'", port);
	if (second)
		strbuf_addf(&text, ", '127.0.0.1:%u'", second);
	strbuf_adds(&text, "]\n");
	err = config_load_text("test.yml", text.s, &c, &diag);
	if (!err)
		err = scrape_configure(w->scrape, c, &diag);
	diag_print(&diag, &faults);
	if (err)
		printf("%s", faults.s);
	strbuf_release(&faults);
	strbuf_release(&text);
	diag_release(&diag);
	return err;
}

static inline void trigger(struct world *w)
{
	w->ended = false;
	target_trigger(scrape_target(w->scrape, 0));
	run_until(w->event, &w->ended, PATIENCE_MS);
	assert_true(w->ended);
}

/* The newest sample of the series with this name that live, or of one that ended. */
static inline struct sample newest(struct world *w, const char *name)
{
	scoped(matcher_freep) struct matcher *m = NULL;
	struct tsdb_selection found;
	struct sample sample, best = { .value = stale_nan() };
	char error[100];

	assert_int_equal(matcher_new(MATCH_EQUAL, "__name__", name, &m, error, sizeof(error)), 0);
	assert_int_equal(
		tsdb_select(w->db, (const struct matcher *const[]){ m }, 1, 0, INT64_MAX, &found),
		0);
	assert_true(found.n > 0);
	for (size_t i = 0; i < found.n; i++) {
		assert_true(series_last(found.series[i], &sample));
		if (is_stale_nan(best.value) ||
			(sample.wall_ms > best.wall_ms && !is_stale_nan(sample.value)))
			best = sample;
	}
	tsdb_selection_release(&found);
	return best;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
