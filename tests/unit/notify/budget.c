/* A flood becomes a digest: nothing is lost, and no more is sent than the budget allows. */
#include "world.h"

/* One address; the last quarter of the budget is for digests. */
static struct config *limited(const char *budget)
{
	struct strbuf text = STRBUF_INIT;
	struct config *config;

	strbuf_addf(&text,
		"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
		"route: {receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m}\n"
		"receivers:\n"
		"- name: team\n"
		"%s"
		"  email_configs: [{to: ops@example.org, send_resolved: true}]\n",
		budget);
	config = config_of(text.s);
	strbuf_release(&text);
	return config;
}

static void flood(struct world *w, unsigned from, unsigned to, bool firing)
{
	char name[16];

	for (unsigned i = from; i < to; i++) {
		snprintf(name, sizeof(name), "A%02u", i);
		assert_int_equal(world_put(w, name, "x", firing), 0);
	}
}

static bool is_digest(const struct notification *n)
{
	return labels_get(n->group_labels, "digest") && *labels_get(n->group_labels, "digest");
}

static const struct notification *last(const struct world *w)
{
	return w->mails[w->n_mails - 1].n;
}

static const char *summary_of(const struct notification *n, size_t i)
{
	return labels_get(n->alerts[i]->annotations, "summary");
}

static void a_flood_ends_in_one_digest_that_says_so(void **state)
{
	struct strbuf summary = STRBUF_INIT;
	const char *name;
	struct world w;

	world_init(&w, limited("  budget: 8/1h\n"));
	flood(&w, 0, 20, true);
	world_run(&w, 10 * SEC);
	assert_int_equal(w.n_mails, 6);
	assert_int_equal(w.rows[NOTIFY_KEEP_WITHHELD].n, 14);
	world_run(&w, MINUTE);
	assert_int_equal(w.n_mails, 7);
	assert_string_equal(labels_get(last(&w)->group_labels, "digest"),
		"14 notifications withheld, the budget of 8 in 1h is used up");
	assert_string_equal(last(&w)->reason, "budget used up");
	assert_int_equal(last(&w)->n_firing, 14);
	name = labels_get(last(&w)->alerts[0]->labels, "alertname");
	strbuf_addf(&summary,
		"1 notification withheld: 1 alert fires; of 1 group: {alertname=\"%s\"}", name);
	assert_string_equal(summary_of(last(&w), 0), summary.s);
	strbuf_release(&summary);
	assert_int_equal(w.rows[NOTIFY_KEEP_WITHHELD].n, 0);
	/* For the log it was told: nothing comes twice. */
	world_run(&w, 20 * MINUTE);
	assert_int_equal(w.n_mails, 7);

	/* What is new waits for the next digest, half an hour after the first; ends are told there. */
	flood(&w, 0, 3, false);
	flood(&w, 30, 31, true);
	world_run(&w, 5 * MINUTE);
	assert_int_equal(w.n_mails, 7);
	world_run(&w, 7 * MINUTE);
	assert_int_equal(w.n_mails, 8);
	assert_int_equal(last(&w)->n_alerts, 4);
	assert_int_equal(last(&w)->n_firing, 1);
	assert_non_null(strstr(summary_of(last(&w), 3), "1 alert is over; of 1 group"));
	/* An hour after the flood all is as it was. */
	world_run(&w, HOUR);
	flood(&w, 40, 41, true);
	world_run(&w, 10 * SEC);
	assert_false(is_digest(last(&w)));
	world_release(&w);
}

static void without_a_budget_or_with_none_all_is_sent(void **state)
{
	static const char *const budgets[] = { "", "  budget: none\n" };

	for (size_t i = 0; i < ARRAY_SIZE(budgets); i++) {
		struct world w;

		world_init(&w, limited(budgets[i]));
		flood(&w, 0, 50, true);
		world_run(&w, MINUTE);
		assert_int_equal(w.n_mails, 50);
		assert_int_equal(w.rows[NOTIFY_KEEP_BUDGET].n, 0);
		world_release(&w);
	}
}

/* Names that were in a mail, or in a digest: seen[i]. */
static void note_seen(const struct world *w, size_t from, bool seen[100])
{
	for (size_t i = from; i < w->n_mails; i++) {
		const struct notification *n = w->mails[i].n;

		for (size_t k = 0; k < n->n_alerts; k++) {
			const char *name = labels_get(n->alerts[k]->labels, "alertname");

			if (name[0] == 'A')
				seen[strtoul(name + 1, NULL, 10) % 100] = true;
		}
	}
}

/* The most mails within any hour. */
static size_t most_in_an_hour(const struct world *w)
{
	size_t most = 0;

	for (size_t i = 0; i < w->n_mails; i++) {
		size_t k = i;

		while (k < w->n_mails && w->mails[k].true_ns < w->mails[i].true_ns + HOUR)
			k++;
		most = MAX(most, k - i);
	}
	return most;
}

static void nothing_is_lost_and_nothing_too_much_sent_over_kills(void **state)
{
	bool seen[100];

	for (int fuse = 0; fuse < 160; fuse++) {
		struct world w;

		world_init(&w, limited("  budget: 8/1h\n"));
		memset(seen, 0, sizeof(seen));
		w.fuse = fuse;
		flood(&w, 0, 20, true);
		if (!w.dead)
			world_run(&w, 75 * SEC);
		if (w.dead)
			world_restart(&w);
		/* Whoever sends the alerts says so again. */
		flood(&w, 0, 20, true);
		world_run(&w, 2 * HOUR);
		note_seen(&w, 0, seen);
		for (size_t i = 0; i < 20; i++) {
			if (!seen[i])
				fail_msg("killed after %d events, A%02zu is told nowhere", fuse, i);
		}
		/* One that was in flight may come twice, and was counted once. */
		assert_in_range(most_in_an_hour(&w), 1, 9);
		assert_int_equal(w.rows[NOTIFY_KEEP_WITHHELD].n, 0);
		world_release(&w);
	}
}

static enum notify_result away(struct world *w, const struct notification *n)
{
	return *(bool *)w->userdata ? NOTIFY_RETRY : NOTIFY_SENT;
}

static void a_digest_that_fails_comes_later_with_all(void **state)
{
	struct world w;
	bool is_away = false, seen[100] = { false };

	world_init(&w, limited("  budget: 8/1h\n"));
	w.server = away;
	w.userdata = &is_away;
	flood(&w, 0, 20, true);
	world_run(&w, 10 * SEC);
	is_away = true;
	world_run(&w, 3 * HOUR);
	assert_int_equal(w.n_mails, 6);
	flood(&w, 20, 22, true);
	world_run(&w, HOUR);
	is_away = false;
	world_run(&w, 2 * HOUR);
	note_seen(&w, 0, seen);
	for (size_t i = 0; i < 22; i++)
		assert_true(seen[i]);
	assert_int_equal(w.rows[NOTIFY_KEEP_WITHHELD].n, 0);
	world_release(&w);
}

static void days_of_flood_stay_within_the_budget(void **state)
{
	struct world w;
	bool seen[100];

	world_init(&w, limited("  budget: 20/1h\n"));
	for (unsigned hour = 0; hour < 48; hour++) {
		size_t from = w.n_mails;

		flood(&w, 0, 60, hour % 2 == 0);
		world_run(&w, HOUR);
		memset(seen, 0, sizeof(seen));
		note_seen(&w, from, seen);
		/* The last digest of each hour may come in the next one. */
		flood(&w, 0, 60, hour % 2 == 0);
		world_run(&w, 20 * MINUTE);
		note_seen(&w, from, seen);
		for (size_t i = 0; i < 50; i++) {
			if (!seen[i])
				fail_msg("in hour %u A%02zu is told nowhere", hour, i);
		}
	}
	assert_in_range(most_in_an_hour(&w), 15, 20);
	world_release(&w);
}

static void many_names_and_groups_are_folded(void **state)
{
	struct world w;
	struct config *config =
		config_of("global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
			  "route: {receiver: team, group_by: ['...'], group_wait: 10s}\n"
			  "receivers:\n"
			  "- {name: team, budget: 4/1h, email_configs: [{to: ops@example.org}]}\n");
	char instance[16];

	world_init(&w, config);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(instance, sizeof(instance), "i%02u", i);
		fires(&w, "Same", instance);
	}
	flood(&w, 0, 60, true);
	world_run(&w, 2 * MINUTE);
	assert_true(is_digest(last(&w)));
	assert_int_equal(last(&w)->n_alerts, 51);
	for (size_t i = 0; i < 51; i++) {
		const char *name = labels_get(last(&w)->alerts[i]->labels, "alertname");

		if (streq(name, "Same") || streq(name, "other alerts"))
			assert_non_null(strstr(summary_of(last(&w), i), ", ..."));
		assert_true(strlen(summary_of(last(&w), i)) < 500);
	}
	world_release(&w);
}

static void receivers_of_one_account_share_its_budget(void **state)
{
	struct world w;

	world_init(&w,
		config_of(
			"global: {smtp_smarthost: 'smtp.gmail.com:587', smtp_from: a@example.org,\n"
			"  smtp_auth_username: me, smtp_auth_password: x}\n"
			"route:\n"
			"  receiver: one\n"
			"  group_by: [alertname]\n"
			"  routes: [{receiver: two, continue: true}, {receiver: one}]\n"
			"receivers:\n"
			"- {name: one, email_configs: [{to: a@example.org}]}\n"
			"- {name: two, email_configs: [{to: b@example.org}]}\n"));
	for (unsigned i = 0; i < 3; i++) {
		flood(&w, i * 30, i * 30 + 30, true);
		world_run(&w, HOUR);
		flood(&w, i * 30, i * 30 + 30, false);
		world_run(&w, HOUR);
	}
	/* Both are told of all, and of no end: send_resolved is false. */
	assert_int_equal(w.n_mails, 180);
	for (unsigned i = 0; i < 3; i++) {
		flood(&w, i * 30, i * 30 + 30, true);
		world_run(&w, HOUR);
		flood(&w, i * 30, i * 30 + 30, false);
		world_run(&w, HOUR);
	}
	/* Three quarters of 400, and digests for two. */
	assert_in_range(w.n_mails, 302, 312);
	assert_int_equal(w.rows[NOTIFY_KEEP_BUDGET].n, 1);
	world_release(&w);
}

static void a_reload_changes_lifts_or_drops_it(void **state)
{
	struct world w;
	struct config *next;

	world_init(&w, limited("  budget: 8/1h\n"));
	flood(&w, 0, 20, true);
	world_run(&w, 10 * SEC);
	assert_int_equal(w.n_mails, 6);
	/* Lifted: what was held back comes at last, and then all is sent. */
	next = limited("");
	assert_int_equal(notify_configure(w.notify, next, w.now), 0);
	config_unref(w.config);
	w.config = next;
	world_run(&w, MINUTE);
	assert_int_equal(w.n_mails, 7);
	assert_string_equal(
		labels_get(last(&w)->group_labels, "digest"), "14 notifications withheld");
	flood(&w, 20, 40, true);
	world_run(&w, 10 * SEC);
	assert_int_equal(w.n_mails, 27);
	assert_int_equal(w.rows[NOTIFY_KEEP_BUDGET].n, 0);
	/* Set again, and the receiver taken away while something is held back. */
	next = limited("  budget: 1/1h\n");
	assert_int_equal(notify_configure(w.notify, next, w.now), 0);
	config_unref(next);
	flood(&w, 40, 60, true);
	world_run(&w, 10 * SEC);
	assert_int_equal(w.rows[NOTIFY_KEEP_WITHHELD].n, 20);
	next = config_of("route: {receiver: other}\nreceivers: [{name: other}]\n");
	assert_int_equal(notify_configure(w.notify, next, w.now), 0);
	config_unref(next);
	assert_int_equal(w.rows[NOTIFY_KEEP_WITHHELD].n, 0);
	world_run(&w, HOUR);
	assert_int_equal(w.n_mails, 27);
	world_release(&w);
}

static void a_larger_budget_does_not_wait_for_the_digest_of_the_smaller(void **state)
{
	/* How long after the reload what was held back comes: the new budget's own pause at most. */
	static const struct {
		const char *budget;
		int64_t within;
	} rows[] = {
		{ "", 2 * MINUTE },
		{ "  budget: none\n", 2 * MINUTE },
		{ "  budget: 400/1d\n", 16 * MINUTE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *next = limited(rows[i].budget);
		struct world w;
		size_t before;

		world_init(&w, limited("  budget: 4/1d\n"));
		flood(&w, 0, 10, true);
		world_run(&w, 2 * MINUTE);
		assert_true(is_digest(last(&w)));
		before = w.n_mails;
		flood(&w, 20, 21, true);
		world_run(&w, HOUR);
		assert_int_equal(w.n_mails, before);
		assert_int_equal(notify_configure(w.notify, next, w.now), 0);
		config_unref(w.config);
		w.config = next;
		world_run(&w, rows[i].within);
		assert_int_equal(w.n_mails, before + 1);
		assert_true(is_digest(last(&w)));
		flood(&w, 30, 31, true);
		world_run(&w, 10 * SEC);
		assert_int_equal(w.n_mails, before + 2);
		assert_false(is_digest(last(&w)));
		world_release(&w);
	}
}

static void the_count_is_kept_over_a_reboot(void **state)
{
	struct world w;

	world_init(&w, limited("  budget: 8/1h\n"));
	flood(&w, 0, 6, true);
	world_run(&w, 10 * SEC);
	assert_int_equal(w.n_mails, 6);
	/* Another boot, ten minutes later: the boot clock begins anew. */
	w.limits.boot_id++;
	w.now.boot_ns = 5 * SEC;
	w.now.wall_ms += 600000;
	world_restart(&w);
	flood(&w, 0, 7, true);
	world_run(&w, 30 * SEC);
	assert_int_equal(w.n_mails, 6);
	assert_int_equal(w.rows[NOTIFY_KEEP_WITHHELD].n, 1);
	world_run(&w, HOUR);
	assert_true(is_digest(w.mails[6].n));
	world_release(&w);
}

static void count_sends(const struct notify_output *output, void *userdata)
{
	size_t *sends = userdata;

	*sends += output->type == NOTIFY_SEND;
}

struct short_of_memory {
	struct config *config;
	struct alert *alerts[6];
};

static int flood_short_of_memory(void *userdata)
{
	const struct short_of_memory *s = userdata;
	struct notify_limits limits = { .seed = 3 };
	struct instant now = { .boot_ns = 100 * SEC, .wall_ms = 1700000000000 };
	scoped(notify_freep) struct notify *notify = NULL;
	size_t sends = 0;
	int err = notify_new(&limits, count_sends, &sends, &notify);

	if (!err)
		err = notify_configure(notify, s->config, now);
	for (size_t i = 0; i < ARRAY_SIZE(s->alerts) && !err; i++)
		err = notify_put(notify, s->alerts[i], now);
	/* A flush or a digest that memory was out for is made up for a second later. */
	for (int i = 0; i < 100 && !err; i++) {
		now.boot_ns += SEC;
		now.wall_ms += 1000;
		notify_step(notify, now);
	}
	/* Three in flight, and the digest. */
	if (!err)
		assert_int_equal(sends, 4);
	return err;
}

static void without_memory_nothing_is_lost(void **state)
{
	struct short_of_memory s = { .config = limited("  budget: 4/1h\n") };
	char name[8];

	for (size_t i = 0; i < ARRAY_SIZE(s.alerts); i++) {
		snprintf(name, sizeof(name), "A%zu", i);
		s.alerts[i] = alert_named(name, "x");
		s.alerts[i]->starts_wall_ms = 1700000000000;
	}
	with_failing_allocations(flood_short_of_memory, &s);
	for (size_t i = 0; i < ARRAY_SIZE(s.alerts); i++)
		alert_unref(s.alerts[i]);
	config_unref(s.config);
}

static void rows_that_are_broken_are_refused(void **state)
{
	static const struct {
		enum notify_output_type type;
		const char *row;
	} rows[] = {
		{ NOTIFY_KEEP_BUDGET, "{}" },
		{ NOTIFY_KEEP_BUDGET,
			"{\"slot\":0,\"head_boot\":1,\"head_wall\":1,\"boot\":1,\"counts\":[]}" },
		{ NOTIFY_KEEP_BUDGET,
			"{\"slot\":1,\"head_boot\":1,\"head_wall\":1,\"boot\":1,\"counts\":"
			"[-1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}" },
		{ NOTIFY_KEEP_WITHHELD, "{\"receiver\":\"a\"}" },
		{ NOTIFY_KEEP_WITHHELD,
			"{\"receiver\":\"a\",\"integration\":\"email\",\"index\":0,\"labels\":[],"
			"\"name\":\"A\",\"firing\":1,\"resolved\":0,\"notifications\":0,"
			"\"first\":1}" },
	};
	struct notify *notify;
	size_t sends = 0;

	assert_int_equal(
		notify_new(&(struct notify_limits){ .seed = 1 }, count_sends, &sends, &notify), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(notify_restore(notify, rows[i].type, "k", rows[i].row), -EINVAL);
	notify_free(notify);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_ends_in_one_digest_that_says_so),
		cmocka_unit_test(without_a_budget_or_with_none_all_is_sent),
		cmocka_unit_test(nothing_is_lost_and_nothing_too_much_sent_over_kills),
		cmocka_unit_test(a_digest_that_fails_comes_later_with_all),
		cmocka_unit_test(days_of_flood_stay_within_the_budget),
		cmocka_unit_test(many_names_and_groups_are_folded),
		cmocka_unit_test(receivers_of_one_account_share_its_budget),
		cmocka_unit_test(a_reload_changes_lifts_or_drops_it),
		cmocka_unit_test(a_larger_budget_does_not_wait_for_the_digest_of_the_smaller),
		cmocka_unit_test(the_count_is_kept_over_a_reboot),
		cmocka_unit_test(without_memory_nothing_is_lost),
		cmocka_unit_test(rows_that_are_broken_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
