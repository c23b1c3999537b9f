/* Attempts: tried again with growing pauses, given up in time, told under one id. */
#include "world.h"

struct tries {
	int64_t at_ns[400];
	char id[400][33];
	size_t n;
	enum notify_result result;
};

static enum notify_result note_try(struct world *w, const struct notification *n)
{
	struct tries *tries = w->userdata;

	if (n->index)
		return NOTIFY_SENT;
	assert_in_range(tries->n, 0, ARRAY_SIZE(tries->at_ns) - 1);
	memcpy(tries->id[tries->n], n->id, sizeof(n->id));
	tries->at_ns[tries->n++] = w->now.boot_ns - 110 * SEC;
	return tries->result;
}

static void begin(
	struct world *w, struct tries *tries, enum notify_result result, const char *interval)
{
	*tries = (struct tries){ .result = result };
	world_init(w, config_with("[alertname]", "10s", interval, "4h"));
	w->server = note_try;
	w->userdata = tries;
	fires(w, "A", "a");
}

static void pauses_grow_by_half_up_to_a_minute(void **state)
{
	struct world w;
	struct tries tries;
	int64_t pause = SEC / 2, total = 0;

	begin(&w, &tries, NOTIFY_RETRY, "1h");
	world_run(&w, HOUR);
	assert_in_range(tries.n, 60, 90);
	assert_int_equal(tries.at_ns[0], 0);
	for (size_t i = 1; i < tries.n; i++) {
		int64_t gap = tries.at_ns[i] - tries.at_ns[i - 1];

		/* The clock of the test goes in whole milliseconds. */
		assert_in_range(gap, pause / 2, pause * 3 / 2 + NSEC_PER_MSEC);
		assert_string_equal(tries.id[i], tries.id[0]);
		total += gap - pause;
		pause = MIN(pause * 3 / 2, 60 * SEC);
	}
	/* By chance shorter or longer, not always the same way. */
	assert_true(llabs(total) < (int64_t)tries.n * 10 * SEC);
	world_release(&w);
}

static void gives_up_when_the_next_flush_is_due_and_begins_anew(void **state)
{
	struct world w;
	struct tries tries;
	struct notify_stats stats;
	size_t first = 0;

	begin(&w, &tries, NOTIFY_RETRY, "5m");
	world_run(&w, 10 * SEC + 5 * MINUTE);
	while (first < tries.n && streq(tries.id[first], tries.id[0]))
		first++;
	assert_in_range(first, 8, 30);
	/* The new flush begins the moment the old one's time is over. */
	assert_true(first < tries.n);
	assert_int_equal(tries.at_ns[first], 5 * MINUTE);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.failed, 1);
	assert_int_equal(stats.retried, tries.n);
	assert_int_equal(w.rows[NOTIFY_KEEP_OUTBOX].n, 1);
	tries.result = NOTIFY_SENT;
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	world_release(&w);
}

static void a_flush_has_at_least_ten_seconds(void **state)
{
	struct world w;
	struct tries tries;
	size_t same = 0;

	begin(&w, &tries, NOTIFY_RETRY, "1s");
	world_run(&w, 10 * SEC + 9900 * NSEC_PER_MSEC);
	while (same < tries.n && streq(tries.id[same], tries.id[0]))
		same++;
	assert_int_equal(same, tries.n);
	assert_in_range(tries.n, 4, 12);
	world_run(&w, SEC);
	assert_string_not_equal(tries.id[tries.n - 1], tries.id[0]);
	world_release(&w);
}

static void what_is_refused_waits_for_the_next_flush(void **state)
{
	struct world w;
	struct tries tries;
	struct notify_stats stats;

	begin(&w, &tries, NOTIFY_REFUSED, "5m");
	world_run(&w, 10 * SEC + 4 * MINUTE);
	assert_int_equal(tries.n, 1);
	world_run(&w, 7 * MINUTE);
	assert_int_equal(tries.n, 3);
	assert_int_equal(tries.at_ns[1], 5 * MINUTE);
	assert_string_not_equal(tries.id[1], tries.id[0]);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.failed, 3);
	assert_int_equal(stats.sent, 1);
	assert_int_equal(stats.retried, 0);
	world_release(&w);
}

static void only_what_fails_in_another_way_is_news(void **state)
{
	static const struct {
		const char *words;
		enum notify_result result;
		bool news;
	} tries[] = {
		{ "AUTH: 535 no", NOTIFY_RETRY, true },
		{ "AUTH: 535 no", NOTIFY_RETRY, false },
		{ "AUTH: 534 no", NOTIFY_RETRY, true },
		{ "connect: not after 9 ms: no route", NOTIFY_RETRY, true },
		{ "connect: not after 3072 ms: no route", NOTIFY_RETRY, false },
		{ "connect: not after 3072 ms: no", NOTIFY_RETRY, true },
		{ "connect: not after 3072 ms", NOTIFY_RETRY, true },
		{ "connect: not after 1 ms", NOTIFY_RETRY, false },
		{ "connect: not after a", NOTIFY_RETRY, true },
		{ NULL, NOTIFY_RETRY, true },
		{ "250 fine", NOTIFY_SENT, true },
	};
	struct world w;

	world_init(
		&w, config_of("global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
			      "route: {receiver: team, group_wait: 0s, group_interval: 1h}\n"
			      "receivers: [{name: team, email_configs: [{to: b@example.org}]}]\n"));
	fires(&w, "A", "a");
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		world_advance(&w, 2 * MINUTE);
		notify_step(w.notify, w.now);
		assert_int_equal(w.n_queue, 1);
		if (notify_sent(w.notify, w.queue[0]->id, tries[i].result, tries[i].words, w.now) !=
			tries[i].news)
			fail_msg("try %zu: %s", i, tries[i].words);
		world_forget_queue(&w);
	}
	world_release(&w);
}

/* The notification that is under way, served so far and not for all. */
static void serves(struct world *w, const char *served)
{
	assert_int_equal(w->n_queue, 1);
	notify_served(w->notify, w->queue[0]->id, served);
	notify_sent(w->notify, w->queue[0]->id, NOTIFY_RETRY, "taken, but not for all", w->now);
	world_forget_queue(w);
}

static void who_has_it_already_is_known_to_later_tries_and_after_a_restart(void **state)
{
	struct notify_stats stats;
	struct world w;
	char id[33];

	world_init(&w,
		config_of(
			"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
			"route: {receiver: team, group_wait: 0s, group_interval: 1h, repeat_interval: 4h}\n"
			"receivers: [{name: team, email_configs: [{to: b@example.org}]}]\n"));
	fires(&w, "A", "a");
	notify_step(w.notify, w.now);
	assert_null(w.queue[0]->served);
	memcpy(id, w.queue[0]->id, sizeof(id));
	serves(&w, "b@example.org\n");
	world_advance(&w, 2 * MINUTE);
	notify_step(w.notify, w.now);
	assert_string_equal(w.queue[0]->served, "b@example.org\n");
	serves(&w, "c@example.org\n");
	/* Killed before the next try. */
	world_restart(&w);
	notify_step(w.notify, w.now);
	assert_int_equal(w.n_queue, 1);
	assert_string_equal(w.queue[0]->id, id);
	assert_string_equal(w.queue[0]->served, "b@example.org\nc@example.org\n");
	/* Those who are left are not served before the next flush: nobody is told twice for that. */
	world_advance(&w, 90 * MINUTE);
	notify_sent(w.notify, id, NOTIFY_RETRY, "450 later", w.now);
	world_forget_queue(&w);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.sent, 1);
	assert_int_equal(stats.failed, 0);
	w.n_mails = 0;
	world_run(&w, 2 * HOUR);
	assert_int_equal(w.n_mails, 0);
	world_release(&w);
}

static void an_answer_that_never_comes_does_not_end_a_group(void **state)
{
	struct world w;
	struct notify_stats stats;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	fires(&w, "A", "a");
	world_advance(&w, 10 * SEC);
	notify_step(w.notify, w.now);
	world_forget_queue(&w);
	world_run(&w, 5 * MINUTE + 50 * SEC);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.in_flight, 2);
	world_run(&w, MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	world_release(&w);
}

static void answers_to_what_nobody_asked_are_ignored(void **state)
{
	struct world w;
	struct notify_stats stats;
	char id[33];

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	fires(&w, "A", "a");
	notify_sent(w.notify, "00000000000000000000000000000000", NOTIFY_SENT, NULL, w.now);
	world_run(&w, 10 * SEC);
	memcpy(id, w.mails[0].n->id, sizeof(id));
	notify_sent(w.notify, id, NOTIFY_SENT, NULL, w.now);
	notify_sent(w.notify, id, NOTIFY_RETRY, NULL, w.now);
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.sent, 2);
	assert_int_equal(stats.retried, 0);
	world_release(&w);
}

struct hasty {
	struct notify *notify;
	struct instant now;
	enum notify_result result;
	size_t sends, told;
};

static void answer_at_once(const struct notify_output *output, void *userdata)
{
	struct hasty *h = userdata;

	if (output->type != NOTIFY_SEND)
		return;
	h->sends++;
	h->told += h->result == NOTIFY_SENT;
	notify_sent(h->notify, output->notification->id, h->result, NULL, h->now);
	assert_int_equal(strlen(output->notification->id), 32);
}

static void an_answer_may_come_from_within_the_callback(void **state)
{
	struct hasty h = { .now = { .boot_ns = 100 * SEC, .wall_ms = 1700000000000 } };
	struct config *config = config_with("[alertname]", "10s", "1m", "4h");
	struct notify_limits limits = { .seed = 3 };
	struct notify_stats stats;
	scoped(alert_unrefp) struct alert *fire = alert_named("A", "a"), *end = NULL;

	assert_int_equal(notify_new(&limits, answer_at_once, &h, &h.notify), 0);
	assert_int_equal(notify_configure(h.notify, config, h.now), 0);
	fire->starts_wall_ms = h.now.wall_ms;
	end = alert_copy(fire);
	end->ends_wall_ms = h.now.wall_ms + 1;
	assert_int_equal(notify_put(h.notify, fire, h.now), 0);
	for (int i = 0; i < 600; i++) {
		/* Refused, tried again, told; then the end, and the group goes under way. */
		h.result = i < 80 ? NOTIFY_REFUSED : i < 160 ? NOTIFY_RETRY : NOTIFY_SENT;
		if (i == 300)
			assert_int_equal(notify_put(h.notify, end, h.now), 0);
		h.now.boot_ns += SEC;
		h.now.wall_ms += 1000;
		while (notify_deadline(h.notify) <= h.now.boot_ns)
			notify_step(h.notify, h.now);
	}
	assert_int_equal(h.told, 3);
	notify_stats(h.notify, &stats);
	assert_int_equal(stats.sent, 3);
	assert_int_equal(stats.failed, 4);
	assert_int_equal(stats.retried, h.sends - 7);
	assert_int_equal(stats.alerts, 0);
	notify_free(h.notify);
	config_unref(config);
}

static void who_does_not_hear_of_ends_is_logged_as_if(void **state)
{
	struct world w;
	const struct log_entry *boss;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	fires(&w, "A", "a");
	fires(&w, "A", "b");
	ends(&w, "A", "b");
	world_run(&w, 10 * SEC);
	assert_mails(&w, 0, "first notification: a! b.");
	assert_mails(&w, 1, "first notification: a!");
	boss = log_find(w.notify, "{}:{alertname=\"A\"}:team/email/1");
	assert_non_null(boss);
	assert_int_equal(boss->n_firing, 1);
	assert_int_equal(boss->n_resolved, 1);

	/* Nothing is sent when all is over, and a new fire is news again. */
	ends(&w, "A", "a");
	world_run(&w, MINUTE);
	assert_mails(&w, 1, "first notification: a!");
	boss = log_find(w.notify, "{}:{alertname=\"A\"}:team/email/1");
	assert_int_equal(boss->n_firing, 0);
	fires(&w, "A", "a");
	world_run(&w, MINUTE);
	assert_mails(&w, 1, "first notification: a!; new alerts added: a!");
	world_release(&w);
}

static void stops_when_a_reload_takes_the_address_away(void **state)
{
	struct world w;
	struct tries tries;
	struct config *smaller;
	size_t before;

	begin(&w, &tries, NOTIFY_RETRY, "1h");
	world_run(&w, 20 * SEC);
	assert_true(tries.n > 2);
	smaller = config_of("global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
			    "route: {receiver: team, group_by: [alertname]}\n"
			    "receivers: [{name: team}]\n");
	assert_int_equal(notify_configure(w.notify, smaller, w.now), 0);
	config_unref(smaller);
	before = tries.n;
	world_run(&w, HOUR);
	assert_int_equal(tries.n, before);
	assert_int_equal(w.rows[NOTIFY_KEEP_OUTBOX].n, 0);
	world_release(&w);
}

static bool well;

static enum notify_result serve_when_well(struct world *w, const struct notification *n)
{
	return well ? NOTIFY_SENT : NOTIFY_RETRY;
}

/* As Alertmanager does: what fires is in another group now, which tells it. */
static void a_reload_that_groups_anew_leaves_the_tries_for_old_groups(void **state)
{
	for (int back = 0; back <= 1; back++) {
		struct config *old = config_with("[alertname]", "30s", "5m", "4h");
		struct config *other = config_with("[]", "30s", "5m", "4h");
		struct notify_stats stats;
		struct world w;

		well = false;
		world_init(&w, old);
		w.server = serve_when_well;
		fires(&w, "A", "a");
		world_run(&w, 35 * SEC);
		assert_true(w.tries > 2);
		assert_int_equal(notify_configure(w.notify, other, w.now), 0);
		if (back)
			assert_int_equal(notify_configure(w.notify, old, w.now), 0);
		well = true;
		world_run(&w, 10 * MINUTE);
		assert_mails(&w, 0, "first notification: a!");
		assert_mails(&w, 1, "first notification: a!");
		notify_stats(w.notify, &stats);
		assert_int_equal(stats.in_flight, 0);
		/* The end comes to whoever was told. */
		ends(&w, "A", "a");
		world_run(&w, 10 * MINUTE);
		assert_mails(&w, 0, "first notification: a!; all alerts resolved: a.");
		config_unref(other);
		world_release(&w);
	}
}

static void failures_are_counted_by_what_ended_them(void **state)
{
	static const struct {
		enum notify_result result;
		bool fails;
		uint64_t refused, given_up;
	} rows[] = {
		{ NOTIFY_SENT, false, 0, 0 },
		/* For good: once in each flush. */
		{ NOTIFY_REFUSED, true, 1, 0 },
		/* Until there was no time left. */
		{ NOTIFY_RETRY, true, 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct notify_tally tally;
		struct tries tries;
		struct world w;

		begin(&w, &tries, rows[i].result, "1m");
		world_run(&w, 70 * SEC - 1);
		world_run(&w, SEC);
		assert_true(notify_tally(w.notify, 0, &tally));
		assert_string_equal(tally.integration, "email");
		assert_int_equal(tally.refused, rows[i].refused * (1 + (tries.n > 1)));
		assert_int_equal(tally.given_up, rows[i].given_up);
		/* The other address was told at once. */
		assert_int_equal(tally.requests, tries.n + 1);
		assert_int_equal(tally.failed_requests, rows[i].fails ? tries.n : 0);
		assert_int_equal(tally.within[0], tally.requests);
		assert_false(notify_tally(w.notify, 1, &tally));
		world_release(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_grow_by_half_up_to_a_minute),
		cmocka_unit_test(gives_up_when_the_next_flush_is_due_and_begins_anew),
		cmocka_unit_test(a_flush_has_at_least_ten_seconds),
		cmocka_unit_test(what_is_refused_waits_for_the_next_flush),
		cmocka_unit_test(only_what_fails_in_another_way_is_news),
		cmocka_unit_test(who_has_it_already_is_known_to_later_tries_and_after_a_restart),
		cmocka_unit_test(an_answer_that_never_comes_does_not_end_a_group),
		cmocka_unit_test(answers_to_what_nobody_asked_are_ignored),
		cmocka_unit_test(an_answer_may_come_from_within_the_callback),
		cmocka_unit_test(who_does_not_hear_of_ends_is_logged_as_if),
		cmocka_unit_test(stops_when_a_reload_takes_the_address_away),
		cmocka_unit_test(a_reload_that_groups_anew_leaves_the_tries_for_old_groups),
		cmocka_unit_test(failures_are_counted_by_what_ended_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
