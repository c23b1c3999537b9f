/* When an alert is pending, firing or over: tables of evaluations under a clock of our own. */
#include "harness.h"

#include "rules/alerting.h"

#define SECOND NSEC_PER_SEC

static struct labels *make_labels(const char *instance)
{
	const char *const pairs[][2] = { { "alertname", "InstanceDown" },
		{ "instance", instance } };
	struct labels *labels = labels_new(2, pairs);

	assert_non_null(labels);
	return labels;
}

static struct instant at(int64_t second)
{
	return (struct instant){ .boot_ns = (1000 + second) * SECOND,
		.wall_ms = (1700000000 + second) * 1000 };
}

static void count_change(
	struct active_alert *alert, enum rule_state from, enum rule_state to, void *userdata)
{
	(*(unsigned *)userdata)++;
	assert_int_not_equal(from, to);
}

struct step {
	int64_t second;
	bool present;
	int state; /* of enum rule_state afterwards, or GONE */
};

#define GONE	  (-1)
#define MAX_STEPS 12

static const struct {
	const char *what;
	int64_t for_s, keep_s;
	struct step steps[MAX_STEPS]; /* ends with second 0 after the first */
} tables[] = {
	{ "without for it fires at once", 0, 0,
		{ { 1, true, RULE_FIRING }, { 2, true, RULE_FIRING },
			{ 3, false, RULE_INACTIVE } } },
	{ "it fires when for is over, not a moment before", 60, 0,
		{ { 1, true, RULE_PENDING }, { 60, true, RULE_PENDING },
			{ 61, true, RULE_FIRING } } },
	{ "one miss while pending and it begins anew", 60, 0,
		{ { 1, true, RULE_PENDING }, { 31, false, GONE }, { 32, true, RULE_PENDING },
			{ 61, true, RULE_PENDING }, { 92, true, RULE_FIRING } } },
	{ "over, it is remembered for fifteen minutes and no longer", 0, 0,
		{ { 1, true, RULE_FIRING }, { 10, false, RULE_INACTIVE },
			{ 910, false, RULE_INACTIVE }, { 911, false, GONE } } },
	{ "present again while remembered, it is a new alert", 30, 0,
		{ { 1, true, RULE_PENDING }, { 31, true, RULE_FIRING },
			{ 40, false, RULE_INACTIVE }, { 50, true, RULE_PENDING },
			{ 79, true, RULE_PENDING }, { 80, true, RULE_FIRING } } },
	{ "keep_firing_for keeps it firing over gaps", 0, 30,
		{ { 1, true, RULE_FIRING }, { 10, false, RULE_FIRING }, { 39, false, RULE_FIRING },
			{ 40, false, RULE_INACTIVE } } },
	{ "a return within keep_firing_for ends the gap", 0, 30,
		{ { 1, true, RULE_FIRING }, { 10, false, RULE_FIRING }, { 20, true, RULE_FIRING },
			{ 45, false, RULE_FIRING }, { 74, false, RULE_FIRING },
			{ 75, false, RULE_INACTIVE } } },
};

static void states_follow_the_table(void **state)
{
	struct labels *labels = make_labels("localhost:9100"), *none = labels_empty();
	unsigned changes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		struct alerting alerting = { .for_ms = tables[i].for_s * 1000,
			.keep_firing_for_ms = tables[i].keep_s * 1000 };

		for (const struct step *s = tables[i].steps;
			s < tables[i].steps + MAX_STEPS && s->second; s++) {
			struct active_alert *alert;
			int found;

			if (s->present)
				assert_non_null(alerting_present(&alerting, labels, none, 0,
					at(s->second), count_change, &changes));
			alerting_conclude(&alerting, at(s->second), false, count_change, &changes);
			alert = alerting_find(&alerting, labels);
			found = alert ? (int)alert->state : GONE;
			if (found != s->state)
				fail_msg("%s: at %ds it is %d, not %d", tables[i].what,
					(int)s->second, found, s->state);
		}
		alerting_release(&alerting);
	}
	assert_true(changes > 0);
	labels_unref(labels);
	labels_unref(none);
}

static void the_deadline_is_when_for_runs_out(void **state)
{
	struct labels *one = make_labels("a"), *two = make_labels("b"), *none = labels_empty();
	struct alerting alerting = { .for_ms = 60000 };
	unsigned changes = 0;

	assert_true(alerting_deadline(&alerting, 0) == BOOT_NS_NEVER);
	alerting_present(&alerting, one, none, 0, at(5), count_change, &changes);
	alerting_present(&alerting, two, none, 0, at(9), count_change, &changes);
	assert_true(alerting_deadline(&alerting, at(9).boot_ns) == at(65).boot_ns);
	/* The first one was asked for at 65 s: only the second is still to come. */
	assert_true(alerting_deadline(&alerting, at(65).boot_ns) == at(69).boot_ns);
	alerting_release(&alerting);
	labels_unref(one);
	labels_unref(two);
	labels_unref(none);
}

static void a_firing_alert_is_told_at_once_and_again_after_more_than_a_minute(void **state)
{
	struct labels *labels = make_labels("a"), *none = labels_empty();
	struct alerting alerting = { 0 };
	struct active_alert *alert;
	unsigned changes = 0;

	alert = alerting_present(&alerting, labels, none, 0, at(1), count_change, &changes);
	assert_false(active_alert_due(alert, at(1), 60000));
	alerting_conclude(&alerting, at(1), false, count_change, &changes);
	assert_true(active_alert_due(alert, at(1), 60000));
	alert->sent_boot_ns = at(1).boot_ns;
	assert_false(active_alert_due(alert, at(61), 60000));
	assert_true(active_alert_due(alert, at(62), 60000));
	alerting_conclude(&alerting, at(30), false, count_change, &changes);
	assert_int_equal(alert->state, RULE_INACTIVE);
	assert_true(active_alert_due(alert, at(30), 60000));
	alerting_release(&alerting);
	labels_unref(labels);
	labels_unref(none);
}

static void a_restored_alert_is_not_over_while_nobody_can_know(void **state)
{
	struct labels *labels = make_labels("a"), *none = labels_empty();
	struct alerting alerting = { .for_ms = 60000 };
	struct active_alert *alert;
	unsigned changes = 0;

	alert = alerting_present(&alerting, labels, none, 0, at(1), count_change, &changes);
	alert->state = RULE_FIRING;
	alert->seen = false;
	alert->restored = true;
	alerting_conclude(&alerting, at(100), true, count_change, &changes);
	assert_int_equal(alert->state, RULE_FIRING);
	alerting_conclude(&alerting, at(115), false, count_change, &changes);
	assert_int_equal(alert->state, RULE_INACTIVE);
	alerting_release(&alerting);
	labels_unref(labels);
	labels_unref(none);
}

static int build_under_failure(void *userdata)
{
	const char *const pairs[][2] = { { "alertname", "A" }, { "instance", "b" } };
	struct labels *labels = labels_new(2, pairs), *none = labels_empty();
	struct alerting alerting = { 0 };
	unsigned changes = 0;
	int err = -ENOMEM;

	if (labels && none &&
		alerting_present(&alerting, labels, none, 1, at(1), count_change, &changes))
		err = 0;
	alerting_release(&alerting);
	labels_unref(labels);
	labels_unref(none);
	return err;
}

static void it_survives_failing_allocations(void **state)
{
	with_failing_allocations(build_under_failure, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_follow_the_table),
		cmocka_unit_test(the_deadline_is_when_for_runs_out),
		cmocka_unit_test(a_firing_alert_is_told_at_once_and_again_after_more_than_a_minute),
		cmocka_unit_test(a_restored_alert_is_not_over_while_nobody_can_know),
		cmocka_unit_test(it_survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
