/* What the machine shows of itself: alerts with what keeps them silent, groups, in their order. */
#include "world.h"

static const char settings[] =
	"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
	"route:\n"
	"  receiver: all\n"
	"  group_by: [alertname]\n"
	"  routes:\n"
	"  - {matchers: [team=a], receiver: a, continue: true}\n"
	"  - {matchers: [team=~\"a|b\"], receiver: b, group_by: [team],\n"
	"     mute_time_intervals: [never, always], active_time_intervals: [always]}\n"
	"  - {matchers: [team=c], receiver: c, active_time_intervals: [never, never2]}\n"
	"inhibit_rules:\n"
	"- {source_matchers: [severity=high], target_matchers: [severity=low], equal: [host]}\n"
	"time_intervals:\n"
	"- {name: always, time_intervals: [{years: ['1970:2900']}]}\n"
	"- {name: never, time_intervals: [{years: ['1970:1971']}]}\n"
	"- {name: never2, time_intervals: [{years: ['1970:1971']}]}\n"
	"receivers: [{name: all}, {name: a}, {name: b}, {name: c}]\n";

static void add_names(struct strbuf *out, const char *what, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addf(out, "%s%s", i ? "," : what, names[i]);
}

/* "-> a,b silenced by 2 inhibited by x" */
static char *look_text(struct world *w, uint64_t fingerprint)
{
	struct notify_look look = { 0 };
	struct strbuf out = STRBUF_INIT;
	char *text;

	assert_int_equal(notify_alert_look(w->notify, fingerprint, w->now, &look), 0);
	assert_int_equal(alert_fingerprint(look.alert), fingerprint);
	add_names(&out, "-> ", look.receivers, look.n_receivers);
	if (look.n_silenced_by)
		strbuf_addf(&out, " silenced by %zu", look.n_silenced_by);
	for (size_t i = 1; i < look.n_silenced_by; i++)
		assert_true(strcmp(look.silenced_by[i - 1]->id, look.silenced_by[i]->id) < 0);
	if (look.inhibited_by)
		strbuf_addf(&out, " inhibited by %s", labels_get(look.inhibited_by->labels, "n"));
	notify_look_release(&look);
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

#define assert_look(w, fingerprint, expected)                                                      \
	do {                                                                                       \
		scoped(freep) char *text_ = look_text((w), (fingerprint));                         \
		assert_string_equal(text_, (expected));                                            \
	} while (0)

static void an_alert_shows_who_hears_of_it_and_what_keeps_it_silent(void **state)
{
	uint64_t plain, low, high;
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_of(settings));
	plain = world_put_labels(&w, "alertname=x n=1", true);
	low = world_put_labels(&w, "alertname=x n=2 team=a severity=low host=h", true);
	high = world_put_labels(&w, "alertname=y n=3 team=b severity=high host=h", true);
	assert_look(&w, plain, "-> all");
	assert_look(&w, low, "-> a,b inhibited by 3");
	assert_look(&w, high, "-> b");
	world_silence(&w, "{n=~\"1|3\"}", 0, 600 * SEC, id);
	world_silence(&w, "{n=\"3\"}", 0, 600 * SEC, id);
	world_silence(&w, "{n=\"3\"}", 60 * SEC, 600 * SEC, id);
	assert_look(&w, plain, "-> all silenced by 1");
	assert_look(&w, high, "-> b silenced by 2");
	world_advance(&w, 61 * SEC);
	assert_look(&w, high, "-> b silenced by 3");
	assert_int_equal(notify_silence_expire(w.notify, id, w.now), 0);
	assert_look(&w, high, "-> b silenced by 2");
	/* What is silenced inhibits all the same; what is over does not. */
	assert_look(&w, low, "-> a,b inhibited by 3");
	world_put_labels(&w, "alertname=y n=3 team=b severity=high host=h", false);
	assert_look(&w, low, "-> a,b");
	world_release(&w);
}

static void only_what_fires_is_listed_and_looked_at(void **state)
{
	struct notify_look look = { 0 };
	uint64_t fires, ends, *list;
	struct world w;
	size_t n;

	world_init(&w, config_of(settings));
	fires = world_put_labels(&w, "alertname=x n=1", true);
	ends = world_put_labels(&w, "alertname=x n=2", true);
	assert_int_equal(notify_alert_list(w.notify, &list, &n), 0);
	assert_int_equal(n, 2);
	assert_true(list[0] < list[1]);
	free(list);
	world_put_labels(&w, "alertname=x n=2", false);
	assert_int_equal(notify_alert_list(w.notify, &list, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(list[0], fires);
	free(list);
	assert_int_equal(notify_alert_look(w.notify, ends, w.now, &look), -ENOENT);
	assert_int_equal(notify_alert_look(w.notify, 12345, w.now, &look), -ENOENT);
	notify_look_release(&look);
	world_release(&w);
}

/* One line a group: {labels} -> receiver: instances; muted by */
static char *groups_text(struct world *w)
{
	struct notify_group_look look = { 0 };
	struct notify_look alert = { 0 };
	struct strbuf out = STRBUF_INIT;
	char **list, *text;
	size_t n;

	assert_int_equal(notify_group_list(w->notify, &list, &n), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(notify_group_look(w->notify, list[i], w->now, &look), 0);
		labels_format(look.labels, &out);
		strbuf_addf(&out, " -> %s:", look.receiver);
		assert_string_equal(look.route->receiver.s, look.receiver);
		for (size_t k = 0; k < look.n_alerts; k++) {
			assert_int_equal(
				notify_alert_look(w->notify, look.alerts[k], w->now, &alert), 0);
			strbuf_addf(&out, " %s", labels_get(alert.alert->labels, "n"));
		}
		add_names(&out, " muted by ", look.muted_by, look.n_muted_by);
		strbuf_addch(&out, '\n');
		free(list[i]);
	}
	free(list);
	notify_look_release(&alert);
	notify_group_look_release(&look);
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

#define assert_groups(w, expected)                                                                 \
	do {                                                                                       \
		scoped(freep) char *text_ = groups_text(w);                                        \
		assert_string_equal(text_, (expected));                                            \
	} while (0)

static void groups_are_listed_by_labels_with_their_alerts_in_order(void **state)
{
	struct notify_group_look look = { 0 };
	struct world w;

	world_init(&w, config_of(settings));
	world_put_labels(&w, "alertname=y n=9", true);
	world_put_labels(&w, "alertname=x n=2 job=b", true);
	world_put_labels(&w, "alertname=x n=1", true);
	world_put_labels(&w, "alertname=x n=3 job=a", true);
	world_put_labels(&w, "alertname=x n=4 team=a", true);
	world_put_labels(&w, "alertname=x n=5 team=c", true);
	assert_groups(&w, "{team=\"a\"} -> b: 4 muted by always\n"
			  "{alertname=\"x\"} -> a: 4\n"
			  "{alertname=\"x\"} -> all: 3 2 1\n"
			  "{alertname=\"x\"} -> c: 5 muted by never,never2\n"
			  "{alertname=\"y\"} -> all: 9\n");
	world_put_labels(&w, "alertname=x n=2 job=b", false);
	world_put_labels(&w, "alertname=y n=9", false);
	assert_groups(&w, "{team=\"a\"} -> b: 4 muted by always\n"
			  "{alertname=\"x\"} -> a: 4\n"
			  "{alertname=\"x\"} -> all: 3 1\n"
			  "{alertname=\"x\"} -> c: 5 muted by never,never2\n"
			  "{alertname=\"y\"} -> all:\n");
	world_run(&w, 3600 * SEC);
	assert_int_equal(
		notify_group_look(w.notify, "{}:{alertname=\"y\"}", w.now, &look), -ENOENT);
	notify_group_look_release(&look);
	world_release(&w);
}

static int look_at_all(void *userdata)
{
	struct world *w = userdata;
	struct notify_group_look group = { 0 };
	struct notify_look look = { 0 };
	uint64_t *alerts = NULL;
	char **groups = NULL;
	size_t n, n_groups = 0;
	int err;

	err = notify_alert_list(w->notify, &alerts, &n);
	for (size_t i = 0; !err && i < n; i++)
		err = notify_alert_look(w->notify, alerts[i], w->now, &look);
	if (!err)
		err = notify_group_list(w->notify, &groups, &n_groups);
	for (size_t i = 0; i < n_groups; i++) {
		if (!err)
			err = notify_group_look(w->notify, groups[i], w->now, &group);
		free(groups[i]);
	}
	free(groups);
	free(alerts);
	notify_look_release(&look);
	notify_group_look_release(&group);
	return err;
}

static void survives_without_memory(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct world w;

	world_init(&w, config_of(settings));
	world_put_labels(&w, "alertname=x n=1 team=a severity=low host=h", true);
	world_put_labels(&w, "alertname=x n=2 team=c severity=high host=h", true);
	world_silence(&w, "{n=\"1\"}", 0, 600 * SEC, id);
	with_failing_allocations(look_at_all, &w);
	world_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alert_shows_who_hears_of_it_and_what_keeps_it_silent),
		cmocka_unit_test(only_what_fires_is_listed_and_looked_at),
		cmocka_unit_test(groups_are_listed_by_labels_with_their_alerts_in_order),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
