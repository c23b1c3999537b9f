/* What became of notifications is told once each, with its reason. */
#include "world.h"

static struct strbuf told;

static void note(const struct notify_notice *n, struct world *w)
{
	static const char *const outcomes[] = { "sent", "retried", "failed", "suppressed" };

	strbuf_addf(&told, "%s %s/%s", outcomes[n->outcome], n->receiver,
		n->integration ? n->integration : "");
	if (n->integration)
		strbuf_addf(&told, "%u", n->index);
	for (size_t i = 0; i < n->n_alerts; i++)
		strbuf_addf(&told, " %s%c", labels_get(n->alerts[i]->labels, "instance"),
			i < n->n_firing ? '!' : '.');
	strbuf_addf(&told, " (%s", n->reason);
	if (n->tries > 1)
		strbuf_addf(&told, ", %u tries", n->tries);
	strbuf_addf(&told, "%s%s)\n", n->why ? ": " : "", n->why ? n->why : "");
}

#define assert_told(expected)                                                                      \
	do {                                                                                       \
		assert_string_equal(told.s, expected);                                             \
		strbuf_reset(&told);                                                               \
	} while (0)

static void begin_with(struct world *w, struct config *config)
{
	strbuf_release(&told);
	told = STRBUF_INIT;
	world_init(w, config);
	w->on_notice = note;
}

static void begin(struct world *w)
{
	begin_with(w, config_with("[alertname]", "10s", "1m", "4h"));
}

static void each_notification_is_told_with_its_reason(void **state)
{
	struct world w;

	begin(&w);
	fires(&w, "A", "a");
	world_run(&w, 10 * SEC);
	assert_told("sent team/email0 a! (first notification)\n"
		    "sent team/email1 a! (first notification)\n");
	ends(&w, "A", "a");
	world_run(&w, MINUTE);
	/* The second address does not want to hear of ends: that is told, too. */
	assert_told("suppressed team/email1 a. (send_resolved is false)\n"
		    "sent team/email0 a. (all alerts resolved)\n");
	world_release(&w);
}

static enum notify_result busy(struct world *w, const struct notification *n)
{
	size_t *left = w->userdata;

	if (n->index)
		return NOTIFY_REFUSED;
	return *left && (*left)-- ? NOTIFY_RETRY : NOTIFY_SENT;
}

static void of_many_tries_the_first_and_the_end_are_told(void **state)
{
	struct world w;
	size_t left = 5;

	begin(&w);
	w.server = busy;
	w.userdata = &left;
	fires(&w, "A", "a");
	world_run(&w, 50 * SEC);
	assert_told("retried team/email0 a! (first notification)\n"
		    "failed team/email1 a! (first notification)\n"
		    "sent team/email0 a! (first notification, 6 tries)\n");
	world_release(&w);
}

static void what_was_answered_is_told(void **state)
{
	struct world w;

	begin(&w);
	fires(&w, "A", "a");
	world_advance(&w, 10 * SEC);
	notify_step(w.notify, w.now);
	notify_sent(w.notify, w.queue[0]->id, NOTIFY_RETRY, "421 busy", w.now);
	notify_sent(w.notify, w.queue[1]->id, NOTIFY_SENT, "250 Ok", w.now);
	world_forget_queue(&w);
	assert_told("retried team/email0 a! (first notification: 421 busy)\n"
		    "sent team/email1 a! (first notification: 250 Ok)\n");
	/* Its last words are why it was given up. */
	w.server = busy;
	w.userdata = &(size_t){ 1000 };
	world_run(&w, 61 * SEC);
	assert_non_null(strstr(told.s, "failed team/email0 a! (first notification, "));
	world_release(&w);
}

static void a_silenced_alert_is_told_once_and_when_it_ends(void **state)
{
	char id[SILENCE_ID_LEN + 1];
	struct strbuf line = STRBUF_INIT;
	struct world w;

	begin(&w);
	world_silence(&w, "instance=\"a\"", 0, HOUR, id);
	fires(&w, "A", "a");
	fires(&w, "A", "b");
	world_run(&w, 10 * SEC);
	strbuf_addf(&line,
		"suppressed team/ a! (silenced: %s)\n"
		"sent team/email0 b! (first notification)\n"
		"sent team/email1 b! (first notification)\n",
		id);
	assert_told(line.s);
	world_run(&w, 10 * MINUTE);
	assert_told("");
	/* A reload tells nothing twice. */
	assert_int_equal(notify_configure(w.notify, w.config, w.now), 0);
	world_run(&w, 10 * MINUTE);
	assert_told("");
	ends(&w, "A", "a");
	world_run(&w, MINUTE);
	strbuf_reset(&line);
	strbuf_addf(&line, "suppressed team/ a. (silenced: %s)\n", id);
	assert_told(line.s);
	strbuf_release(&line);
	world_release(&w);
}

static const char inhibiting[] =
	"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
	"route:\n"
	"  receiver: team\n"
	"  group_by: [alertname]\n"
	"  group_wait: 10s\n"
	"  routes:\n"
	"  - {matchers: [alertname=Night], mute_time_intervals: [always]}\n"
	"  - {matchers: [alertname=Day], active_time_intervals: [never]}\n"
	"receivers: [{name: team, email_configs: [{to: a@example.org}]}]\n"
	"time_intervals:\n"
	"- {name: always, time_intervals: [{years: ['2000:2100']}]}\n"
	"- {name: never, time_intervals: [{years: ['1999']}]}\n"
	"inhibit_rules:\n"
	"- {source_matchers: [alertname=Big], target_matchers: [alertname=Small]}\n";

static void inhibition_and_intervals_are_told_by_name(void **state)
{
	struct world w;

	begin_with(&w, config_of(inhibiting));
	fires(&w, "Night", "n");
	fires(&w, "Day", "d");
	world_run(&w, 10 * SEC);
	fires(&w, "Small", "s");
	fires(&w, "Big", "b");
	assert_non_null(strstr(told.s, "suppressed team/ n! (in a mute time interval: always)\n"));
	assert_non_null(strstr(
		told.s, "suppressed team/ d! (outside of the active time intervals: never)\n"));
	world_run(&w, 10 * SEC);
	assert_non_null(strstr(
		told.s, "suppressed team/ s! (inhibited: {alertname=\"Big\", instance=\"b\"})\n"));
	assert_non_null(strstr(told.s, "sent team/email0 b! (first notification)\n"));
	world_release(&w);
}

static void count(const struct notify_output *output, void *userdata)
{
	size_t *sends = userdata;

	*sends += output->type == NOTIFY_SEND;
}

struct scene {
	struct config *config;
	struct alert *small, *big;
};

static int inhibit_and_flush(void *userdata)
{
	const struct scene *scene = userdata;
	struct notify_limits limits = { .seed = 3 };
	struct instant now = { .boot_ns = 100 * SEC, .wall_ms = 1700000000000 };
	scoped(notify_freep) struct notify *notify = NULL;
	size_t sends = 0;
	int err = notify_new(&limits, count, &sends, &notify);

	if (!err)
		err = notify_configure(notify, scene->config, now);
	if (!err)
		err = notify_put(notify, scene->small, now);
	if (!err)
		err = notify_put(notify, scene->big, now);
	/* What could not be sent for want of memory is, a second later. */
	for (int i = 0; i < 13 && !err; i++) {
		now.boot_ns += SEC;
		now.wall_ms += 1000;
		notify_step(notify, now);
	}
	if (!err)
		assert_int_equal(sends, 1);
	return err;
}

static void without_memory_notices_are_lost_and_no_mail(void **state)
{
	struct scene scene = { .config = config_of(inhibiting),
		.small = alert_named("Small", "s"),
		.big = alert_named("Big", "b") };

	with_failing_allocations(inhibit_and_flush, &scene);
	alert_unref(scene.small);
	alert_unref(scene.big);
	config_unref(scene.config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_notification_is_told_with_its_reason),
		cmocka_unit_test(of_many_tries_the_first_and_the_end_are_told),
		cmocka_unit_test(what_was_answered_is_told),
		cmocka_unit_test(a_silenced_alert_is_told_once_and_when_it_ends),
		cmocka_unit_test(inhibition_and_intervals_are_told_by_name),
		cmocka_unit_test(without_memory_notices_are_lost_and_no_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
