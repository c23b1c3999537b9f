/*
 * budget.c - how much a receiver is sent, and what is held back when that is used up.
 *
 * A budget of N in T lets N notifications through in any T, failed ones not counted. The last quarter of
 * it is kept for digests: once the others are used up, what would be sent is written down instead, by group,
 * and goes out as one notification a little later; then again when there is more, each time T through the
 * number of that quarter apart. So a flood is told late and in short, and never in part.
 *
 * For the log of what was told, withheld is told: the digest takes the place of the notification. What is
 * withheld is durable before the log is.
 */
#include "notify/internal.h"

#include <errno.h>

/* A flood has more than its first notification. */
#define GATHER_NS (60 * NSEC_PER_SEC)
/* When a digest failed for want of memory; when its flush was over before somebody took it. */
#define AGAIN_NS    NSEC_PER_SEC
#define FAILED_NS   (60 * NSEC_PER_SEC)
#define OTHER_GROUP "{other groups}"

static void digest_key(struct strbuf *out, const char *receiver, const char *name, unsigned index)
{
	strbuf_addf(out, "%s/%s/%u", receiver, name, index);
}

/* NULL where it has none. */
static int digest_find(
	const struct notify *notify, const struct integration *to, struct digest **ret)
{
	struct strbuf key = STRBUF_INIT;
	int err;

	digest_key(&key, to->receiver, to->name, to->index);
	err = key.err;
	if (!err)
		*ret = map_gets(&notify->digests.by_key, key.s);
	strbuf_release(&key);
	return err;
}

void withheld_free(struct withheld *withheld)
{
	if (!withheld)
		return;
	labels_unref(withheld->labels);
	free(withheld->name);
	free(withheld);
}

static void digest_free(struct notify *notify, struct digest *digest)
{
	timers_disown(&notify->timers, &digest->timer);
	free(digest->key);
	free(digest->receiver);
	free(digest->integration);
	free(digest);
}

static void budget_free(struct budget *budget)
{
	free(budget->key);
	free(budget);
}

int digest_make(struct notify *notify, const char *receiver, const char *name, unsigned index,
	struct digest **ret)
{
	const struct integration to = { .receiver = receiver, .name = name, .index = index };
	struct strbuf key = STRBUF_INIT;
	struct digest *digest;
	int err = digest_find(notify, &to, &digest);

	if (err)
		return err;
	if (digest) {
		*ret = digest;
		return 0;
	}
	digest = calloc(1, sizeof(*digest));
	if (!digest)
		return -ENOMEM;
	if (timers_own(&notify->timers)) {
		free(digest);
		return -ENOMEM;
	}
	digest->timer.kind = TIMER_DIGEST;
	digest->index = index;
	digest->receiver = strdup(receiver);
	digest->integration = strdup(name);
	digest_key(&key, receiver, name, index);
	err = strbuf_finish(&key, &digest->key);
	if (!err && (!digest->receiver || !digest->integration))
		err = -ENOMEM;
	if (!err)
		err = map_puts(&notify->digests.by_key, digest->key, digest);
	if (err)
		digest_free(notify, digest);
	else
		*ret = digest;
	return err;
}

int budget_make(struct notify *notify, const char *key, struct budget **ret)
{
	struct budget *budget = map_gets(&notify->digests.budgets, key);

	if (!budget) {
		budget = calloc(1, sizeof(*budget));
		if (!budget)
			return -ENOMEM;
		budget->key = strdup(key);
		if (!budget->key || map_puts(&notify->digests.budgets, key, budget)) {
			budget_free(budget);
			return -ENOMEM;
		}
	}
	*ret = budget;
	return 0;
}

void digests_release(struct notify *notify)
{
	map_foreach (&notify->digests.withheld, e)
		withheld_free(e->value);
	map_foreach (&notify->digests.by_key, e)
		digest_free(notify, e->value);
	map_foreach (&notify->digests.budgets, e)
		budget_free(e->value);
	map_release(&notify->digests.withheld);
	map_release(&notify->digests.by_key);
	map_release(&notify->digests.budgets);
}

/* -- what a budget has left ------------------------------------------------------------------- */

static int64_t per_ns(const struct budget *budget)
{
	return budget->recent.slot_ns * (RECENT_SLOTS - 1);
}

/* Of its count, what only digests may use. */
static int64_t reserve(const struct budget *budget)
{
	return MAX(budget->count / 4, 1);
}

static int64_t left(struct budget *budget, struct instant now)
{
	return budget->count - recent_count(&budget->recent, now.boot_ns) - budget->in_flight;
}

int digest_withholds(
	struct notify *notify, const struct integration *to, struct instant now, bool *ret)
{
	struct digest *digest = NULL;
	int err = 0;

	if (to->budget && to->budget->count)
		err = digest_find(notify, to, &digest);
	if (err)
		return err;
	/* What is new must not overtake what is old. */
	*ret = digest && digest->budget && digest->budget->count &&
	       (digest->n_withheld || left(digest->budget, now) <= reserve(digest->budget));
	return 0;
}

int budget_begin(struct notify *notify, struct attempt *attempt, const struct integration *to)
{
	struct digest *digest = NULL;
	int err = digest_find(notify, to, &digest);

	if (err)
		return err;
	attempt->budget = digest ? digest->budget : NULL;
	if (attempt->budget)
		attempt->budget->in_flight++;
	return 0;
}

void budget_end(struct notify *notify, struct attempt *attempt)
{
	if (attempt->budget)
		attempt->budget->in_flight--;
	attempt->budget = NULL;
}

void budget_spend(struct notify *notify, struct budget *budget, struct instant now)
{
	if (!budget || !budget->count)
		return;
	recent_add(&budget->recent, now.boot_ns);
	persist_budget(notify, budget, now);
}

/* -- what is withheld ------------------------------------------------------------------------- */

/* From one digest to the next. */
static int64_t pause_after(const struct digest *digest)
{
	const struct budget *budget = digest->budget;

	return budget && budget->count ? per_ns(budget) / reserve(budget) : 0;
}

/* Where it is armed already, it only comes sooner. */
static void arm(struct notify *notify, struct digest *digest, struct instant now)
{
	int64_t gather = GATHER_NS, at;

	if (!digest->n_withheld || digest->under_way)
		return;
	if (digest->budget && digest->budget->count)
		gather = MIN(gather, pause_after(digest));
	at = MAX(digest->next_boot_ns, now.boot_ns + gather);
	if (!digest->timer.place || at < digest->timer.at_boot_ns)
		timer_set(&notify->timers, &digest->timer, at);
}

static int withheld_new(struct notify *notify, struct digest *digest, const char *key,
	const struct group *group, const char *name, struct withheld **ret)
{
	struct withheld *withheld = calloc(1, sizeof(*withheld));

	if (!withheld)
		return -ENOMEM;
	withheld->digest = digest;
	withheld->name = strdup(name);
	withheld->labels = labels_ref(group->name.labels);
	if (!withheld->name || map_puts(&notify->digests.withheld, key, withheld)) {
		withheld_free(withheld);
		return -ENOMEM;
	}
	digest->n_withheld++;
	*ret = withheld;
	return 0;
}

/* The key may be the map's own, which goes with it. */
static void withheld_drop(struct notify *notify, const char *key)
{
	struct withheld *withheld;

	persist_delete(notify, NOTIFY_KEEP_WITHHELD, key);
	withheld = map_dels(&notify->digests.withheld, key);
	withheld->digest->n_withheld--;
	withheld_free(withheld);
}

int digest_add(struct notify *notify, const struct integration *to, const char *log_key,
	const struct group *group, const struct flush *flush, struct instant now)
{
	struct digest *digest = NULL;
	struct withheld *withheld = map_gets(&notify->digests.withheld, log_key), before;
	const char *name =
		flush->n ? labels_get(flush->alerts[0].shown->labels, LABEL_ALERTNAME) : NULL;
	struct strbuf other = STRBUF_INIT;
	const char *key = log_key;
	int err = digest_find(notify, to, &digest);

	/* Of more groups than there may be at a time only the number is kept. */
	if (!withheld && notify->digests.withheld.n >= notify->limits.max_groups) {
		strbuf_addf(&other, OTHER_GROUP ":%s/%s/%u", to->receiver, to->name, to->index);
		err = err ? err : other.err;
		key = other.s;
		name = OTHER_GROUP;
		withheld = map_gets(&notify->digests.withheld, key);
	}
	if (!err && !withheld)
		err = withheld_new(notify, digest, key, group, name ? name : "", &withheld);
	if (!err) {
		before = *withheld;
		withheld->firing = flush->n_firing;
		withheld->resolved = flush->n - flush->n_firing;
		withheld->notifications++;
		if (!withheld->first_wall_ms)
			withheld->first_wall_ms = now.wall_ms;
		err = persist_withheld(notify, key, withheld);
		if (err && before.notifications)
			*withheld = before;
		else if (err)
			withheld_drop(notify, key);
	}
	if (!err)
		arm(notify, digest, now);
	strbuf_release(&other);
	return err;
}

void digest_note_over(struct notify *notify, const char *log_key, size_t n_resolved)
{
	struct withheld *withheld = map_gets(&notify->digests.withheld, log_key);

	if (!withheld)
		return;
	withheld->firing = 0;
	withheld->resolved = n_resolved;
	persist_withheld(notify, log_key, withheld);
}

void digest_explain(struct notify *notify, const struct integration *to, struct strbuf *out)
{
	struct digest *digest = NULL;

	if (!digest_find(notify, to, &digest) && digest && digest->budget)
		budget_describe(digest->budget->count, per_ns(digest->budget), out);
	strbuf_adds(out, "; a digest follows");
}

/* -- digests ---------------------------------------------------------------------------------- */

void digest_tick(struct notify *notify, struct digest *digest, struct instant now)
{
	const struct integration to = { .receiver = digest->receiver,
		.name = digest->integration,
		.index = digest->index,
		.send_resolved = true };

	if (!digest->n_withheld || digest->under_way)
		return;
	if (digest->budget && digest->budget->count && left(digest->budget, now) <= 0) {
		timer_set(&notify->timers, &digest->timer,
			recent_next(&digest->budget->recent, now.boot_ns));
		return;
	}
	if (digest_send(notify, digest, &to, now))
		timer_set(&notify->timers, &digest->timer, now.boot_ns + AGAIN_NS);
}

void digest_over(struct notify *notify, struct digest *digest, bool told, struct instant now)
{
	int64_t pause_ns = FAILED_NS;

	digest->under_way = NULL;
	map_foreach (&notify->digests.withheld, e) {
		struct withheld *withheld = e->value;

		if (withheld->digest != digest || !withheld->in_digest)
			continue;
		if (told)
			withheld->notifications -= withheld->in_digest;
		withheld->in_digest = 0;
		if (!withheld->notifications)
			withheld_drop(notify, e->key);
		else if (told)
			persist_withheld(notify, e->key, withheld);
	}
	if (told)
		pause_ns = pause_after(digest);
	digest->next_boot_ns = now.boot_ns + pause_ns;
	arm(notify, digest, now);
}

/* -- a new configuration ---------------------------------------------------------------------- */

static int prepare(struct notify *notify, const struct integration *to)
{
	struct budget *budget;
	struct digest *digest;
	int err = budget_make(notify, to->budget->key, &budget);

	if (!err)
		err = digest_make(notify, to->receiver, to->name, to->index, &digest);
	if (err)
		return err;
	digest->coming = budget;
	budget->coming_count = to->budget->count;
	budget->coming_ns = ns_of_ms(to->budget->per_ms);
	return 0;
}

int digests_prepare(struct notify *notify, const struct config *config)
{
	map_foreach (&notify->digests.by_key, e)
		((struct digest *)e->value)->coming = NULL;
	for (size_t i = 0; i < config->n_receivers; i++) {
		const struct config_receiver *receiver = &config->receivers[i];

		for (size_t k = 0; k < receiver_integrations(receiver); k++) {
			struct integration to = receiver_integration(receiver, k);
			int err = to.budget && to.budget->count ? prepare(notify, &to) : 0;

			if (err)
				return err;
		}
	}
	return 0;
}

/* The rows' clocks: exact within a boot, and as the wall clock has it after another one. */
static void restore_clock(struct notify *notify, struct budget *budget, struct instant now)
{
	int64_t age_ns = ns_of_ms(now.wall_ms - budget->head_wall_ms);

	if (budget->boot_id && budget->boot_id == notify->limits.boot_id)
		age_ns = now.boot_ns - budget->recent.head_boot_ns;
	budget->recent.head_boot_ns = now.boot_ns - MAX(age_ns, 0);
	budget->restored = false;
}

static void take_over(struct notify *notify, struct digest *digest, struct instant now)
{
	struct budget *budget = TAKE(digest->coming);

	digest->budget = budget;
	if (!budget)
		return;
	if (budget->restored)
		restore_clock(notify, budget, now);
	if (budget->recent.slot_ns)
		recent_resize(&budget->recent, budget->coming_ns, now.boot_ns);
	else
		recent_init(&budget->recent, budget->coming_ns, now.boot_ns);
	budget->count = budget->coming_count;
}

/* Nobody is there any more who could be told. */
static void forget(struct notify *notify, struct digest *digest)
{
	map_foreach (&notify->digests.withheld, e) {
		if (((const struct withheld *)e->value)->digest == digest)
			withheld_drop(notify, e->key);
	}
}

void digests_configure(struct notify *notify, struct instant now)
{
	map_foreach (&notify->digests.budgets, e)
		((struct budget *)e->value)->count = 0;
	map_foreach (&notify->digests.by_key, e) {
		struct digest *digest = e->value;

		take_over(notify, digest, now);
		if (!integration_exists(
			    notify->config, digest->receiver, digest->integration, digest->index))
			forget(notify, digest);
		if (!digest->budget && !digest->n_withheld && !digest->under_way) {
			map_dels(&notify->digests.by_key, digest->key);
			digest_free(notify, digest);
			continue;
		}
		/* The pause that another budget asked for may be a day; what is new waits behind it. */
		digest->next_boot_ns = MIN(digest->next_boot_ns, now.boot_ns + pause_after(digest));
		arm(notify, digest, now);
	}
	map_foreach (&notify->digests.budgets, e) {
		struct budget *budget = e->value;

		if (budget->count || budget->in_flight)
			continue;
		persist_delete(notify, NOTIFY_KEEP_BUDGET, budget->key);
		map_dels(&notify->digests.budgets, budget->key);
		budget_free(budget);
	}
}

int digests_keep_all(struct notify *notify, struct instant now)
{
	int failed = 0;

	map_foreach (&notify->digests.budgets, e)
		failed |= persist_budget(notify, e->value, now);
	map_foreach (&notify->digests.withheld, e)
		failed |= persist_withheld(notify, e->key, e->value);
	return failed;
}
