/*
 * world.h - a machine of notify with all that is around it: a clock, a disk, a mail server.
 *
 * Rows that the machine puts out are durable at once, mails go when the loop turns. A fuse kills the
 * process after so many events (a row written, a mail accepted): what comes later never happened.
 */
#ifndef TOLLD_TESTS_NOTIFY_WORLD_H
#define TOLLD_TESTS_NOTIFY_WORLD_H

#include "harness.h"

#include "notify/internal.h"
#include "settings.h"

#define SEC    NSEC_PER_SEC
#define MINUTE (60 * SEC)
#define HOUR   (60 * MINUTE)

struct mail {
	struct notification *n;
	int64_t true_ns;
};

struct world {
	struct notify *notify;
	struct notify_limits limits;
	struct config *config;
	struct instant now;
	int64_t true_ns; /* a clock that neither jumps nor starts anew */
	struct map rows[NOTIFY_KEEP_WITHHELD + 1];
	struct notification *queue[64]; /* put out, not sent yet */
	size_t n_queue;
	struct mail *mails; /* what the server accepted */
	size_t n_mails, cap_mails;
	size_t tries, outputs;
	enum notify_result (*server)(struct world *world, const struct notification *n);
	void (*on_notice)(const struct notify_notice *notice, struct world *world);
	int fuse; /* events until the process is killed; 0: never */
	bool dead;
	bool unkept; /* a SEND came without its row */
	size_t rows_written;
	void *userdata;
};

static inline void burn(struct world *w)
{
	if (w->fuse && !--w->fuse)
		w->dead = true;
}

static inline void on_output(const struct notify_output *output, void *userdata)
{
	struct world *w = userdata;
	char *old;

	w->outputs++;
	if (w->dead)
		return;
	if (output->type == NOTIFY_NOTICE) {
		if (w->on_notice)
			w->on_notice(output->notice, w);
		return;
	}
	if (output->type == NOTIFY_SEND) {
		if (!map_gets(&w->rows[NOTIFY_KEEP_OUTBOX], output->notification->id))
			w->unkept = true;
		assert_in_range(w->n_queue, 0, ARRAY_SIZE(w->queue) - 1);
		w->queue[w->n_queue++] = notification_ref(output->notification);
		return;
	}
	w->rows_written++;
	old = map_gets(&w->rows[output->type], output->key);
	if (output->value) {
		char *value = strdup(output->value);

		/* An allocation fails once, and that must not be the disk's. */
		value = value ? value : strdup(output->value);
		assert_non_null(value);
		if (map_puts(&w->rows[output->type], output->key, value))
			assert_int_equal(map_puts(&w->rows[output->type], output->key, value), 0);
	} else {
		map_dels(&w->rows[output->type], output->key);
	}
	free(old);
	burn(w);
}

/* The settings of most tests: one mail address that hears of ends, and one that does not. */
static inline struct config *config_with(
	const char *group_by, const char *wait, const char *interval, const char *repeat)
{
	struct strbuf text = STRBUF_INIT;
	struct config *config;

	strbuf_addf(&text,
		"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
		"route: {receiver: team, group_by: %s, group_wait: %s, group_interval: %s, "
		"repeat_interval: %s}\n"
		"receivers:\n"
		"- name: team\n"
		"  email_configs:\n"
		"  - {to: ops@example.org, send_resolved: true}\n"
		"  - {to: boss@example.org}\n",
		group_by, wait, interval, repeat);
	config = config_of(text.s);
	strbuf_release(&text);
	return config;
}

static inline void world_begin(struct world *w)
{
	w->limits.seed = w->limits.seed * 31 + 7;
	assert_int_equal(notify_new(&w->limits, on_output, w, &w->notify), 0);
}

static inline void world_init(struct world *w, struct config *config)
{
	*w = (struct world){ .config = config };
	w->limits.boot_id = 1;
	w->limits.seed = 1;
	w->now = (struct instant){ .boot_ns = 100 * SEC, .wall_ms = 1700000000000 };
	world_begin(w);
	assert_int_equal(notify_configure(w->notify, w->config, w->now), 0);
}

static inline void world_forget_queue(struct world *w)
{
	while (w->n_queue)
		notification_unref(w->queue[--w->n_queue]);
}

static inline void world_release(struct world *w)
{
	notify_free(w->notify);
	world_forget_queue(w);
	for (size_t i = 0; i < w->n_mails; i++)
		notification_unref(w->mails[i].n);
	free(w->mails);
	for (size_t i = 0; i < ARRAY_SIZE(w->rows); i++) {
		map_foreach (&w->rows[i], e)
			free(e->value);
		map_release(&w->rows[i]);
	}
	config_unref(w->config);
}

/* kill -9 and start again, from the rows alone. */
static inline void world_restart(struct world *w)
{
	w->dead = true;
	notify_free(TAKE(w->notify));
	world_forget_queue(w);
	w->dead = false;
	w->fuse = 0;
	world_begin(w);
	for (int t = NOTIFY_KEEP_ALERT; t <= NOTIFY_KEEP_WITHHELD; t++) {
		map_foreach (&w->rows[t], e)
			assert_int_equal(notify_restore(w->notify, (enum notify_output_type)t,
						 e->key, e->value),
				0);
	}
	assert_int_equal(notify_configure(w->notify, w->config, w->now), 0);
}

static inline void world_advance(struct world *w, int64_t ns)
{
	/* Whole milliseconds on both clocks, so that they never drift apart by rounding. */
	int64_t ms = (ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;

	w->now.boot_ns += ms * NSEC_PER_MSEC;
	w->now.wall_ms += ms;
	w->true_ns += ms * NSEC_PER_MSEC;
}

/* Sends what was put out, and tells what became of it. */
static inline void world_deliver(struct world *w)
{
	while (w->n_queue && !w->dead) {
		struct notification *n = w->queue[0];
		enum notify_result result = w->server ? w->server(w, n) : NOTIFY_SENT;

		memmove(w->queue, w->queue + 1, --w->n_queue * sizeof(n));
		w->tries++;
		if (result == NOTIFY_SENT) {
			assert_true(vec_reserve(w->mails, w->n_mails, w->cap_mails));
			w->mails[w->n_mails++] =
				(struct mail){ .n = notification_ref(n), .true_ns = w->true_ns };
			burn(w);
		}
		if (!w->dead)
			notify_sent(w->notify, n->id, result, NULL, w->now);
		notification_unref(n);
	}
}

/* Turns the loop for so long. */
static inline void world_run(struct world *w, int64_t ns)
{
	int64_t until = w->now.boot_ns + ns;

	while (!w->dead) {
		int64_t deadline = notify_deadline(w->notify);

		if (deadline > until)
			break;
		if (deadline > w->now.boot_ns)
			world_advance(w, deadline - w->now.boot_ns);
		notify_step(w->notify, w->now);
		world_deliver(w);
	}
	if (until > w->now.boot_ns)
		world_advance(w, until - w->now.boot_ns);
}

/* "a=1 b=2" */
static inline struct labels *labels_of(const char *text)
{
	scoped(freep) char *copy = strdup(text);
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels;
	char *save = NULL;

	for (char *s = copy; (s = strtok_r(s, " ", &save)); s = NULL) {
		char *equals = strchr(s, '=');

		labels_builder_setn(&b, s, (size_t)(equals - s), equals + 1, strlen(equals + 1));
	}
	assert_int_equal(labels_build(&b, &labels), 0);
	return labels;
}

static inline struct alert *alert_named(const char *name, const char *instance)
{
	const char *const pairs[][2] = { { "alertname", name }, { "instance", instance } };
	scoped(labels_unrefp) struct labels *labels = labels_new(2, pairs);
	struct alert *alert = alert_new(labels, NULL);

	assert_non_null(alert);
	return alert;
}

/* Puts an alert as a rule does: without an end while it fires. */
static inline int world_put(struct world *w, const char *name, const char *instance, bool firing)
{
	scoped(alert_unrefp) struct alert *alert = alert_named(name, instance);

	alert->starts_wall_ms = w->now.wall_ms;
	alert->updated_wall_ms = w->now.wall_ms;
	if (!firing)
		alert->ends_wall_ms = w->now.wall_ms;
	return notify_put(w->notify, alert, w->now);
}

/* The same for any labels, as labels_of() takes them. Its fingerprint. */
static inline uint64_t world_put_labels(struct world *w, const char *text, bool firing)
{
	scoped(labels_unrefp) struct labels *labels = labels_of(text);
	scoped(alert_unrefp) struct alert *alert = alert_new(labels, NULL);

	assert_non_null(alert);
	alert->starts_wall_ms = w->now.wall_ms;
	if (!firing)
		alert->ends_wall_ms = w->now.wall_ms;
	assert_int_equal(notify_put(w->notify, alert, w->now), 0);
	return labels_fingerprint(labels);
}

static inline void fires(struct world *w, const char *name, const char *instance)
{
	assert_int_equal(world_put(w, name, instance, true), 0);
}

static inline void ends(struct world *w, const char *name, const char *instance)
{
	assert_int_equal(world_put(w, name, instance, false), 0);
}

/* A silence from now on, or for `from_ns` not yet. */
static inline struct silence *silence_of(
	const struct world *w, const char *matchers, int64_t from_ns, int64_t for_ns)
{
	struct silence *silence = silence_new();
	char error[MATCHER_MAX_ERROR];

	assert_non_null(silence);
	assert_int_equal(matcher_list_parse(MATCHERS_FALLBACK, matchers, &silence->matchers, error,
				 sizeof(error)),
		0);
	silence->starts_wall_ms = w->now.wall_ms + from_ns / NSEC_PER_MSEC;
	silence->ends_wall_ms = silence->starts_wall_ms + for_ns / NSEC_PER_MSEC;
	return silence;
}

static inline void world_silence(struct world *w, const char *matchers, int64_t from_ns,
	int64_t for_ns, char id[SILENCE_ID_LEN + 1])
{
	char error[MATCHER_MAX_ERROR];

	assert_int_equal(notify_silence_put(w->notify, silence_of(w, matchers, from_ns, for_ns),
				 w->now, id, error, sizeof(error)),
		0);
}

/* The mails of one address as one line: "first notification: a! b! c.; ..." */
static inline char *mails_text(const struct world *w, unsigned index)
{
	struct strbuf out = STRBUF_INIT;
	char *text = NULL;

	for (size_t i = 0; i < w->n_mails; i++) {
		const struct notification *n = w->mails[i].n;

		if (n->index != index)
			continue;
		strbuf_addf(&out, "%s%s:", out.len ? "; " : "", n->reason);
		for (size_t k = 0; k < n->n_alerts; k++)
			strbuf_addf(&out, " %s%c", labels_get(n->alerts[k]->labels, "instance"),
				k < n->n_firing ? '!' : '.');
	}
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

#define assert_mails(w, index, expected)                                                           \
	do {                                                                                       \
		scoped(freep) char *text_ = mails_text((w), (index));                              \
		assert_string_equal(text_, (expected));                                            \
	} while (0)

#endif
