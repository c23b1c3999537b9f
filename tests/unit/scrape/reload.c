/* Other settings while targets are scraped: what stays, what ends, and what begins. */
#include "world.h"

static void a_reload_keeps_what_stays_and_ends_what_goes(void **state)
{
	struct world *w = *state;
	struct server second = { .head = PLAIN, .body = "b 1\n", .body_len = 4 };
	struct target *first;
	struct target_info info;
	int mark;

	server_start(&second, w->event);
	assert_int_equal(configure(w, "", w->server.port, second.port), 0);
	assert_int_equal(scrape_targets(w->scrape), 2);
	first = scrape_target(w->scrape, 0);
	target_set_userdata(first, &mark);
	trigger(w);
	w->ended = false;
	target_trigger(scrape_target(w->scrape, 1));
	run_until(w->event, &w->ended, PATIENCE_MS);
	assert_true(newest(w, "b").value == 1);

	/* Only the interval is another one, and the second target is gone. */
	assert_int_equal(
		configure(w, "  scrape_interval: 2s\n  scrape_timeout: 1s\n", w->server.port, 0),
		0);
	assert_int_equal(scrape_targets(w->scrape), 1);
	assert_ptr_equal(scrape_target(w->scrape, 0), first);
	assert_ptr_equal(target_userdata(first), &mark);
	target_info(first, &info);
	assert_int_equal(info.interval_ms, 2000);
	assert_int_equal(info.up, 1);
	assert_true(is_stale_nan(newest(w, "b").value));
	assert_true(newest(w, "a").value == 1);
	trigger(w);
	assert_false(w->report.up_changed);
	assert_true(newest(w, "scrape_series_added").value == 0);
	server_stop(&second);
}

/* Whoever would share the wake-up of a target finds it, as long as there is one. */
static void the_slots_of_the_first_target_are_told(void **state)
{
	struct world *w = *state;
	int64_t first;

	assert_int_equal(scrape_offset_ms(w->scrape, 60000), 0);
	assert_int_equal(configure(w, "  scrape_interval: 1m\n", w->server.port, 0), 0);
	first = scrape_offset_ms(w->scrape, 60000);
	assert_in_range(first, 1, 59999);
	assert_int_equal(scrape_offset_ms(w->scrape, 15000), 0);
	assert_int_equal(configure(w, "  scrape_interval: 1m\n", w->server.port, 1), 0);
	assert_int_equal(scrape_offset_ms(w->scrape, 60000), first);
	assert_int_equal(configure(w, "  scrape_interval: 1m\n", 1, 0), 0);
	assert_int_not_equal(scrape_offset_ms(w->scrape, 60000), first);
}

static void a_reload_during_a_scrape_asks_again(void **state)
{
	struct world *w = *state;

	w->server.manner = IS_SILENT;
	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	target_trigger(scrape_target(w->scrape, 0));
	run_until_count(w->event, &w->server.requests, 1);
	w->server.manner = ANSWERS;
	assert_int_equal(configure(w, "  honor_labels: true\n", w->server.port, 0), 0);
	w->ended = false;
	run_until(w->event, &w->ended, PATIENCE_MS);
	assert_int_equal(w->ends, 1);
	assert_true(w->report.up);
}

static void a_target_with_another_path_goes_on_with_its_series(void **state)
{
	struct world *w = *state;
	struct target_info info;
	struct target *first;

	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	trigger(w);
	first = scrape_target(w->scrape, 0);
	assert_int_equal(configure(w, "  metrics_path: /other\n", w->server.port, 0), 0);
	assert_int_equal(scrape_targets(w->scrape), 1);
	assert_ptr_equal(scrape_target(w->scrape, 0), first);
	/* Nothing is over: an alert that waits goes on to. */
	assert_true(newest(w, "up").value == 1);
	assert_true(newest(w, "a").value == 1);
	target_info(first, &info);
	assert_non_null(strstr(info.url, "/other"));
	w->server.body = "b 1\n";
	trigger(w);
	assert_non_null(strstr(w->server.last_request, "GET /other "));
	assert_true(is_stale_nan(newest(w, "a").value));
	assert_true(newest(w, "up").value == 1 && !w->report.up_changed);
}

static void a_target_that_gets_other_labels_is_asked_at_once(void **state)
{
	static const char named[] =
		"  relabel_configs: [{target_label: site, replacement: here}]\n";
	struct world *w = *state;

	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	trigger(w);
	w->ended = false;
	assert_int_equal(configure(w, named, w->server.port, 0), 0);
	run_until(w->event, &w->ended, 500);
	assert_true(w->ended && w->report.up);
	assert_true(newest(w, "up").value == 1);
}

/* Whose labels and address are another's from now on: each target goes on as who it was. */
static void targets_that_change_places_stay_who_they_are(void **state)
{
	static const char named[] =
		"  relabel_configs: [{target_label: instance, replacement: one}]\n";
	struct world *w = *state;
	struct server second = { .head = PLAIN, .body = "b 1\n", .body_len = 4 };
	struct target *first, *other;

	server_start(&second, w->event);
	assert_int_equal(configure(w, named, w->server.port, second.port), 0);
	first = scrape_target(w->scrape, 0);
	other = scrape_target(w->scrape, 1);
	assert_int_equal(configure(w, named, second.port, w->server.port), 0);
	assert_ptr_equal(scrape_target(w->scrape, 0), other);
	assert_ptr_equal(scrape_target(w->scrape, 1), first);
	/* One is gone, the other one has its labels, too, and is left alone. */
	assert_int_equal(configure(w, named, second.port, 0), 0);
	assert_int_equal(scrape_targets(w->scrape), 1);
	assert_ptr_equal(scrape_target(w->scrape, 0), other);
	server_stop(&second);
}

static void a_reload_with_other_metric_rules_counts_and_ends(void **state)
{
	static const char drop_b[] =
		"  metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}]\n";
	struct world *w = *state;
	struct target *first;

	w->server.body = "a 1\nb 1\n";
	w->server.body_len = strlen(w->server.body);
	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	trigger(w);
	first = scrape_target(w->scrape, 0);
	assert_int_equal(configure(w, drop_b, w->server.port, 0), 0);
	assert_ptr_equal(scrape_target(w->scrape, 0), first);
	trigger(w);
	assert_true(newest(w, "a").value == 1);
	assert_true(is_stale_nan(newest(w, "b").value));
	assert_true(newest(w, "scrape_samples_scraped").value == 2);
	assert_true(newest(w, "scrape_samples_post_metric_relabeling").value == 1);
	/* Reports are not relabelled. */
	assert_true(newest(w, "up").value == 1);
}

static void a_target_that_relabelling_drops_is_shown_and_not_scraped(void **state)
{
	static const char drop[] =
		"  relabel_configs: [{source_labels: [__address__], regex: '.*:1', action: drop}]\n";
	struct world *w = *state;
	struct dropped_target dropped;

	assert_int_equal(configure(w, drop, w->server.port, 1), 0);
	assert_int_equal(scrape_targets(w->scrape), 1);
	assert_int_equal(scrape_dropped_targets(w->scrape), 1);
	scrape_dropped_target(w->scrape, 0, &dropped);
	assert_string_equal(dropped.job, "j");
	assert_string_equal(labels_get(dropped.discovered, "__address__"), "127.0.0.1:1");
	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	assert_int_equal(scrape_dropped_targets(w->scrape), 0);
}

static void a_faulty_reload_changes_nothing(void **state)
{
	struct world *w = *state;
	struct config_target places[2] = { { .address.s = (char *)"good:1" },
		{ .address.s = (char *)"bad/1" } };
	struct config_scrape job = { .job_name.s = (char *)"k",
		.interval_ms = 1000,
		.timeout_ms = 1000,
		.targets = places,
		.n_targets = 2 };
	struct config faulty = { .refs = 1, .scrapes = &job, .n_scrapes = 1 };
	struct diag diag = DIAG_INIT;
	struct target *t;

	assert_int_equal(configure(w, "", w->server.port, 0), 0);
	t = scrape_target(w->scrape, 0);
	assert_int_equal(scrape_check(&faulty, &diag), -EINVAL);
	assert_int_equal(scrape_configure(w->scrape, &faulty, &diag), -EINVAL);
	assert_int_equal(diag.errors, 2);
	assert_int_equal(scrape_targets(w->scrape), 1);
	assert_ptr_equal(scrape_target(w->scrape, 0), t);
	diag_release(&diag);
}

static void a_target_told_twice_is_scraped_once(void **state)
{
	struct world *w = *state;

	assert_int_equal(configure(w, "", w->server.port, w->server.port), 0);
	assert_int_equal(scrape_targets(w->scrape), 1);
}

static int configure_once(void *userdata)
{
	struct world *w = ((void **)userdata)[0];
	scoped(scrape_freep) struct scrape *scrape = NULL;
	struct diag diag = DIAG_INIT;
	int err = scrape_new(w->event, w->net, w->db, NULL, &scrape);

	if (!err)
		err = scrape_configure(scrape, ((void **)userdata)[1], &diag);
	if (!err)
		err = scrape_configure(scrape, ((void **)userdata)[1], &diag);
	diag_release(&diag);
	return err;
}

static void survives_memory_running_out(void **state)
{
	static const char text[] = "scrape_configs:\n- job_name: j\n  params: {a: [b]}\n"
				   "  relabel_configs:\n"
				   "  - {source_labels: [__address__], regex: h:3, action: drop}\n"
				   "  - {action: labelmap, regex: __param_(.), replacement: x_$1}\n"
				   "  static_configs: [{targets: ['h:1', 'h:2', 'h:3']}]\n";
	scoped(config_unrefp) struct config *c = NULL;
	struct diag diag = DIAG_INIT;
	void *both[2] = { *state, NULL };

	assert_int_equal(config_load_text("test.yml", text, &c, &diag), 0);
	both[1] = c;
	with_failing_allocations(configure_once, both);
	diag_release(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_reload_keeps_what_stays_and_ends_what_goes),
		WORLD_TEST(the_slots_of_the_first_target_are_told),
		WORLD_TEST(a_reload_during_a_scrape_asks_again),
		WORLD_TEST(a_target_with_another_path_goes_on_with_its_series),
		WORLD_TEST(targets_that_change_places_stay_who_they_are),
		WORLD_TEST(a_target_that_gets_other_labels_is_asked_at_once),
		WORLD_TEST(a_reload_with_other_metric_rules_counts_and_ends),
		WORLD_TEST(a_target_that_relabelling_drops_is_shown_and_not_scraped),
		WORLD_TEST(a_faulty_reload_changes_nothing),
		WORLD_TEST(a_target_told_twice_is_scraped_once),
		WORLD_TEST(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
