/*
 * Simulated weeks of chance: alerts of rules and of outside, silences, inhibition, a muted route, receivers
 * that fail, kills, reboots, reloads. Beside the machine runs a bookkeeper that knows what is true and what
 * each receiver was told, and nothing of how the machine decides.
 *
 * TOLLD_SEED begins with another world, TOLLD_WEEKS lives through more of them.
 */
#include "world.h"

#include <stdlib.h>
#include <sys/random.h>

#define STEP	 (5 * SEC)
#define TEAMS	 "abcd"
#define N_ALERTS 16
/* Two pauses between tries, the last ones of the longest backoff: 60 s and half as much again. */
#define RETRY_NS (2 * 90 * SEC)
#define NEVER	 INT64_MAX

/* One integration, as the settings below have it. `repeat_ns` and bounds hold for all variants. */
struct way {
	const char *receiver, *integration;
	unsigned index;
	bool send_resolved;
	bool optional; /* only in every other variant of the settings */
	int64_t bound_ns, repeat_ns;
	const char *teams; /* whose alerts it is told */
};

static const struct way ways[] = {
	{ "team", "email", 0, true, false, 30 * SEC + 5 * MINUTE, 4 * HOUR, "acd" },
	{ "team", "email", 1, false, false, 30 * SEC + 5 * MINUTE, 4 * HOUR, "acd" },
	{ "team", "email", 2, true, true, 30 * SEC + 5 * MINUTE, 4 * HOUR, "acd" },
	{ "pager", "webhook", 0, true, false, 10 * SEC + MINUTE, HOUR, "a" },
	{ "pager", "email", 0, true, false, 10 * SEC + MINUTE, HOUR, "a" },
	{ "nights", "email", 0, true, false, 30 * SEC, 2 * HOUR, "b" },
};
#define N_WAYS ARRAY_SIZE(ways)

static struct config *settings(unsigned variant, bool tells_suppressed_ends)
{
	struct strbuf text = STRBUF_INIT;
	struct config *config;

	strbuf_addf(&text,
		"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
		"time_intervals:\n"
		"- {name: night, time_intervals: [{times: [{start_time: '01:00', end_time: "
		"'02:00'}]}]}\n"
		"inhibit_rules:\n"
		"- source_matchers: [severity=critical]\n"
		"  target_matchers: [severity=warning]\n"
		"  equal: [team, alertname]\n"
		"route:\n"
		"  receiver: team\n"
		"  group_by: [alertname]\n"
		"  group_wait: %s\n"
		"  group_interval: %s\n"
		"  repeat_interval: 4h\n"
		"  send_resolved_suppressed: %s\n"
		"  routes:\n"
		"  - {matchers: [team=a], receiver: pager, group_by: [instance], group_wait: 10s,\n"
		"     group_interval: 1m, repeat_interval: 1h, continue: true}\n"
		"  - {matchers: [team=b], receiver: nights, group_by: ['...'], group_wait: 0s,\n"
		"     group_interval: 30s, repeat_interval: 2h, mute_time_intervals: [night]}\n"
		"  - {matchers: ['team=~\"a|c\"'], receiver: team}\n"
		"receivers:\n"
		"- name: team\n"
		"  email_configs:\n"
		"  - {to: ops@example.org, send_resolved: true}\n"
		"  - {to: boss@example.org}\n%s"
		"- name: pager\n"
		"  webhook_configs: [{url: 'http://localhost/'}]\n"
		"  email_configs: [{to: p@example.org, send_resolved: true}]\n"
		"- name: nights\n"
		"  email_configs: [{to: n@example.org, send_resolved: true}]\n",
		variant & 2 ? "30s" : "5s", variant & 4 ? "5m" : "2m",
		tells_suppressed_ends ? "true" : "false",
		variant & 1 ? "  - {to: new@example.org, send_resolved: true}\n" : "");
	config = config_of(text.s);
	strbuf_release(&text);
	return config;
}

/* The order of tables hangs on this: a world has to come again from its seed. */
ssize_t getrandom(void *buffer, size_t length, unsigned flags)
{
	memset(buffer, 42, length);
	return (ssize_t)length;
}

enum truth { OVER, FIRING, UNKNOWN };

/* What is true of an alert. */
struct fact {
	struct labels *labels;
	bool leased;	 /* somebody outside says so every minute, and is believed for five */
	bool firing;	 /* as its source sees it */
	bool unsaid;	 /* nobody tells that it is over: the lease runs out */
	int64_t turn_ns; /* when that changes */
	int64_t said_ns; /* the last time */
	int64_t over_by_ns;
	int64_t starts_wall_ms;
};

/* What a receiver was told of it, and since when it should have been told. */
struct belief {
	bool firing;
	bool not_promised; /* its end may pass in silence */
	bool absent;	   /* it was not in the settings since it was told last */
	int64_t told_ns;   /* last as firing */
	int64_t hidden_ns; /* last that it must not be told */
	int64_t fires_ns;  /* nothing has stood in the way of telling that it fires since */
	int64_t over_ns;   /* that it is over */
};

struct told {
	char id[33];
	char *what; /* the group, then each alert with its state and start */
	int64_t at_ns, at_wall_ms;
	bool in_doubt; /* killed before it could be noted that it was told */
};

struct book {
	struct world w;
	uint64_t random;
	struct fact facts[N_ALERTS];
	struct belief beliefs[N_WAYS][N_ALERTS];
	struct map last[N_WAYS]; /* group key -> struct told */
	int64_t down_until[N_WAYS], up_until[N_WAYS];
	bool refuses[N_WAYS];
	int64_t failed_ns[N_WAYS]; /* its last failure */
	int64_t kill_ns, reload_ns, silence_ns;
	int64_t start_ns; /* of one that is dead; 0: not thought of yet */
	unsigned variant;
	bool tells_suppressed_ends;   /* in every other world */
	struct silence *silences[64]; /* ours, by the same times */
	char ids[64][SILENCE_ID_LEN + 1];
	size_t n_silences;
	size_t kills, repeated, repeats, told_over, failures;
	size_t hidden_ends; /* that came while they must not be told, to be told all the same */
};

static uint64_t chance(struct book *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random;
}

static int64_t between(struct book *b, int64_t least, int64_t most)
{
	return least + (int64_t)(chance(b) % (uint64_t)(most - least + 1));
}

/* A moment, some minutes or some hours: faults hide at all scales. */
static int64_t some_time(struct book *b, int64_t most)
{
	static const int64_t scales[][2] = { { 0, MINUTE }, { MINUTE, 20 * MINUTE },
		{ 20 * MINUTE, 10 * HOUR } };
	const int64_t *scale = scales[chance(b) % 3];

	return MIN(between(b, scale[0], scale[1]), most);
}

static _Noreturn void broken(const struct book *b, size_t way, size_t alert, const char *what)
{
	const struct labels *labels = b->facts[alert].labels;

	fail_msg("at %lld s: %s/%s/%u, %s%s of %s: %s", (long long)(b->w.true_ns / SEC),
		ways[way].receiver, ways[way].integration, ways[way].index,
		labels_get(labels, "alertname"), labels_get(labels, "instance"),
		labels_get(labels, "team"), what);
	abort();
}

/* -- what is told ---------------------------------------------------------------------------- */

static size_t way_of(const struct notification *n)
{
	for (size_t i = 0; i < N_WAYS; i++) {
		if (streq(ways[i].receiver, n->receiver) &&
			streq(ways[i].integration, n->integration) && ways[i].index == n->index)
			return i;
	}
	fail_msg("told to nobody that there is: %s/%s/%u", n->receiver, n->integration, n->index);
	return 0;
}

static size_t fact_of(const struct book *b, const struct alert *alert)
{
	for (size_t i = 0; i < N_ALERTS; i++) {
		if (labels_equal(b->facts[i].labels, alert->labels))
			return i;
	}
	fail_msg("told of an alert that nobody put");
	return 0;
}

static void told_free(struct told *told)
{
	if (told)
		free(told->what);
	free(told);
}

static char *what_it_says(const struct notification *n)
{
	struct strbuf text = STRBUF_INIT;
	char *what;

	for (size_t i = 0; i < n->n_alerts; i++)
		strbuf_addf(&text, "%llx%c%lld ",
			(unsigned long long)alert_fingerprint(n->alerts[i]),
			i < n->n_firing ? '!' : '.', (long long)n->alerts[i]->starts_wall_ms);
	assert_int_equal(strbuf_finish(&text, &what), 0);
	return what;
}

/* Then others of its group may have been told in between, and it is news again. */
static bool was_hidden(
	const struct book *b, size_t way, const struct notification *n, int64_t since_ns)
{
	for (size_t i = 0; i < n->n_alerts; i++) {
		if (b->beliefs[way][fact_of(b, n->alerts[i])].hidden_ns >= since_ns)
			return true;
	}
	return false;
}

/* In order, and nothing twice. */
static void compare_with_last(struct book *b, size_t way, const struct notification *n)
{
	struct told *told = calloc(1, sizeof(*told)), *last;

	assert_non_null(told);
	memcpy(told->id, n->id, sizeof(told->id));
	told->what = what_it_says(n);
	told->at_ns = b->w.true_ns;
	told->at_wall_ms = n->at_wall_ms;
	told->in_doubt = b->w.fuse == 1;
	last = map_gets(&b->last[way], n->group_key);
	if (last &&
		(streq(last->id, told->id) || (last->in_doubt && streq(last->what, told->what)))) {
		b->repeated++;
	} else if (last) {
		if (last->at_wall_ms > told->at_wall_ms)
			broken(b, way, fact_of(b, n->alerts[0]), "an older flush is told later");
		if (streq(last->what, told->what) && !was_hidden(b, way, n, last->at_ns)) {
			b->repeats++;
			if (told->at_ns - last->at_ns < ways[way].repeat_ns)
				broken(b, way, fact_of(b, n->alerts[0]), "told twice");
		}
	}
	assert_int_equal(map_puts(&b->last[way], n->group_key, told), 0);
	told_free(last);
}

static enum notify_result server(struct world *w, const struct notification *n)
{
	struct book *b = w->userdata;
	size_t way = way_of(n);

	if (w->true_ns < b->down_until[way]) {
		b->failed_ns[way] = w->true_ns;
		b->failures++;
		return b->refuses[way] ? NOTIFY_REFUSED : NOTIFY_RETRY;
	}
	assert_true(n->n_alerts > 0);
	assert_true(ways[way].send_resolved || n->n_firing == n->n_alerts);
	compare_with_last(b, way, n);
	for (size_t i = 0; i < n->n_alerts; i++) {
		struct belief *belief = &b->beliefs[way][fact_of(b, n->alerts[i])];

		belief->firing = i < n->n_firing;
		if (belief->firing) {
			belief->told_ns = w->true_ns;
			belief->absent = belief->not_promised = false;
		} else {
			b->told_over++;
		}
	}
	return NOTIFY_SENT;
}

/* -- what is true ---------------------------------------------------------------------------- */

static enum truth truth_of(const struct book *b, const struct fact *fact)
{
	if (fact->firing)
		return FIRING;
	return b->w.true_ns < fact->over_by_ns ? UNKNOWN : OVER;
}

static bool is_silenced(const struct book *b, const struct fact *fact)
{
	for (size_t i = 0; i < b->n_silences; i++) {
		const struct silence *s = b->silences[i];

		/* A step more on both sides: a turn may have come just before. */
		if (s->starts_wall_ms <= b->w.now.wall_ms &&
			s->ends_wall_ms + STEP / NSEC_PER_MSEC > b->w.now.wall_ms &&
			matcher_list_match(&s->matchers, fact->labels))
			return true;
	}
	return false;
}

static bool is_inhibited(const struct book *b, const struct fact *fact)
{
	if (!streq(labels_get(fact->labels, "severity"), "warning"))
		return false;
	for (size_t i = 0; i < N_ALERTS; i++) {
		const struct labels *source = b->facts[i].labels;

		if (streq(labels_get(source, "severity"), "critical") &&
			truth_of(b, &b->facts[i]) != OVER &&
			streq(labels_get(source, "team"), labels_get(fact->labels, "team")) &&
			streq(labels_get(source, "alertname"),
				labels_get(fact->labels, "alertname")))
			return true;
	}
	return false;
}

static bool is_muted(const struct book *b, const struct way *way)
{
	int64_t second = b->w.now.wall_ms / 1000 % 86400;

	/* With a step more: a turn within it may have seen the last of it. */
	return *way->teams == 'b' && second >= 3600 && second <= 7200 + STEP / SEC;
}

static bool exists(const struct book *b, const struct way *way)
{
	return !way->optional || b->variant & 1;
}

static bool wants(const struct way *way, const struct fact *fact)
{
	return strchr(way->teams, *labels_get(fact->labels, "team")) != NULL;
}

/* -- what must hold -------------------------------------------------------------------------- */

static void check_one(struct book *b, size_t way, size_t alert, bool hidden)
{
	struct belief *belief = &b->beliefs[way][alert];
	enum truth truth = truth_of(b, &b->facts[alert]);
	bool stood_still = b->w.dead || !exists(b, &ways[way]);
	int64_t now = b->w.true_ns, free_ns = now;

	if (now >= b->down_until[way])
		free_ns = b->failed_ns[way] ? b->failed_ns[way] + RETRY_NS : 0;
	if (truth != FIRING || hidden || stood_still)
		belief->fires_ns = NEVER;
	else if (belief->fires_ns == NEVER)
		belief->fires_ns = now;
	/* In a mute time the end waits. */
	if (truth != OVER || stood_still || is_muted(b, &ways[way]))
		belief->over_ns = NEVER;
	else if (belief->over_ns == NEVER)
		belief->over_ns = now;
	/*
	 * As with Alertmanager, an end that comes while it must not be told is told to nobody; and
	 * what is told of others meanwhile leaves it out, as if it had never been told.
	 */
	if (hidden) {
		belief->hidden_ns = now;
		belief->not_promised = !b->tells_suppressed_ends;
	}
	if (!exists(b, &ways[way]))
		belief->absent = true;

	if (belief->fires_ns != NEVER) {
		int64_t since = now - MAX(belief->fires_ns, free_ns);

		if (since > ways[way].bound_ns + STEP && !belief->firing)
			broken(b, way, alert, "it fires, and was not told");
		/* It is known there, whether it was told or never taken back. */
		if (since > ways[way].bound_ns + STEP)
			belief->not_promised = false;
		if (since > ways[way].repeat_ns + 2 * ways[way].bound_ns &&
			now - belief->told_ns > ways[way].repeat_ns + 2 * ways[way].bound_ns)
			broken(b, way, alert, "it fires on, and was not repeated");
	}
	if (belief->over_ns != NEVER && ways[way].send_resolved && belief->firing &&
		!belief->not_promised && !belief->absent &&
		now - MAX(belief->over_ns, free_ns) > ways[way].bound_ns + STEP)
		broken(b, way, alert, "it is over, and was not told");
	if (hidden && belief->over_ns == now && belief->firing)
		b->hidden_ends++;
}

static void check_all(struct book *b)
{
	const struct notify *notify = b->w.notify;

	for (size_t a = 0; a < N_ALERTS; a++) {
		bool hidden = is_silenced(b, &b->facts[a]) || is_inhibited(b, &b->facts[a]);

		for (size_t i = 0; i < N_WAYS; i++) {
			if (wants(&ways[i], &b->facts[a]))
				check_one(b, i, a, hidden || is_muted(b, &ways[i]));
		}
	}
	assert_false(b->w.unkept);
	assert_in_range(notify->alerts.n, 0, N_ALERTS);
	/* By two names, two instances of a, and each of b alone; told in three ways at most. */
	assert_in_range(notify->groups.n, 0, 2 + 2 + 2 + 4);
	assert_in_range(notify->log.n, 0, 3 * 10);
	assert_in_range(notify->attempts.n, 0, 3 * 10);
	assert_in_range(b->w.rows[NOTIFY_KEEP_OUTBOX].n, 0, 3 * 10);
}

/* -- what happens ---------------------------------------------------------------------------- */

static void say(struct book *b, struct fact *fact)
{
	scoped(alert_unrefp) struct alert *alert = alert_new(fact->labels, NULL);

	assert_non_null(alert);
	alert->starts_wall_ms = fact->starts_wall_ms;
	alert->updated_wall_ms = b->w.now.wall_ms;
	alert->timeout = fact->leased && fact->firing;
	if (!fact->firing)
		alert->ends_wall_ms = b->w.now.wall_ms;
	fact->said_ns = b->w.true_ns;
	assert_int_equal(notify_put(b->w.notify, alert, b->w.now), 0);
}

static void turn(struct book *b, struct fact *fact)
{
	fact->firing = !fact->firing;
	fact->turn_ns = b->w.true_ns + some_time(b, NEVER);
	if (fact->firing) {
		fact->starts_wall_ms = b->w.now.wall_ms;
		fact->unsaid = false;
	} else {
		/* Unheard, its end is found by whoever asks the rules after the start, or by time. */
		fact->unsaid = fact->leased && (b->w.dead || chance(b) % 2);
		fact->over_by_ns = fact->unsaid ? fact->said_ns + 5 * MINUTE + STEP : 0;
	}
	if (!b->w.dead && !fact->unsaid)
		say(b, fact);
}

static void alerts_happen(struct book *b)
{
	for (size_t i = 0; i < N_ALERTS; i++) {
		struct fact *fact = &b->facts[i];

		if (b->w.true_ns >= fact->turn_ns)
			turn(b, fact);
		else if (!b->w.dead && fact->leased && fact->firing &&
			 b->w.true_ns - fact->said_ns >= MINUTE)
			say(b, fact);
	}
}

static void receivers_fail(struct book *b)
{
	for (size_t i = 0; i < N_WAYS; i++) {
		if (b->w.true_ns < b->up_until[i])
			continue;
		b->down_until[i] = b->w.true_ns + some_time(b, 5 * HOUR);
		b->up_until[i] = b->down_until[i] + between(b, MINUTE, 12 * HOUR);
		b->refuses[i] = chance(b) % 3 == 0;
	}
}

static void start_again(struct book *b)
{
	if (chance(b) % 3 == 0) {
		b->w.limits.boot_id++;
		b->w.now.boot_ns = between(b, 1, 100) * SEC;
	}
	world_restart(&b->w);
	b->kills++;
	b->start_ns = 0;
	for (size_t i = 0; i < N_ALERTS; i++) {
		struct fact *fact = &b->facts[i];

		if (fact->firing)
			say(b, fact);
		else if (fact->unsaid)
			/* It may be believed anew for as long. */
			fact->over_by_ns = b->w.true_ns + 5 * MINUTE + STEP;
	}
	assert_int_equal(notify_confirm_restored(b->w.notify, b->w.now), 0);
	b->kill_ns = b->w.true_ns + some_time(b, NEVER);
}

static void it_dies_and_lives(struct book *b)
{
	if (!b->w.dead) {
		/* In the middle of something, as soon as something is written or sent. */
		if (b->w.true_ns >= b->kill_ns && !b->w.fuse)
			b->w.fuse = (int)between(b, 1, 20);
		return;
	}
	if (!b->start_ns)
		b->start_ns = b->w.true_ns + some_time(b, HOUR);
	if (b->w.true_ns >= b->start_ns)
		start_again(b);
}

static void settings_change(struct book *b)
{
	struct config *config;

	if (b->w.dead || b->w.true_ns < b->reload_ns)
		return;
	b->variant = (unsigned)chance(b) % 8;
	config = settings(b->variant, b->tells_suppressed_ends);
	assert_int_equal(notify_configure(b->w.notify, config, b->w.now), 0);
	config_unref(b->w.config);
	b->w.config = config;
	b->reload_ns = b->w.true_ns + some_time(b, NEVER);
}

static void forget_silence(struct book *b, size_t i)
{
	silence_free(b->silences[i]);
	b->silences[i] = b->silences[--b->n_silences];
	memcpy(b->ids[i], b->ids[b->n_silences], sizeof(b->ids[i]));
}

static void silences_come_and_go(struct book *b)
{
	static const char *const matchers[] = { "instance=1", "instance=2", "team=a", "team=~b|c",
		"alertname!=A", "alertname=A,team=d", "severity=critical,team!=b" };

	for (size_t i = b->n_silences; i-- > 0;) {
		if (b->silences[i]->ends_wall_ms + STEP / NSEC_PER_MSEC < b->w.now.wall_ms)
			forget_silence(b, i);
	}
	if (b->w.dead || b->w.true_ns < b->silence_ns)
		return;
	b->silence_ns = b->w.true_ns + some_time(b, NEVER);
	if (b->n_silences && chance(b) % 3 == 0) {
		size_t i = chance(b) % b->n_silences;

		assert_int_equal(notify_silence_expire(b->w.notify, b->ids[i], b->w.now), 0);
		/* A kill may have come in between: then it was not ended. */
		b->silences[i]->ends_wall_ms = MIN(b->silences[i]->ends_wall_ms, b->w.now.wall_ms);
	} else if (b->n_silences < ARRAY_SIZE(b->silences)) {
		const char *text = matchers[chance(b) % ARRAY_SIZE(matchers)];
		int64_t from = chance(b) % 2 ? 0 : between(b, 0, 3600) * SEC;
		int64_t lasts = some_time(b, 6 * HOUR) + STEP;

		b->silences[b->n_silences] = silence_of(&b->w, text, from, lasts);
		world_silence(&b->w, text, from, lasts, b->ids[b->n_silences++]);
	}
}

/* -- a world --------------------------------------------------------------------------------- */

static void book_init(struct book *b, uint64_t seed)
{
	*b = (struct book){ .random = seed * 0x9e3779b97f4a7c15 + 1,
		.variant = 7,
		.tells_suppressed_ends = seed % 2 == 0 };
	world_init(&b->w, settings(b->variant, b->tells_suppressed_ends));
	b->w.true_ns = SEC;
	b->w.server = server;
	b->w.userdata = b;
	for (size_t i = 0; i < N_ALERTS; i++) {
		const char team[2] = { TEAMS[i / 4] };
		const char *const pairs[][2] = { { "alertname", i & 1 ? "A" : "B" },
			{ "instance", i & 2 ? "1" : "2" },
			{ "severity", i & 2 ? "critical" : "warning" }, { "team", team } };

		b->facts[i].labels = labels_new(ARRAY_SIZE(pairs), pairs);
		assert_non_null(b->facts[i].labels);
		b->facts[i].leased = i % 3 == 0;
		b->facts[i].turn_ns = some_time(b, NEVER);
		for (size_t k = 0; k < N_WAYS; k++)
			b->beliefs[k][i] = (struct belief){ .fires_ns = NEVER, .over_ns = NEVER };
	}
	for (size_t k = 0; k < N_WAYS; k++)
		b->up_until[k] = some_time(b, NEVER);
	b->kill_ns = some_time(b, NEVER);
	b->reload_ns = some_time(b, NEVER);
}

static void book_release(struct book *b)
{
	for (size_t i = 0; i < N_ALERTS; i++)
		labels_unref(b->facts[i].labels);
	for (size_t k = 0; k < N_WAYS; k++) {
		map_foreach (&b->last[k], e)
			told_free(e->value);
		map_release(&b->last[k]);
	}
	while (b->n_silences)
		forget_silence(b, 0);
	world_release(&b->w);
}

static void forget_mails(struct world *w)
{
	while (w->n_mails)
		notification_unref(w->mails[--w->n_mails].n);
}

static void live(struct book *b, int64_t ns)
{
	for (int64_t end = b->w.true_ns + ns; b->w.true_ns < end;) {
		it_dies_and_lives(b);
		settings_change(b);
		silences_come_and_go(b);
		alerts_happen(b);
		receivers_fail(b);
		world_run(&b->w, STEP);
		forget_mails(&b->w);
		check_all(b);
	}
}

/* All ends, and nobody does anything any more: nothing is left of it. */
static void all_ends(struct book *b)
{
	struct notify_stats stats;

	if (b->w.dead)
		start_again(b);
	b->w.fuse = 0;
	for (size_t k = 0; k < N_WAYS; k++)
		b->down_until[k] = 0;
	for (size_t i = 0; i < N_ALERTS; i++) {
		b->facts[i].firing = false;
		say(b, &b->facts[i]);
	}
	world_run(&b->w, 6 * 24 * HOUR);
	forget_mails(&b->w);
	notify_stats(b->w.notify, &stats);
	assert_int_equal(stats.alerts + stats.groups + stats.in_flight + stats.silences, 0);
	assert_int_equal(b->w.notify->log.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(b->w.rows); i++)
		assert_int_equal(b->w.rows[i].n, 0);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static void weeks_of_chance_break_no_promise(void **state)
{
	uint64_t seed = from_environment("TOLLD_SEED", 1);
	uint64_t weeks = from_environment("TOLLD_WEEKS", 2);
	size_t kills = 0, failures = 0, repeated = 0, repeats = 0, over = 0, hidden_ends = 0;

	for (uint64_t n = 0; n < weeks; n++) {
		struct book *b = calloc(1, sizeof(*b));

		assert_non_null(b);
		printf("seed %llu\n", (unsigned long long)(seed + n));
		book_init(b, seed + n);
		live(b, 7 * 24 * HOUR);
		assert_in_range(b->repeated, 0, b->kills);
		all_ends(b);
		kills += b->kills;
		failures += b->failures;
		repeated += b->repeated;
		repeats += b->repeats;
		over += b->told_over;
		hidden_ends += b->tells_suppressed_ends ? b->hidden_ends : 0;
		book_release(b);
		free(b);
	}
	printf("%zu kills, %zu failures, %zu mails repeated by kills, %zu by time, %zu ends told, %zu of "
	       "what was hidden\n",
		kills, failures, repeated, repeats, over, hidden_ends);
	/* The test would be blind without them. */
	assert_true(kills > 20 && failures > 100 && repeats > 20 && over > 100);
	assert_true(weeks < 2 || hidden_ends > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weeks_of_chance_break_no_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
