/* Inhibition: who hides whom, for how long, and that it stays cheap. */
#include "world.h"

#define SMTP                                                                                       \
	"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"                     \
	"route: {receiver: team, group_by: [...], group_wait: 10s, group_interval: 1m}\n"          \
	"receivers: [{name: team, email_configs: [{to: o@example.org, send_resolved: true}]}]\n"

static bool muted(struct world *w, const char *text)
{
	scoped(labels_unrefp) struct labels *labels = labels_of(text);

	return inhibited_by(w->notify, labels, w->now) != NULL;
}

static struct config *rules_of(const char *rules)
{
	struct strbuf text = STRBUF_INIT;
	struct config *config;

	strbuf_addf(&text, SMTP "inhibit_rules:\n%s", rules);
	config = config_of(text.s);
	strbuf_release(&text);
	return config;
}

struct row {
	const char *labels;
	bool muted;
};

static void check(struct world *w, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (muted(w, rows[i].labels) != rows[i].muted)
			fail_msg("%s", rows[i].labels);
	}
}

static void equal_labels_make_the_pair(void **state)
{
	static const struct {
		const char *equal;
		const char *firing[2], *over[2];
		const char *target;
		bool muted;
	} rows[] = {
		{ "[a]", { NULL }, { NULL }, "t=1 a=b", false },
		/* Without equal labels any source will do. */
		{ "[]", { "s=1" }, { NULL }, "t=1 a=b", true },
		{ "[a, b]", { NULL }, { "s=1 a=b b=f", "s=1 a=b b=c" }, "t=1 a=b b=c", false },
		{ "[a]", { "s=1 a=b c=f" }, { "s=1 a=b c=d" }, "t=1 a=b", true },
		{ "[a]", { "s=1 a=c c=d", "s=1 a=c c=f" }, { NULL }, "t=1 a=b", false },
		/* A label that is missing is an empty one. */
		{ "[a]", { "s=1" }, { NULL }, "t=1", true },
		{ "[a, x]", { "s=1 a=b" }, { NULL }, "t=1 a=b", true },
		{ "[a]", { "s=1" }, { NULL }, "t=1 a=b", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char rule[128];
		struct world w;

		snprintf(rule, sizeof(rule),
			"- {source_match: {s: '1'}, target_match: {t: '1'}, equal: %s}\n",
			rows[i].equal);
		world_init(&w, rules_of(rule));
		for (size_t k = 0; k < 2; k++) {
			if (rows[i].firing[k])
				world_put_labels(&w, rows[i].firing[k], true);
			if (rows[i].over[k])
				world_put_labels(&w, rows[i].over[k], false);
		}
		if (muted(&w, rows[i].target) != rows[i].muted)
			fail_msg("row %zu", i);
		world_release(&w);
	}
}

static void what_is_on_both_sides_hides_only_targets(void **state)
{
	static const struct row rows[] = {
		{ "t1=1 e=1", true },
		{ "t2=1 e=1", true },
		{ "t1=1 t3=1 e=1", true },
		{ "t1=1 t2=1 e=1", true },
		{ "t1=0 e=1", false },
		/* On both sides of the first rule, whose source is on one. */
		{ "s1=1 t1=1 e=1", true },
		/* On both sides of the second, and so is its source. */
		{ "s2=1 t2=1 e=1", false },
		{ "t1=1 e=0", false },
	};
	struct world w;

	world_init(
		&w, rules_of("- {source_match: {s1: '1'}, target_match: {t1: '1'}, equal: [e]}\n"
			     "- {source_match: {s2: '1'}, target_match: {t2: '1'}, equal: [e]}\n"));
	world_put_labels(&w, "s1=1 t1=2 e=1", true);
	world_put_labels(&w, "s2=1 t2=1 e=1", true);
	check(&w, rows, ARRAY_SIZE(rows));
	/* Another source of the same set, on one side only: it is not hidden behind the other. */
	world_put_labels(&w, "s2=1 t2=0 e=1", true);
	assert_true(muted(&w, "s2=1 t2=1 e=1"));
	world_put_labels(&w, "s2=1 t2=0 e=1", false);
	assert_false(muted(&w, "s2=1 t2=1 e=1"));
	world_release(&w);
}

static void rules_know_all_kinds_of_matchers(void **state)
{
	static const struct row rows[] = {
		{ "t1=1 e=1", false },
		{ "t2=1 e=1", true },
		{ "t1=1 t2=1 e=1", true },
		{ "t1=0 e=1", true },
		{ "s1=1 t1=1 e=1", false },
		{ "s2=1 t2=1 e=1", true },
		{ "t1=1 e=0", false },
		{ "t1=1 t3=ab e=1", true },
		{ "t1=1 t3=abc e=1", false },
	};
	struct world w;

	world_init(&w,
		rules_of(
			"- {source_matchers: [s1=1], target_matchers: [t1!=1], equal: [e]}\n"
			"- {source_matchers: [s2=1], target_matchers: [t2=1], equal: [e]}\n"
			"- {source_match_re: {s2: '[12]'}, target_match_re: {t3: 'a|ab'}, equal: [e]}\n"));
	world_put_labels(&w, "s1=1 t1=2 e=1", true);
	world_put_labels(&w, "s2=1 t2=1 e=1", true);
	check(&w, rows, ARRAY_SIZE(rows));
	world_release(&w);
}

static void rules_that_say_nothing_do_nothing(void **state)
{
	static const char *const rules[] = {
		"-\n",
		"- {}\n",
		"- {equal: [a]}\n",
		/* Nothing but a target: the alerts beside it are sources. */
		"- {target_matchers: [t=1], equal: [nobody]}\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct world w;

		world_init(&w, rules_of(rules[i]));
		world_put_labels(&w, "s=1", true);
		world_put_labels(&w, "t=1", true);
		assert_int_equal(muted(&w, "t=1"), i == 3);
		assert_false(muted(&w, "s=1"));
		world_release(&w);
	}
}

#define DOWN                                                                                       \
	"- {source_matchers: [alertname=Down], target_matchers: [alertname=Slow], equal: [instance]}\n"

static void an_alert_is_told_when_what_hid_it_is_over(void **state)
{
	struct world w;

	world_init(&w, rules_of(DOWN));
	fires(&w, "Down", "a");
	fires(&w, "Slow", "a");
	fires(&w, "Slow", "b");
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; first notification: b!");
	ends(&w, "Down", "a");
	world_run(&w, MINUTE);
	assert_mails(&w, 0,
		"first notification: a!; first notification: b!; all alerts resolved: a.; "
		"first notification: a!");
	world_release(&w);
}

static void an_alert_that_ends_while_hidden_is_gone_unsaid(void **state)
{
	struct notify_stats stats;
	struct world w;

	world_init(&w, rules_of(DOWN));
	fires(&w, "Slow", "a");
	world_run(&w, MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	fires(&w, "Down", "a");
	world_run(&w, MINUTE);
	ends(&w, "Slow", "a");
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!; first notification: a!");
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 1);
	assert_int_equal(stats.groups, 1);
	assert_true(stats.inhibited > 0);
	world_release(&w);
}

static void a_lease_that_runs_out_hides_nobody(void **state)
{
	scoped(alert_unrefp) struct alert *down = alert_named("Down", "a");
	struct world w;

	world_init(&w, rules_of(DOWN));
	down->timeout = true;
	assert_int_equal(notify_put(w.notify, down, w.now), 0);
	assert_true(muted(&w, "alertname=Slow instance=a"));
	world_advance(&w, 5 * MINUTE);
	assert_false(muted(&w, "alertname=Slow instance=a"));
	assert_int_equal(notify_put(w.notify, down, w.now), 0);
	assert_true(muted(&w, "alertname=Slow instance=a"));
	world_release(&w);
}

static void it_holds_over_a_reload_and_a_restart(void **state)
{
	struct world w;

	world_init(&w, rules_of("- {source_matchers: [a=b], target_matchers: [c=d]}\n"));
	fires(&w, "Down", "a");
	fires(&w, "Slow", "a");
	assert_false(muted(&w, "alertname=Slow instance=a"));
	config_unref(w.config);
	w.config = rules_of(DOWN);
	assert_int_equal(notify_configure(w.notify, w.config, w.now), 0);
	assert_true(muted(&w, "alertname=Slow instance=a"));
	world_restart(&w);
	assert_true(muted(&w, "alertname=Slow instance=a"));
	world_run(&w, 10 * MINUTE);
	ends(&w, "Down", "a");
	assert_false(muted(&w, "alertname=Slow instance=a"));
	world_release(&w);
}

static struct config *many_rules(int n)
{
	struct strbuf text = STRBUF_INIT;
	struct config *config;

	for (int i = 0; i < n; i++)
		strbuf_addf(&text,
			"- {source_matchers: [severity=critical, team=~\"t%d|x\"], "
			"target_matchers: [severity=~\"warning|info\", team=\"t%d\"], equal: [host]}\n",
			i, i);
	config = rules_of(text.s);
	strbuf_release(&text);
	return config;
}

/* Against the rule word for word: every pair of alerts. */
static void it_answers_as_the_rule_read_aloud(void **state)
{
	static const char *const severities[] = { "critical", "warning", "info" };
	unsigned seed = 1;
	struct world w;
	bool firing[240] = { 0 };
	char text[64];
	size_t hidden = 0;

	world_init(&w, many_rules(4));
	for (int turn = 0; turn < 600; turn++) {
		int i = rand_r(&seed) % 240, hits = 0;

		firing[i] = !firing[i];
		snprintf(text, sizeof(text), "severity=%s team=t%d host=h%d n=%d",
			severities[i % 3], i / 3 % 4, i / 12 % 5, i / 60);
		world_put_labels(&w, text, firing[i]);
		for (int s = 0; s < 240; s++)
			hits += firing[s] && s % 3 == 0 && i % 3 != 0 && s / 3 % 4 == i / 3 % 4 &&
				s / 12 % 5 == i / 12 % 5;
		assert_int_equal(muted(&w, text), hits > 0);
		hidden += hits > 0;
	}
	assert_in_range(hidden, 50, 550);
	world_release(&w);
}

static void a_hundred_rules_and_ten_thousand_alerts_are_cheap(void **state)
{
	static const char *const severities[] = { "critical", "warning" };
	struct notify_stats stats;
	struct world w;
	int64_t start;
	char text[64];

	world_init(&w, many_rules(100));
	start = clock_boot_ns();
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "severity=%s team=t%d host=h%d", severities[i % 2],
			i / 2 % 100, i / 200);
		world_put_labels(&w, text, true);
	}
	printf("put: %d ms, ", (int)((clock_boot_ns() - start) / NSEC_PER_MSEC));
	start = clock_boot_ns();
	world_advance(&w, 10 * SEC);
	for (int i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "severity=%s team=t%d host=h%d", severities[i % 2],
			i / 2 % 100, i / 200);
		assert_int_equal(muted(&w, text), i % 2);
	}
	printf("asked: %d ms\n", (int)((clock_boot_ns() - start) / NSEC_PER_MSEC));
	/* Every pair of alerts would be a hundred times slower than what is seen here. */
	assert_in_range(clock_boot_ns() - start, 0, 10 * SEC);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.firing, 10000);
	world_release(&w);
}

struct trying {
	struct notify *notify;
	struct config *config;
	struct alert *down;
	struct labels *slow;
	struct instant now;
};

static void ignore(const struct notify_output *output, void *userdata)
{
}

static int reload_and_put(void *userdata)
{
	struct trying *t = userdata;
	struct notify *notify = t->notify;
	bool inhibited, known;
	int err = notify_configure(notify, t->config, t->now);

	if (!err)
		err = notify_put(notify, t->down, t->now);
	/* A known alert or none: never half of one. */
	inhibited = inhibited_by(notify, t->slow, t->now);
	known = entry_find(notify, alert_fingerprint(t->down));
	assert_int_equal(inhibited, known && notify->config == t->config);
	return err;
}

static void survives_without_memory(void **state)
{
	struct notify_limits limits = { .seed = 1 };
	struct trying t = {
		.config = rules_of(DOWN),
		.down = alert_named("Down", "b"),
		.slow = labels_of("alertname=Slow instance=b"),
		.now = { .boot_ns = SEC, .wall_ms = 1700000000000 },
	};
	struct config *other = rules_of("- {source_matchers: [a=b], target_matchers: [c=d]}\n");
	scoped(alert_unrefp) struct alert *first = alert_named("Down", "a");

	assert_int_equal(notify_new(&limits, ignore, NULL, &t.notify), 0);
	assert_int_equal(notify_configure(t.notify, other, t.now), 0);
	assert_int_equal(notify_put(t.notify, first, t.now), 0);
	with_failing_allocations(reload_and_put, &t);
	notify_free(t.notify);
	alert_unref(t.down);
	labels_unref(t.slow);
	config_unref(other);
	config_unref(t.config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_labels_make_the_pair),
		cmocka_unit_test(what_is_on_both_sides_hides_only_targets),
		cmocka_unit_test(rules_know_all_kinds_of_matchers),
		cmocka_unit_test(rules_that_say_nothing_do_nothing),
		cmocka_unit_test(an_alert_is_told_when_what_hid_it_is_over),
		cmocka_unit_test(an_alert_that_ends_while_hidden_is_gone_unsaid),
		cmocka_unit_test(a_lease_that_runs_out_hides_nobody),
		cmocka_unit_test(it_holds_over_a_reload_and_a_restart),
		cmocka_unit_test(it_answers_as_the_rule_read_aloud),
		cmocka_unit_test(a_hundred_rules_and_ten_thousand_alerts_are_cheap),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
