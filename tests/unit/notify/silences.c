/* Silences in the machine: made, changed, ended, kept, and what is not told meanwhile. */
#include "world.h"

static char error[MATCHER_MAX_ERROR];

static const struct silence *get(const struct world *w, const char *id)
{
	const struct silence *silence = notify_silence_get(w->notify, id);

	assert_non_null(silence);
	return silence;
}

static const char *state_of(const struct world *w, const char *id)
{
	return silence_state_text(silence_state(get(w, id), w->now.wall_ms));
}

/* Puts a change of the silence with that id. */
static int change(struct world *w, const char *id, const char *matchers, int64_t from_ns,
	int64_t for_ns, char ret_id[SILENCE_ID_LEN + 1])
{
	struct silence *silence = silence_of(w, matchers, from_ns, for_ns);

	snprintf(silence->id, sizeof(silence->id), "%s", id);
	return notify_silence_put(w->notify, silence, w->now, ret_id, error, sizeof(error));
}

static size_t count(const struct world *w)
{
	struct notify_stats stats;

	notify_stats(w->notify, &stats);
	return stats.silences;
}

static void a_new_one_begins_now_at_the_earliest(void **state)
{
	struct silence *silence;
	char id[SILENCE_ID_LEN + 1], other[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_with("[]", "10s", "1m", "4h"));
	world_silence(&w, "a=b", -HOUR, 2 * HOUR, id);
	assert_int_equal(strlen(id), SILENCE_ID_LEN);
	assert_int_equal(id[14], '4');
	assert_non_null(strchr("89ab", id[19]));
	assert_int_equal(get(&w, id)->starts_wall_ms, w.now.wall_ms);
	assert_int_equal(get(&w, id)->ends_wall_ms, w.now.wall_ms + 3600000);
	assert_int_equal(get(&w, id)->updated_wall_ms, w.now.wall_ms);
	world_silence(&w, "a=b", HOUR, HOUR, other);
	assert_string_not_equal(id, other);
	assert_string_equal(state_of(&w, other), "pending");
	assert_int_equal(get(&w, other)->starts_wall_ms, w.now.wall_ms + 3600000);
	silence = silence_of(&w, "a=b", 0, HOUR);
	silence->starts_wall_ms = 0;
	assert_int_equal(notify_silence_put(w.notify, silence, w.now, id, error, sizeof(error)), 0);
	assert_int_equal(get(&w, id)->starts_wall_ms, w.now.wall_ms);
	assert_int_equal(count(&w), 3);
	assert_int_equal(w.rows[NOTIFY_KEEP_SILENCE].n, 3);
	world_release(&w);
}

static void what_is_wrong_is_refused(void **state)
{
	struct notify_limits limits = { .max_silences = 2 };
	char id[SILENCE_ID_LEN + 1] = "untouched";
	struct world w;

	world_init(&w, config_with("[]", "10s", "1m", "4h"));
	assert_int_equal(change(&w, "", "a=", 0, HOUR, id), -EINVAL);
	assert_string_equal(error, "at least one matcher must not match the empty string");
	assert_int_equal(change(&w, "", "a=b", 0, -HOUR, id), -EINVAL);
	assert_int_equal(change(&w, "nobody", "a=b", 0, HOUR, id), -ENOENT);
	assert_int_equal(notify_silence_expire(w.notify, "nobody", w.now), -ENOENT);
	assert_null(notify_silence_get(w.notify, "nobody"));
	assert_string_equal(id, "untouched");
	assert_int_equal(w.rows[NOTIFY_KEEP_SILENCE].n, 0);
	notify_free(w.notify);
	w.limits = limits;
	world_begin(&w);
	world_silence(&w, "a=b", 0, HOUR, id);
	world_silence(&w, "a=b", 0, HOUR, id);
	assert_int_equal(change(&w, "", "a=b", 0, HOUR, id), -ENOSPC);
	assert_int_equal(change(&w, id, "a=b", 0, 2 * HOUR, id), 0);
	assert_int_equal(change(&w, id, "a=c", 0, 2 * HOUR, id), -ENOSPC);
	assert_string_equal(state_of(&w, id), "active");
	world_release(&w);
}

static void a_change_that_alters_the_past_makes_another(void **state)
{
	char id[SILENCE_ID_LEN + 1], next[SILENCE_ID_LEN + 1], last[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_with("[]", "10s", "1m", "4h"));
	world_silence(&w, "a=b", 0, HOUR, id);
	world_run(&w, MINUTE);
	/* The end moves: the same silence. */
	assert_int_equal(change(&w, id, "a=b", -MINUTE, 2 * HOUR, next), 0);
	assert_string_equal(next, id);
	assert_int_equal(get(&w, id)->ends_wall_ms, w.now.wall_ms + 7140000);
	assert_int_equal(get(&w, id)->updated_wall_ms, w.now.wall_ms);
	assert_int_equal(count(&w), 1);
	/* The matchers change: the old one ends, and the new one begins, now. */
	assert_int_equal(change(&w, id, "a=c", -MINUTE, 2 * HOUR, next), 0);
	assert_string_not_equal(next, id);
	assert_string_equal(state_of(&w, id), "expired");
	assert_int_equal(get(&w, id)->ends_wall_ms, w.now.wall_ms);
	assert_string_equal(state_of(&w, next), "active");
	assert_int_equal(get(&w, next)->starts_wall_ms, w.now.wall_ms);
	/* One that is over comes to life as another, and stays as it was. */
	world_run(&w, MINUTE);
	assert_int_equal(change(&w, id, "a=b", 0, HOUR, last), 0);
	assert_string_not_equal(last, id);
	assert_int_equal(get(&w, id)->ends_wall_ms, w.now.wall_ms - 60000);
	assert_string_equal(state_of(&w, next), "active");
	assert_int_equal(count(&w), 3);
	world_release(&w);
}

static void expiring_ends_it_at_once_whatever_it_is(void **state)
{
	char active[SILENCE_ID_LEN + 1], pending[SILENCE_ID_LEN + 1];
	struct world w;
	int64_t then;

	world_init(&w, config_with("[]", "10s", "1m", "4h"));
	world_silence(&w, "a=b", 0, HOUR, active);
	world_silence(&w, "a=b", HOUR, HOUR, pending);
	world_run(&w, MINUTE);
	then = w.now.wall_ms;
	assert_int_equal(notify_silence_expire(w.notify, active, w.now), 0);
	assert_int_equal(notify_silence_expire(w.notify, pending, w.now), 0);
	assert_string_equal(state_of(&w, active), "expired");
	assert_string_equal(state_of(&w, pending), "expired");
	assert_int_equal(get(&w, active)->starts_wall_ms, then - 60000);
	assert_int_equal(get(&w, active)->ends_wall_ms, then);
	assert_int_equal(get(&w, pending)->starts_wall_ms, then);
	assert_int_equal(get(&w, pending)->ends_wall_ms, then);
	/* Again: nothing changes. */
	world_run(&w, MINUTE);
	assert_int_equal(notify_silence_expire(w.notify, active, w.now), 0);
	assert_int_equal(get(&w, active)->ends_wall_ms, then);
	assert_int_equal(get(&w, active)->updated_wall_ms, then);
	world_release(&w);
}

static void it_is_remembered_for_five_days(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_with("[]", "10s", "1m", "4h"));
	world_silence(&w, "a=b", 0, HOUR, id);
	world_run(&w, 120 * HOUR);
	assert_int_equal(count(&w), 1);
	world_run(&w, HOUR + 16 * MINUTE);
	assert_int_equal(count(&w), 0);
	assert_int_equal(w.rows[NOTIFY_KEEP_SILENCE].n, 0);
	assert_null(notify_silence_get(w.notify, id));
	world_release(&w);
}

static void each_is_forgotten_five_days_after_its_own_end(void **state)
{
	/* In hours; -1: never. */
	static const struct {
		int begins, lasts, ended_at, lengthened_at, forgotten;
	} rows[] = {
		{ 0, 1, -1, -1, 121 },
		{ 24, 2, -1, -1, 146 },
		/* Ended early, and before it began. */
		{ 0, 72, 10, -1, 130 },
		{ 48, 2, 20, -1, 140 },
		/* Made to last to the hour 50. */
		{ 0, 40, -1, 30, 170 },
	};
	char ids[ARRAY_SIZE(rows)][SILENCE_ID_LEN + 1], next[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_with("[]", "10s", "1m", "4h"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		world_silence(&w, "a=b", rows[i].begins * HOUR, rows[i].lasts * HOUR, ids[i]);
	for (int hour = 0; hour < 180; hour++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			bool known = notify_silence_get(w.notify, ids[i]);

			/* An hour either way: it is looked for every quarter of one. */
			if (hour != rows[i].forgotten && known != (hour < rows[i].forgotten))
				fail_msg("row %zu at hour %d: %d", i, hour, known);
			if (hour == rows[i].ended_at)
				assert_int_equal(notify_silence_expire(w.notify, ids[i], w.now), 0);
			if (hour == rows[i].lengthened_at) {
				assert_int_equal(
					change(&w, ids[i], "a=b", -hour * HOUR, 50 * HOUR, next),
					0);
				assert_string_equal(next, ids[i]);
			}
		}
		world_run(&w, HOUR);
	}
	assert_int_equal(count(&w), 0);
	assert_int_equal(w.rows[NOTIFY_KEEP_SILENCE].n, 0);
	world_release(&w);
}

static void what_is_silenced_is_told_when_that_is_over(void **state)
{
	struct notify_stats stats;
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	world_silence(&w, "instance=nobody", 0, HOUR, id);
	world_silence(&w, "{instance=~\"a|x\", alertname!=B}", 0, HOUR, id);
	fires(&w, "A", "a");
	fires(&w, "A", "b");
	fires(&w, "B", "a");
	world_run(&w, 30 * MINUTE);
	assert_int_equal(w.n_mails, 4);
	assert_mails(&w, 0, "first notification: b!; first notification: a!");
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.firing, 3);
	assert_true(stats.silenced >= 30);
	world_run(&w, 31 * MINUTE);
	assert_mails(
		&w, 0, "first notification: b!; first notification: a!; new alerts added: a! b!");
	world_release(&w);
}

static void what_ends_in_silence_is_gone_unsaid(void **state)
{
	struct notify_stats stats;
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	fires(&w, "A", "a");
	world_run(&w, MINUTE);
	world_silence(&w, "alertname=A", 0, HOUR, id);
	ends(&w, "A", "a");
	world_run(&w, 2 * HOUR);
	assert_mails(&w, 0, "first notification: a!");
	notify_stats(w.notify, &stats);
	assert_int_equal(stats.alerts, 0);
	/* Nothing of it was told since, so the log still says that it fires. */
	fires(&w, "A", "a");
	world_run(&w, HOUR);
	assert_mails(&w, 0, "first notification: a!");
	world_run(&w, 2 * HOUR);
	assert_mails(&w, 0, "first notification: a!; repeat interval elapsed: a!");
	world_release(&w);
}

static void one_that_is_ended_or_not_begun_silences_nobody(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	world_silence(&w, "alertname=A", 30 * SEC, HOUR, id);
	fires(&w, "A", "a");
	world_run(&w, 20 * SEC);
	assert_mails(&w, 0, "first notification: a!");
	fires(&w, "A", "b");
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	assert_int_equal(notify_silence_expire(w.notify, id, w.now), 0);
	world_run(&w, MINUTE);
	assert_mails(&w, 0, "first notification: a!; new alerts added: a! b!");
	world_release(&w);
}

static bool is_silenced(struct world *w, const char *labels_text)
{
	scoped(labels_unrefp) struct labels *labels = labels_of(labels_text);
	struct entry *entry = entry_find(w->notify, labels_fingerprint(labels));
	size_t at = 0;

	assert_non_null(entry);
	return entry_silenced_by(w->notify, entry, w->now.wall_ms, &at);
}

static bool should_be_silenced(struct world *w, const char *labels_text)
{
	scoped(labels_unrefp) struct labels *labels = labels_of(labels_text);

	for (size_t i = 0; i < w->notify->silences.n; i++) {
		const struct silence *s = w->notify->silences.v[i]->silence;

		if (silence_state(s, w->now.wall_ms) == SILENCE_ACTIVE &&
			matcher_list_match(&s->matchers, labels))
			return true;
	}
	return false;
}

/* Silences come, change, begin, end and are forgotten; each look says what asking all would say. */
static void what_alerts_remember_of_silences_is_true(void **state)
{
	static const char *const kinds[] = { "{a=\"%u\"}", "{a=~\"%u|9\"}", "{b=~\".*%u\"}",
		"{a!=\"\",b=\"%u\"}" };
	char ids[64][SILENCE_ID_LEN + 1];
	unsigned n_ids = 0, silenced = 0;
	struct world w;

	world_init(&w, config_with("[]", "10s", "1m", "4h"));
	for (unsigned n = 0; n < 25; n++) {
		char text[32];

		snprintf(text, sizeof(text), "a=%u b=%u", n % 5, n / 5);
		world_put_labels(&w, text, true);
	}
	for (unsigned turn = 0; turn < 600; turn++) {
		unsigned k = turn * 7 % 4;
		struct strbuf matchers = STRBUF_INIT;

		for (const char *p = kinds[k]; *p; p++) {
			if (*p == '%')
				strbuf_addf(&matchers, "%u", turn % 6);
			if (*p == '%')
				p++;
			else
				strbuf_addch(&matchers, *p);
		}
		/* Now and then very many between two looks. */
		for (unsigned many = turn % 50 == 49 ? 40 : turn % 3 == 0; many; many--)
			world_silence(&w, matchers.s, (int64_t)(turn % 4) * 60 * SEC,
				(int64_t)(1 + turn % 9) * 60 * SEC, ids[n_ids++ % 64]);
		strbuf_release(&matchers);
		if (n_ids > 64 && turn % 5 == 0)
			notify_silence_expire(w.notify, ids[turn % 64], w.now);
		for (unsigned n = turn % 2; n < 25; n += 1 + turn % 3) {
			char text[32];

			snprintf(text, sizeof(text), "a=%u b=%u", n % 5, n / 5);
			assert_int_equal(is_silenced(&w, text), should_be_silenced(&w, text));
			silenced += is_silenced(&w, text);
		}
		/* A day now and then, so that some are forgotten, and a clock that is set back. */
		world_advance(&w, turn % 40 == 39 ? 24 * 3600 * SEC : 20 * SEC);
		if (turn % 100 == 50)
			w.now.wall_ms -= 3600 * 1000;
		if (turn % 20 == 0)
			silences_sweep(w.notify, w.now.wall_ms);
	}
	assert_true(silenced > 100);
	assert_true(w.notify->silences.n < n_ids);
	world_release(&w);
}

/* Its matchers stay where the index has them. */
static void a_change_of_the_end_keeps_it_found(void **state)
{
	char ids[40][SILENCE_ID_LEN + 1], same[SILENCE_ID_LEN + 1], matchers[32];
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	for (unsigned i = 0; i < 40; i++) {
		snprintf(matchers, sizeof(matchers), "{instance=~\".*-%u\"}", i);
		world_silence(&w, matchers, 0, HOUR, ids[i]);
	}
	for (unsigned i = 0; i < 40; i++) {
		snprintf(matchers, sizeof(matchers), "{instance=~\".*-%u\"}", i);
		assert_int_equal(change(&w, ids[i], matchers, 0, 2 * HOUR, same), 0);
		assert_string_equal(same, ids[i]);
	}
	fires(&w, "A", "x-7");
	world_run(&w, 90 * MINUTE);
	assert_int_equal(w.n_mails, 0);
	world_advance(&w, 10 * 24 * HOUR);
	silences_sweep(w.notify, w.now.wall_ms);
	assert_int_equal(count(&w), 0);
	world_release(&w);
}

static void it_lives_through_restart_and_reload(void **state)
{
	struct silence *silence;
	char id[SILENCE_ID_LEN + 1], other[SILENCE_ID_LEN + 1];
	const char *const note[][2] = { { "ticket", "7\xff" } };
	struct world w;

	world_init(&w, config_with("[alertname]", "10s", "1m", "4h"));
	silence = silence_of(&w, "alertname=A,instance!~\"b|c\",x!=y,z=~\"|z\"", 0, HOUR);
	silence->created_by = strdup("me");
	silence->comment = strdup("quiet \"now\"\n\xff");
	silence->annotations = labels_new(1, note);
	assert_int_equal(notify_silence_put(w.notify, silence, w.now, id, error, sizeof(error)), 0);
	world_silence(&w, "a=b", HOUR, HOUR, other);
	fires(&w, "A", "a");
	world_run(&w, MINUTE);
	assert_int_equal(notify_configure(w.notify, w.config, w.now), 0);
	world_restart(&w);
	fires(&w, "A", "a");
	world_run(&w, 10 * MINUTE);
	assert_int_equal(w.n_mails, 0);
	assert_int_equal(count(&w), 2);
	assert_string_equal(get(&w, id)->created_by, "me");
	assert_string_equal(get(&w, id)->comment, "quiet \"now\"\n\xff");
	assert_string_equal(labels_get(get(&w, id)->annotations, "ticket"), "7\xff");
	assert_int_equal(get(&w, id)->matchers.n, 4);
	assert_string_equal(state_of(&w, other), "pending");
	/* The same silence may still be changed in place. */
	assert_int_equal(change(&w, id, "alertname=A,instance!~\"b|c\",x!=y,z=~\"|z\"",
				 -11 * MINUTE, 20 * MINUTE, other),
		0);
	assert_string_equal(other, id);
	world_run(&w, 10 * MINUTE);
	assert_mails(&w, 0, "first notification: a!");
	world_release(&w);
}

static void ignore(const struct notify_output *output, void *userdata)
{
}

struct trying {
	struct world *w;
	struct notify *notify;
};

static int put_and_expire(void *userdata)
{
	struct trying *t = userdata;
	struct silence *silence = silence_new();
	char id[SILENCE_ID_LEN + 1] = "";
	struct matcher *m;
	int err = silence ? 0 : -ENOMEM;

	if (!err)
		err = matcher_parse(MATCHERS_FALLBACK, "a=b", &m, error, sizeof(error));
	if (!err)
		err = matcher_list_add(&silence->matchers, m);
	if (err) {
		silence_free(silence);
		return err;
	}
	silence->ends_wall_ms = t->w->now.wall_ms + 1000;
	err = notify_silence_put(t->notify, silence, t->w->now, id, error, sizeof(error));
	if (!err)
		err = notify_silence_expire(t->notify, id, t->w->now);
	/* Known exactly where its id was given. */
	assert_int_equal(notify_silence_get(t->notify, id) != NULL, *id != '\0');
	return err;
}

static void survives_without_memory(void **state)
{
	struct world w;
	struct trying t = { .w = &w };

	world_init(&w, config_with("[]", "10s", "1m", "4h"));
	assert_int_equal(notify_new(&w.limits, ignore, NULL, &t.notify), 0);
	with_failing_allocations(put_and_expire, &t);
	notify_free(t.notify);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_one_begins_now_at_the_earliest),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(a_change_that_alters_the_past_makes_another),
		cmocka_unit_test(expiring_ends_it_at_once_whatever_it_is),
		cmocka_unit_test(it_is_remembered_for_five_days),
		cmocka_unit_test(each_is_forgotten_five_days_after_its_own_end),
		cmocka_unit_test(what_is_silenced_is_told_when_that_is_over),
		cmocka_unit_test(what_ends_in_silence_is_gone_unsaid),
		cmocka_unit_test(one_that_is_ended_or_not_begun_silences_nobody),
		cmocka_unit_test(what_alerts_remember_of_silences_is_true),
		cmocka_unit_test(a_change_of_the_end_keeps_it_found),
		cmocka_unit_test(it_lives_through_restart_and_reload),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
