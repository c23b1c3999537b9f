/* Routes that are silent for a while: what is told then, and what never. */
#include "world.h"

#include "model/timestamp.h"

#define HEAD                                                                                       \
	"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"                     \
	"receivers:\n"                                                                             \
	"- {name: team, email_configs: [{to: o@example.org, send_resolved: true}]}\n"              \
	"- {name: other, email_configs: [{to: b@example.org}, {to: b@example.org, "                \
	"send_resolved: true}]}\n"                                                                 \
	"time_intervals:\n"                                                                        \
	"- name: night\n"                                                                          \
	"  time_intervals:\n"                                                                      \
	"  - {times: [{start_time: '22:00', end_time: '24:00'}], location: Europe/Berlin}\n"       \
	"  - {times: [{start_time: '00:00', end_time: '06:00'}], location: Europe/Berlin}\n"       \
	"- name: weekend\n"                                                                        \
	"  time_intervals: [{weekdays: [saturday, sunday], location: Europe/Berlin}]\n"            \
	"- name: never\n"                                                                          \
	"route:\n"                                                                                 \
	"  receiver: other\n"                                                                      \
	"  group_by: [alertname]\n"                                                                \
	"  group_wait: 0s\n"                                                                       \
	"  group_interval: 1m\n"                                                                   \
	"  repeat_interval: 30d\n"                                                                 \
	"  routes:\n"

static void begin(struct world *w, const char *route, const char *at)
{
	struct strbuf text = STRBUF_INIT;
	int64_t wall_ms;

	strbuf_addf(&text, HEAD "  - %s\n", route);
	world_init(w, config_of(text.s));
	strbuf_release(&text);
	assert_int_equal(timestamp_parse_rfc3339(at, strlen(at), &wall_ms), 0);
	w->now.wall_ms = wall_ms;
	notify_step(w->notify, w->now);
}

static void a_muted_route_tells_when_the_time_is_over(void **state)
{
	struct notify_stats stats;
	struct world w;

	begin(&w, "{matchers: [alertname=A], receiver: team, mute_time_intervals: [never, night]}",
		"2026-03-28T22:30:00Z"); /* half past eleven in Berlin */
	fires(&w, "A", "a");
	/* The clocks go forward at one: six comes an hour early. */
	world_run(&w, 5 * HOUR + 29 * MINUTE);
	assert_int_equal(w.n_mails, 0);
	notify_stats(w.notify, &stats);
	assert_true(stats.in_mute_time > 300);
	assert_int_equal(stats.firing, 1);
	world_run(&w, 2 * MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	assert_string_equal(w.mails[0].n->receiver, "team");
	world_release(&w);
}

static void what_comes_and_goes_in_silence_is_never_told(void **state)
{
	struct notify_stats stats;
	struct world w;

	begin(&w, "{matchers: [alertname=A], receiver: team, mute_time_intervals: [night]}",
		"2026-01-10T19:30:00Z");
	fires(&w, "A", "told");
	world_run(&w, HOUR);
	fires(&w, "A", "brief");
	world_run(&w, HOUR);
	assert_mails(&w, 0, "first notification: told!; new alerts added: brief! told!");
	world_run(&w, 10 * MINUTE);
	ends(&w, "A", "brief");
	fires(&w, "A", "night");
	world_run(&w, 10 * MINUTE);
	ends(&w, "A", "told");
	ends(&w, "A", "night");
	world_run(&w, 12 * HOUR);
	assert_mails(&w, 0, "first notification: told!; new alerts added: brief! told!");
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 0);
	assert_int_equal(stats.groups, 0);
	world_release(&w);
}

static void an_active_route_speaks_only_then(void **state)
{
	struct world w;

	begin(&w,
		"{matchers: [alertname=A], receiver: team, active_time_intervals: [weekend, never]}",
		"2026-01-09T22:00:00Z"); /* Friday, eleven in Berlin */
	fires(&w, "A", "a");
	world_run(&w, 59 * MINUTE);
	assert_int_equal(w.n_mails, 0);
	world_run(&w, 2 * MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	world_run(&w, 46 * HOUR);
	fires(&w, "A", "b");
	world_run(&w, 2 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; new alerts added: a! b!");
	world_run(&w, 2 * HOUR);
	fires(&w, "A", "c");
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; new alerts added: a! b!");
	world_release(&w);
}

static void muting_outweighs_being_active(void **state)
{
	struct world w;

	begin(&w,
		"{matchers: [alertname=A], receiver: team, active_time_intervals: [weekend], "
		"mute_time_intervals: [night]}",
		"2026-01-10T02:00:00Z");
	fires(&w, "A", "a");
	world_run(&w, 2 * HOUR + 59 * MINUTE);
	assert_int_equal(w.n_mails, 0);
	world_run(&w, 2 * MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	world_release(&w);
}

static void children_do_not_inherit_it_and_siblings_do_not_care(void **state)
{
	struct world w;

	begin(&w,
		"{matchers: ['alertname=~A|B'], receiver: team, mute_time_intervals: [night], "
		"continue: true, routes: [{matchers: [alertname=B]}]}\n"
		"  - {matchers: [alertname=A], receiver: other}",
		"2026-01-10T23:00:00Z");
	fires(&w, "A", "a");
	fires(&w, "B", "b");
	world_run(&w, MINUTE);
	/* The team hears of B alone, the two of `other` of A. */
	assert_int_equal(w.n_mails, 3);
	assert_mails(&w, 1, "first notification: a!");
	for (size_t i = 0; i < w.n_mails; i++)
		assert_string_equal(w.mails[i].n->receiver,
			streq(labels_get(w.mails[i].n->group_labels, "alertname"), "A") ? "other"
											: "team");
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_muted_route_tells_when_the_time_is_over),
		cmocka_unit_test(what_comes_and_goes_in_silence_is_never_told),
		cmocka_unit_test(an_active_route_speaks_only_then),
		cmocka_unit_test(muting_outweighs_being_active),
		cmocka_unit_test(children_do_not_inherit_it_and_siblings_do_not_care),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
