/*
 * The cases of Prometheus's alert generator compliance suite, in time of our own: its rules, and samples
 * that carry each alert through its states.
 *
 * Where tolld differs on purpose it shows here: an alert fires when its `for` runs out, not at the next
 * evaluation.
 */
#include "world.h"

#include <math.h>

#define SUITE  "alert_generator_test_suite"
#define SLOT   30000
#define RESENT 90000
/* A number of samples of one value, one each 15 s. */
#define STEPS(n) ((n)*15000)

/* What a series is worth from a time on; NAN ends it. */
struct turn {
	int64_t from_ms;
	double value;
};

struct line {
	const char *pairs[5][2];
	struct turn turns[4];
	struct series *series;
};

struct sent {
	int64_t at_ms;
	struct alert *alert;
};

struct suite {
	struct world w; /* its store, rules and clock; the configuration is the suite's own */
	struct config *settings;
	struct sent sent[400];
	size_t n_sent;
	int64_t now_ms;
};

static void take(const struct alert *alert, void *userdata)
{
	struct suite *s = userdata;

	assert_true(s->n_sent < ARRAY_SIZE(s->sent));
	s->sent[s->n_sent++] = (struct sent){ s->now_ms, alert_ref(alert) };
}

/* False, having said so, where the rules are not there. */
static bool suite_init(struct suite *s)
{
	const struct tsdb_options tsdb = TSDB_OPTIONS_DEFAULT;
	const struct rules_callbacks callbacks = { .alert = take, .userdata = s };
	const struct rules_options options = { .external_url = "http://pi:9090" };
	const char *dir = conformance_dir();
	struct diag diag = DIAG_INIT;
	char text[400];

	if (!dir)
		return false;
	memset(s, 0, sizeof(*s));
	snprintf(text, sizeof(text), "rule_files: ['%s/rule-files/alert-generator.yml']\n", dir);
	assert_int_equal(config_load_text("prometheus.yml", text, &s->settings, &diag), 0);
	assert_int_equal(tsdb_new(&tsdb, &s->w.db), 0);
	assert_int_equal(rules_new(s->w.db, &options, &callbacks, &s->w.rules), 0);
	assert_int_equal(rules_configure(s->w.rules, s->settings, at(&s->w, 0), &diag), 0);
	assert_int_equal(diag.n, 0);
	diag_release(&diag);
	return true;
}

static void suite_release(struct suite *s)
{
	for (size_t i = 0; i < s->n_sent; i++)
		alert_unref(s->sent[i].alert);
	rules_free(s->w.rules);
	tsdb_free(s->w.db);
	config_unref(s->settings);
}

static void line_init(struct suite *s, struct line *line)
{
	const char *pairs[6][2] = { { LABEL_NAME, SUITE } };
	struct labels *labels;
	size_t n = 0;

	while (n < ARRAY_SIZE(line->pairs) && line->pairs[n][0]) {
		memcpy(pairs[n + 1], line->pairs[n], sizeof(pairs[0]));
		n++;
	}
	labels = labels_new(n + 1, pairs);
	assert_int_equal(tsdb_series(s->w.db, labels, &line->series), 0);
	labels_unref(labels);
}

static double value_at(const struct line *line, int64_t ms)
{
	double value = NAN;

	for (size_t i = 0; i < ARRAY_SIZE(line->turns); i++) {
		if (line->turns[i].value != 0 && line->turns[i].from_ms <= ms)
			value = line->turns[i].value;
	}
	return value;
}

static void scrape(struct suite *s, struct line *lines, size_t n, int64_t ms)
{
	for (size_t i = 0; i < n; i++) {
		double value = value_at(&lines[i], ms);

		if (!isnan(value))
			assert_int_equal(
				tsdb_append(s->w.db, lines[i].series, at(&s->w, ms).wall_ms, value),
				0);
	}
}

/* Everything up to `until`: samples each 15 s, rules when they are due. */
static void live(struct suite *s, struct line *lines, size_t n, int64_t until_ms)
{
	int64_t next_scrape = 0, due;

	for (size_t i = 0; i < n; i++)
		line_init(s, &lines[i]);
	while (s->now_ms <= until_ms) {
		due = (rules_deadline(s->w.rules) - T0_BOOT + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
		s->now_ms = MIN(MAX(due, s->now_ms), next_scrape);
		if (s->now_ms == next_scrape) {
			scrape(s, lines, n, next_scrape);
			next_scrape += 15000;
		} else {
			rules_step(s->w.rules, at(&s->w, s->now_ms));
		}
	}
	for (size_t i = 0; i < n; i++)
		series_unref(lines[i].series);
}

/* -- what came of it -- */

static const char *label(const struct sent *sent, const char *name)
{
	const char *value = labels_get(sent->alert->labels, name);

	return value ? value : "";
}

/* The i-th time that the alert was sent, firing or over; NULL: never so often. */
static const struct sent *nth(const struct suite *s, const char *alert, bool over, size_t i)
{
	for (size_t k = 0; k < s->n_sent; k++) {
		if (streq(label(&s->sent[k], LABEL_ALERTNAME), alert) &&
			!s->sent[k].alert->ends_wall_ms == !over && !i--)
			return &s->sent[k];
	}
	return NULL;
}

static double state_at(struct suite *s, const char *alert, const char *state, int64_t ms)
{
	char query[200];

	snprintf(query, sizeof(query), "sum(ALERTS{alertname=\"%s\",alertstate=\"%s\"})", alert,
		state);
	return value_of(&s->w, query, NULL, ms);
}

static const char *annotation(const struct sent *sent, const char *name)
{
	const char *value = labels_get(sent->alert->annotations, name);

	return value ? value : "";
}

static int64_t first_send(const struct suite *s, const char *alert)
{
	const struct sent *sent = nth(s, alert, false, 0);

	assert_non_null(sent);
	return sent->at_ms;
}

/* -- the cases -- */

static void pending_then_firing_then_resolved(void **state)
{
	static const char name[] = "PendingAndFiringAndResolved_SimpleAlert";
	struct line lines[] = { { .pairs = { { "alertname", (char *)name },
					  { "rulegroup", "PendingAndFiringAndResolved" } },
		.turns = { { 0, 5 }, { STEPS(8), 15 }, { STEPS(60), 9 } } } };
	const struct sent *first, *over;
	struct suite s;
	int64_t active, fired, resolved;

	if (!suite_init(&s))
		skip();
	live(&s, lines, 1, STEPS(60) + 20 * 60000);
	first = nth(&s, name, false, 0);
	over = nth(&s, name, true, 0);
	assert_true(first && over);
	fired = first->at_ms;
	active = fired - 6 * 60000;
	resolved = over->at_ms;
	/* It began with the first evaluation that saw it, and fired six minutes later to the second. */
	assert_true(active >= STEPS(8) && active < STEPS(8) + SLOT);
	assert_true(resolved >= STEPS(60) && resolved < STEPS(60) + SLOT);
	assert_string_equal(label(first, "foo"), "bar");
	assert_string_equal(label(first, "rulegroup"), "PendingAndFiringAndResolved");
	assert_string_equal(label(first, LABEL_NAME), "");
	assert_string_equal(annotation(first, "description"), "SimpleAlert is firing");
	assert_string_equal(annotation(first, "summary"), "The value is 15 15");

	assert_true(state_at(&s, name, "pending", active - 1000) == -1);
	assert_true(state_at(&s, name, "pending", fired - 1000) == 1);
	assert_true(state_at(&s, name, "firing", fired - 1000) == -1);
	assert_true(state_at(&s, name, "firing", fired) == 1);
	assert_true(state_at(&s, name, "pending", fired) == -1);
	assert_true(state_at(&s, name, "firing", resolved - 1000) == 1);
	assert_true(state_at(&s, name, "firing", resolved) == -1);
	/* Sent again at the first evaluation that is more than a minute later, as Prometheus does it. */
	for (size_t i = 1; nth(&s, name, false, i); i++)
		assert_int_equal(
			nth(&s, name, false, i)->at_ms - nth(&s, name, false, i - 1)->at_ms,
			RESENT);
	for (size_t i = 1; nth(&s, name, true, i); i++) {
		const struct sent *again = nth(&s, name, true, i);

		assert_int_equal(again->at_ms - nth(&s, name, true, i - 1)->at_ms, RESENT);
		assert_true(again->at_ms - resolved <= 15 * 60000);
		assert_true(again->alert->ends_wall_ms == over->alert->ends_wall_ms);
	}
	assert_non_null(nth(&s, name, true, 9));
	assert_true(over->alert->ends_wall_ms == at(&s.w, resolved).wall_ms);
	assert_true(over->alert->starts_wall_ms == at(&s.w, fired).wall_ms);
	suite_release(&s);
}

static void pending_then_gone_is_never_sent(void **state)
{
	static const char name[] = "PendingAndResolved_AlwaysInactive_PendingAlert";
	static const char other[] = "PendingAndResolved_AlwaysInactive_InactiveAlert";
	struct line lines[] = {
		{ .pairs = { { "alertname", (char *)name },
			  { "rulegroup", "PendingAndResolved_AlwaysInactive" } },
			.turns = { { 0, 5 }, { STEPS(8), 11 }, { STEPS(18), 7 } } },
		{ .pairs = { { "alertname", (char *)other },
			  { "rulegroup", "PendingAndResolved_AlwaysInactive" } },
			.turns = { { 0, 5 } } },
	};
	struct suite s;

	if (!suite_init(&s))
		skip();
	live(&s, lines, 2, STEPS(40));
	assert_int_equal(s.n_sent, 0);
	assert_true(state_at(&s, name, "pending", STEPS(8) - 1000) == -1);
	assert_true(state_at(&s, name, "pending", STEPS(17)) == 1);
	assert_true(state_at(&s, name, "pending", STEPS(18) + SLOT) == -1);
	assert_true(value_of(&s.w, "count(ALERTS{alertstate=\"firing\"})", NULL, STEPS(17)) == -1);
	assert_true(value_of(&s.w, "count(ALERTS{alertname=~\".*_InactiveAlert\"})", NULL,
			    STEPS(17)) == -1);
	suite_release(&s);
}

static void a_rule_sees_what_the_rule_above_it_wrote(void **state)
{
	static const char one[] = "NewAlerts_OrderCheck_Rule1",
			  two[] = "NewAlerts_OrderCheck_Rule2";
	struct line lines[] = {
		{ .pairs = { { "alertname", (char *)one }, { "rulegroup", "NewAlerts_OrderCheck" },
			  { "variant", "one" } },
			.turns = { { 0, 5 }, { STEPS(4), 12 } } },
		{ .pairs = { { "alertname", (char *)one }, { "rulegroup", "NewAlerts_OrderCheck" },
			  { "variant", "two" } },
			.turns = { { 0, 5 }, { STEPS(24), 12 } } },
	};
	const struct sent *second = NULL;
	struct suite s;

	if (!suite_init(&s))
		skip();
	live(&s, lines, 2, STEPS(50));
	for (size_t i = 0; i < s.n_sent && !second; i++) {
		if (streq(label(&s.sent[i], "variant"), "two"))
			second = &s.sent[i];
	}
	assert_non_null(second);
	/* In the same turn: no evaluation lies between them. */
	assert_int_equal(first_send(&s, two), second->at_ms);
	assert_string_equal(label(nth(&s, two, false, 0), "foo"), "baz");
	assert_string_equal(label(nth(&s, two, false, 0), "ba_dum"), "tss");
	assert_string_equal(annotation(nth(&s, two, false, 0), "description"),
		"Based on ALERTS. Old alertname was NewAlerts_OrderCheck_Rule1. foo was bar.");
	suite_release(&s);
}

static void no_for_fires_at_once_and_a_small_one_when_it_is_over(void **state)
{
	static const char none[] = "ZeroFor_SmallFor_ZeroFor",
			  small[] = "ZeroFor_SmallFor_SmallFor";
	static const char group[] = "ZeroFor_SmallFor";
	struct line lines[] = {
		{ .pairs = { { "alertname", (char *)none }, { "rulegroup", (char *)group } },
			.turns = { { 0, 5 }, { STEPS(8), 11 } } },
		{ .pairs = { { "alertname", (char *)small }, { "rulegroup", (char *)group } },
			.turns = { { 0, 5 }, { STEPS(8), 15 } } },
		{ .pairs = { { "rulegroup", (char *)group }, { "for", "template" }, { "id", "2" } },
			.turns = { { 0, 4 } } },
		{ .pairs = { { "rulegroup", (char *)group }, { "for", "template" }, { "id", "1" } },
			.turns = { { 0, 3 } } },
	};
	struct suite s;

	if (!suite_init(&s))
		skip();
	live(&s, lines, 4, STEPS(20));
	assert_true(first_send(&s, none) >= STEPS(8) && first_send(&s, none) < STEPS(8) + SLOT);
	assert_true(state_at(&s, none, "pending", STEPS(20)) == -1);
	/* The suite lets it wait for the next evaluation; here it fires after its 15 s. */
	assert_int_equal(first_send(&s, small), first_send(&s, none) + 15000);
	assert_string_equal(annotation(nth(&s, none, false, 0), "template_query_test"),
		"Args are: foo bar 99. first_id:1,1:3,2:4,");
	assert_string_equal(annotation(nth(&s, none, false, 0), "template_test"),
		"1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC");
	assert_string_equal(annotation(nth(&s, small, false, 0), "template_test"),
		"This Part IS TESTING the strings. ::1 127.0.0.1. 7815. replaced text. .");
	suite_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pending_then_firing_then_resolved),
		cmocka_unit_test(pending_then_gone_is_never_sent),
		cmocka_unit_test(a_rule_sees_what_the_rule_above_it_wrote),
		cmocka_unit_test(no_for_fires_at_once_and_a_small_one_when_it_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
