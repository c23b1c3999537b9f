/* Ends of alerts that are suppressed when they end: told to whoever was told that they fire. */
#include "world.h"

#define HEAD                                                                                       \
	"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"                     \
	"time_intervals:\n"                                                                        \
	"- {name: night, time_intervals: [{times: [{start_time: '23:00', end_time: "               \
	"'24:00'}]}]}\n"                                                                           \
	"inhibit_rules: [{source_matchers: [alertname=Big], target_matchers: [alertname!=Big]}]\n" \
	"receivers:\n"                                                                             \
	"- name: team\n"                                                                           \
	"  email_configs:\n"                                                                       \
	"  - {to: ops@example.org, send_resolved: true}\n"                                         \
	"  - {to: boss@example.org}\n"                                                             \
	"- {name: other, email_configs: [{to: o@example.org}]}\n"                                  \
	"route:\n"                                                                                 \
	"  receiver: team\n"                                                                       \
	"  group_by: [alertname]\n"                                                                \
	"  group_wait: 10s\n"                                                                      \
	"  group_interval: 1m\n"                                                                   \
	"  repeat_interval: 30d\n"

/* 2023-11-14T22:13:20Z, as the world's clock begins. */
static void begin(struct world *w, const char *more)
{
	struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, HEAD "%s", more);
	world_init(w, config_of(text.s));
	strbuf_release(&text);
}

static void begin_telling(struct world *w)
{
	begin(w, "  send_resolved_suppressed: true\n");
}

static void turn_of_group(struct world *w)
{
	world_run(w, MINUTE);
}

static void without_the_setting_nobody_hears_of_it(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	begin(&w, "");
	fires(&w, "A", "a");
	turn_of_group(&w);
	world_silence(&w, "alertname=A", 0, HOUR, id);
	ends(&w, "A", "a");
	world_run(&w, 2 * HOUR);
	assert_mails(&w, 0, "first notification: a!");
	world_release(&w);
}

static void what_was_told_and_is_silenced_is_told_to_be_over(void **state)
{
	struct notify_stats stats;
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	begin_telling(&w);
	fires(&w, "A", "a");
	turn_of_group(&w);
	world_silence(&w, "alertname=A", 0, HOUR, id);
	turn_of_group(&w);
	ends(&w, "A", "a");
	turn_of_group(&w);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	/* Who does not want to hear of ends does not. */
	assert_mails(&w, 1, "first notification: a!");
	/* It comes and goes again, all in silence. */
	fires(&w, "A", "a");
	turn_of_group(&w);
	ends(&w, "A", "a");
	world_run(&w, 30 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts + stats.groups, 0);
	world_release(&w);
}

static void what_began_in_silence_ends_in_silence(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	begin_telling(&w);
	world_silence(&w, "instance=a", 0, HOUR, id);
	fires(&w, "A", "a");
	fires(&w, "A", "b");
	turn_of_group(&w);
	ends(&w, "A", "a");
	turn_of_group(&w);
	ends(&w, "A", "b");
	turn_of_group(&w);
	assert_mails(&w, 0, "first notification: b!; all alerts resolved: b.");
	assert_int_equal(w.notify->alerts.n, 0);
	world_release(&w);
}

static void others_that_are_told_meanwhile_do_not_hide_it(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	begin_telling(&w);
	fires(&w, "A", "a");
	turn_of_group(&w);
	world_silence(&w, "instance=a", 0, HOUR, id);
	fires(&w, "A", "b");
	turn_of_group(&w);
	ends(&w, "A", "b");
	turn_of_group(&w);
	fires(&w, "A", "c");
	turn_of_group(&w);
	assert_mails(&w, 0,
		"first notification: a!; new alerts added: b!; all alerts resolved: b.; "
		"new alerts added: c!");
	/* All this is in the rows. */
	world_restart(&w);
	fires(&w, "A", "c");
	ends(&w, "A", "a");
	turn_of_group(&w);
	ends(&w, "A", "c");
	turn_of_group(&w);
	assert_mails(&w, 0,
		"first notification: a!; new alerts added: b!; all alerts resolved: b.; "
		"new alerts added: c!; some alerts resolved: c! a.; all alerts resolved: c.");
	assert_mails(&w, 1, "first notification: a!; new alerts added: b!; new alerts added: c!");
	world_release(&w);
}

static void alone_it_is_told_though_the_last_mail_spoke_of_others(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	begin_telling(&w);
	fires(&w, "A", "a");
	turn_of_group(&w);
	world_silence(&w, "instance=a", 0, 10 * MINUTE, id);
	fires(&w, "A", "b");
	turn_of_group(&w);
	ends(&w, "A", "b");
	turn_of_group(&w);
	/* The silence and the alert end between two turns of the group. */
	assert_int_equal(notify_silence_expire(w.notify, id, w.now), 0);
	ends(&w, "A", "a");
	turn_of_group(&w);
	assert_mails(&w, 0,
		"first notification: a!; new alerts added: b!; all alerts resolved: b.; "
		"all alerts resolved: a.");
	world_release(&w);
}

static void once_the_silence_is_over_it_is_news_as_ever(void **state)
{
	static const char told[] = "first notification: a!; new alerts added: b!; "
				   "new alerts added: a! b!; some alerts resolved: b! a.";
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	begin_telling(&w);
	fires(&w, "A", "a");
	turn_of_group(&w);
	world_silence(&w, "instance=a", 0, 90 * SEC, id);
	fires(&w, "A", "b");
	world_run(&w, 3 * MINUTE);
	ends(&w, "A", "a");
	turn_of_group(&w);
	assert_mails(&w, 0, told);
	world_release(&w);
}

static void what_another_alert_inhibits_is_told_to_be_over(void **state)
{
	struct world w;

	begin_telling(&w);
	fires(&w, "A", "a");
	turn_of_group(&w);
	fires(&w, "Big", "x");
	turn_of_group(&w);
	ends(&w, "A", "a");
	turn_of_group(&w);
	assert_mails(
		&w, 0, "first notification: a!; first notification: x!; all alerts resolved: a.");
	world_release(&w);
}

static void a_mute_time_is_kept_and_the_end_told_after_it(void **state)
{
	struct world w;

	begin(&w, "  send_resolved_suppressed: true\n"
		  "  routes: [{matchers: [alertname=A], mute_time_intervals: [night]}]\n");
	fires(&w, "A", "a");
	world_run(&w, 50 * MINUTE);
	ends(&w, "A", "a");
	fires(&w, "A", "b");
	world_run(&w, 30 * MINUTE);
	/* It waits over a restart, too. */
	world_restart(&w);
	fires(&w, "A", "b");
	assert_mails(&w, 0, "first notification: a!");
	world_run(&w, 30 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; new alerts added: b! a.");
	world_release(&w);
}

static void a_route_below_may_do_without(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	begin(&w, "  send_resolved_suppressed: true\n"
		  "  routes: [{matchers: [alertname=B], send_resolved_suppressed: false}]\n");
	fires(&w, "A", "a");
	fires(&w, "B", "b");
	turn_of_group(&w);
	world_silence(&w, "alertname=~A|B", 0, HOUR, id);
	ends(&w, "A", "a");
	ends(&w, "B", "b");
	turn_of_group(&w);
	assert_int_equal(w.n_mails, 5);
	assert_string_equal(w.mails[4].n->reason, "all alerts resolved");
	assert_string_equal(w.mails[4].n->group_key, "{}:{alertname=\"A\"}");
	world_release(&w);
}

static enum notify_result first_is_down(struct world *w, const struct notification *n)
{
	return n->index ? NOTIFY_SENT : NOTIFY_REFUSED;
}

static void who_was_not_told_that_it_fires_is_not_told_of_its_end(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	begin_telling(&w);
	w.server = first_is_down;
	fires(&w, "A", "a");
	turn_of_group(&w);
	w.server = NULL;
	world_silence(&w, "alertname=A", 0, HOUR, id);
	ends(&w, "A", "a");
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "");
	assert_mails(&w, 1, "first notification: a!");
	assert_int_equal(w.notify->alerts.n, 0);
	world_release(&w);
}

static void an_end_that_could_not_be_told_is_told_later(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	begin_telling(&w);
	fires(&w, "A", "a");
	turn_of_group(&w);
	w.server = first_is_down;
	world_silence(&w, "alertname=A", 0, HOUR, id);
	ends(&w, "A", "a");
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	w.server = NULL;
	turn_of_group(&w);
	assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
	world_release(&w);
}

/* Killed at each event of a mail that leaves out what is silenced: its end is told all the same. */
static void no_kill_forgets_what_is_owed(void **state)
{
	for (int fuse = 1; fuse <= 12; fuse++) {
		char id[SILENCE_ID_LEN + 1];
		size_t over = 0;
		struct world w;

		begin_telling(&w);
		fires(&w, "A", "a");
		turn_of_group(&w);
		world_silence(&w, "instance=a", 0, HOUR, id);
		fires(&w, "A", "b");
		w.fuse = fuse;
		turn_of_group(&w);
		world_restart(&w);
		fires(&w, "A", "a");
		fires(&w, "A", "b");
		world_run(&w, 2 * MINUTE);
		ends(&w, "A", "a");
		world_run(&w, 2 * MINUTE);
		for (size_t i = 0; i < w.n_mails; i++)
			over += w.mails[i].n->n_firing < w.mails[i].n->n_alerts;
		assert_int_equal(over, 1);
		world_release(&w);
	}
}

static void out_of_memory_loses_no_end(void **state)
{
	for (unsigned n = 1; n < 200; n++) {
		char id[SILENCE_ID_LEN + 1];
		struct world w;
		bool failed;

		begin_telling(&w);
		fires(&w, "A", "a");
		turn_of_group(&w);
		world_silence(&w, "instance=a", 0, HOUR, id);
		fires(&w, "A", "b");
		world_run(&w, 30 * SEC);
		world_advance(&w, 31 * SEC);
		fail_allocation(n);
		notify_step(w.notify, w.now);
		failed = allocation_failed();
		fail_allocation(0);
		world_deliver(&w);
		turn_of_group(&w);
		ends(&w, "A", "a");
		world_run(&w, 2 * MINUTE);
		assert_mails(&w, 0,
			"first notification: a!; new alerts added: b!; some alerts resolved: b! a.");
		world_release(&w);
		if (!failed)
			return;
	}
	fail_msg("it never ends");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_the_setting_nobody_hears_of_it),
		cmocka_unit_test(what_was_told_and_is_silenced_is_told_to_be_over),
		cmocka_unit_test(what_began_in_silence_ends_in_silence),
		cmocka_unit_test(others_that_are_told_meanwhile_do_not_hide_it),
		cmocka_unit_test(alone_it_is_told_though_the_last_mail_spoke_of_others),
		cmocka_unit_test(once_the_silence_is_over_it_is_news_as_ever),
		cmocka_unit_test(what_another_alert_inhibits_is_told_to_be_over),
		cmocka_unit_test(a_mute_time_is_kept_and_the_end_told_after_it),
		cmocka_unit_test(a_route_below_may_do_without),
		cmocka_unit_test(who_was_not_told_that_it_fires_is_not_told_of_its_end),
		cmocka_unit_test(an_end_that_could_not_be_told_is_told_later),
		cmocka_unit_test(no_kill_forgets_what_is_owed),
		cmocka_unit_test(out_of_memory_loses_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
