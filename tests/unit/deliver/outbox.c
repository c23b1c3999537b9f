/*
 * Alerts that wait for another Alertmanager: what goes out, in which order, and what is lost.
 */
#include "deliver/fixture.h"

#include "deliver/outbox.h"

#define SECOND NSEC_PER_SEC

static struct instant at(int64_t seconds)
{
	return (struct instant){ .boot_ns = (1000 + seconds) * SECOND,
		.wall_ms = AT_WALL_MS + seconds * 1000 };
}

/* An alert by its number; one that fires is believed until `ends`. */
static void put(struct outbox *outbox, int number, bool firing, int64_t ends_s, const char *note)
{
	struct labels *labels, *annotations = LABELS("note", note);
	struct alert *alert;
	char name[16];

	snprintf(name, sizeof(name), "%d", number);
	labels = LABELS("alertname", "Down", "n", name);
	alert = alert_new(labels, annotations);
	assert_non_null(alert);
	alert->lease_ms = firing ? 240000 : 0;
	alert->ends_wall_ms = at(ends_s).wall_ms;
	assert_int_equal(outbox_put(outbox, alert), 0);
	alert_unref(alert);
	labels_unref(labels);
	labels_unref(annotations);
}

/* "1 first, 2 second": numbers and notes of the next batch. */
static void take(struct outbox *outbox, int64_t seconds, const char *expected)
{
	const struct alert *alerts[OUTBOX_BATCH];
	size_t n = outbox_take(outbox, at(seconds), alerts);
	struct strbuf got = STRBUF_INIT;

	for (size_t i = 0; i < n; i++)
		strbuf_addf(&got, "%s%s %s", i ? ", " : "", labels_get(alerts[i]->labels, "n"),
			labels_get(alerts[i]->annotations, "note"));
	assert_string_equal(got.s, expected);
	strbuf_release(&got);
}

static void alerts_go_out_in_order_one_batch_at_a_time(void **state)
{
	struct outbox outbox;

	outbox_init(&outbox, 0);
	assert_true(outbox_deadline(&outbox) == BOOT_NS_NEVER);
	put(&outbox, 1, true, 240, "a");
	put(&outbox, 2, true, 240, "b");
	assert_true(outbox_deadline(&outbox) == 0);
	take(&outbox, 0, "1 a, 2 b");
	put(&outbox, 3, true, 240, "c");
	assert_true(outbox_deadline(&outbox) == BOOT_NS_NEVER);
	take(&outbox, 0, "");
	outbox_done(&outbox, OUTBOX_SENT, at(1));
	take(&outbox, 1, "3 c");
	outbox_done(&outbox, OUTBOX_SENT, at(2));
	take(&outbox, 2, "");
	assert_int_equal(outbox.sent, 3);
	assert_int_equal(outbox.dropped + outbox.errors, 0);
	outbox_release(&outbox);
}

static void a_batch_has_its_limit(void **state)
{
	const struct alert *alerts[OUTBOX_BATCH];
	struct outbox outbox;

	outbox_init(&outbox, 0);
	for (int i = 0; i < 600; i++)
		put(&outbox, i, true, 240, "x");
	assert_int_equal(outbox_take(&outbox, at(0), alerts), 256);
	outbox_done(&outbox, OUTBOX_SENT, at(0));
	assert_int_equal(outbox_take(&outbox, at(0), alerts), 256);
	outbox_done(&outbox, OUTBOX_SENT, at(0));
	assert_int_equal(outbox_take(&outbox, at(0), alerts), 88);
	outbox_done(&outbox, OUTBOX_SENT, at(0));
	assert_int_equal(outbox.sent, 600);
	outbox_release(&outbox);
}

static void only_the_newest_state_of_an_alert_waits(void **state)
{
	struct outbox outbox;

	outbox_init(&outbox, 0);
	put(&outbox, 1, true, 240, "first");
	put(&outbox, 2, true, 240, "other");
	put(&outbox, 1, false, 10, "over");
	take(&outbox, 20, "1 over, 2 other");
	/* What changed meanwhile is not undone by what comes back. */
	put(&outbox, 2, true, 300, "newer");
	outbox_done(&outbox, OUTBOX_RETRY, at(20));
	take(&outbox, 30, "1 over, 2 newer");
	outbox_done(&outbox, OUTBOX_SENT, at(30));
	assert_int_equal(outbox.dropped, 0);
	outbox_release(&outbox);
}

static void a_peer_that_is_away_is_asked_with_growing_pauses(void **state)
{
	static const int64_t pauses[] = { 1, 2, 4, 8, 16, 30, 30 };
	struct outbox outbox;
	int64_t now = 0;

	outbox_init(&outbox, 0);
	put(&outbox, 1, true, 1000, "a");
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		take(&outbox, now, "1 a");
		outbox_done(&outbox, OUTBOX_RETRY, at(now));
		assert_true(outbox_deadline(&outbox) == at(now + pauses[i]).boot_ns);
		take(&outbox, now + pauses[i] - 1, "");
		now += pauses[i];
	}
	take(&outbox, now, "1 a");
	outbox_done(&outbox, OUTBOX_SENT, at(now));
	put(&outbox, 1, true, 2000, "b");
	assert_true(outbox_deadline(&outbox) == 0);
	assert_int_equal(outbox.errors, ARRAY_SIZE(pauses));
	assert_int_equal(outbox.dropped, 0);
	outbox_release(&outbox);
}

static void what_nobody_would_believe_any_more_is_dropped(void **state)
{
	struct outbox outbox;

	outbox_init(&outbox, 0);
	put(&outbox, 1, true, 240, "fires");
	put(&outbox, 2, false, 1, "over");
	take(&outbox, 240, "2 over");
	outbox_done(&outbox, OUTBOX_REFUSED, at(240));
	assert_int_equal(outbox.dropped, 2);
	assert_int_equal(outbox.errors, 1);
	assert_true(outbox_deadline(&outbox) == BOOT_NS_NEVER);
	outbox_release(&outbox);
}

static void the_oldest_make_room(void **state)
{
	struct outbox outbox;

	outbox_init(&outbox, 3);
	for (int i = 1; i <= 4; i++)
		put(&outbox, i, true, 240, "x");
	assert_int_equal(outbox.dropped, 1);
	take(&outbox, 0, "2 x, 3 x, 4 x");
	put(&outbox, 5, true, 240, "x");
	put(&outbox, 6, true, 240, "x");
	outbox_done(&outbox, OUTBOX_RETRY, at(0));
	assert_int_equal(outbox.dropped, 3);
	take(&outbox, 1, "4 x, 5 x, 6 x");
	outbox_release(&outbox);
}

static int put_once(void *userdata)
{
	const struct alert *alert = userdata;
	const struct alert *alerts[OUTBOX_BATCH];
	struct outbox outbox;
	int err;

	outbox_init(&outbox, 0);
	err = outbox_put(&outbox, alert);
	if (err)
		assert_int_equal(outbox.dropped, 1);
	if (!err && outbox_take(&outbox, at(0), alerts))
		outbox_done(&outbox, OUTBOX_RETRY, at(0));
	if (!err && outbox.dropped)
		err = -ENOMEM;
	outbox_release(&outbox);
	return err;
}

static void survives_every_failing_allocation(void **state)
{
	struct labels *labels = LABELS("alertname", "Down");
	struct alert *alert = alert_new(labels, NULL);

	alert->ends_wall_ms = AT_WALL_MS;
	with_failing_allocations(put_once, alert);
	alert_unref(alert);
	labels_unref(labels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alerts_go_out_in_order_one_batch_at_a_time),
		cmocka_unit_test(a_batch_has_its_limit),
		cmocka_unit_test(only_the_newest_state_of_an_alert_waits),
		cmocka_unit_test(a_peer_that_is_away_is_asked_with_growing_pauses),
		cmocka_unit_test(what_nobody_would_believe_any_more_is_dropped),
		cmocka_unit_test(the_oldest_make_room),
		cmocka_unit_test(survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
