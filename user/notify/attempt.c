/*
 * attempt.c - one notification under way: put out, tried again, told or given up.
 *
 * The first try is made at once; after a failure it waits 500 ms, then half as long again each time,
 * up to a minute, each pause up to half shorter or longer by chance. When the flush's time is over
 * it is given up; the log stays as it was, so the group's next flush begins anew.
 *
 * Source: alertmanager notify/retry_stage.go and the defaults of its exponential backoff.
 */
#include "notify/internal.h"

#include <errno.h>
#include <stdio.h>

#define BACKOFF_FIRST_NS (500 * NSEC_PER_MSEC)
#define BACKOFF_MAX_NS	 (60 * NSEC_PER_SEC)
/* Nobody said for this long what became of it: an answer that never comes must not end a group. */
#define LOST_NS (300 * NSEC_PER_SEC)

static void new_id(struct notify *notify, char out[33])
{
	unsigned long long high = notify_random(notify), low = notify_random(notify);

	snprintf(out, 33, "%016llx%016llx", high, low);
}

static struct notification *render(const struct flush *flush, const struct integration *to,
	const struct group_name *group, enum reason reason)
{
	scoped(notification_unrefp) struct notification *n = notification_new();
	size_t count = to->send_resolved ? flush->n : flush->n_firing;

	if (!n)
		return NULL;
	n->receiver = strdup(to->receiver);
	n->integration = strdup(to->name);
	n->group_key = strdup(group->key);
	n->alerts = calloc(count + 1, sizeof(struct alert *));
	if (!n->receiver || !n->integration || !n->group_key || !n->alerts)
		return NULL;
	for (; n->n_alerts < count; n->n_alerts++)
		n->alerts[n->n_alerts] = alert_ref(flush->alerts[n->n_alerts].shown);
	n->n_firing = flush->n_firing;
	n->index = to->index;
	n->group_labels = labels_ref(group->labels);
	n->route_labels = group->route_labels ? labels_ref(group->route_labels) : NULL;
	n->at_wall_ms = flush->at.wall_ms;
	n->reason = reason_text(reason);
	return TAKE(n);
}

/* What can fail without the machine: the notification, and what the log will say. */
static int fill(struct notify *notify, struct attempt *attempt, const struct integration *to,
	const struct group_name *group, enum reason reason)
{
	const struct flush *flush = attempt->flush;
	struct strbuf key = STRBUF_INIT;

	attempt->notification = render(flush, to, group, reason);
	attempt->group_id = strdup(group->id);
	log_key(&key, group->id, to->receiver, to->name, to->index);
	if (strbuf_finish(&key, &attempt->log_key) || !attempt->notification || !attempt->group_id)
		return -ENOMEM;
	attempt->entry = log_entry_after(flush, log_find(notify, attempt->log_key));
	return attempt->entry ? 0 : -ENOMEM;
}

static void fields_free(struct attempt *attempt)
{
	notification_unref(attempt->notification);
	free(attempt->entry);
	free(attempt->log_key);
	free(attempt->group_id);
	free(attempt->words);
	free(attempt);
}

int attempt_new(struct notify *notify, struct flush *flush, const struct integration *integration,
	const struct group_name *group, enum reason reason, int64_t repeat_ns, const char *id,
	struct attempt **ret)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	if (!attempt)
		return -ENOMEM;
	attempt->flush = flush;
	attempt->backoff_ns = BACKOFF_FIRST_NS;
	attempt->timer.kind = TIMER_ATTEMPT;
	if (fill(notify, attempt, integration, group, reason) || timers_own(&notify->timers)) {
		fields_free(attempt);
		return -ENOMEM;
	}
	if (id)
		memcpy(attempt->notification->id, id, sizeof(attempt->notification->id));
	else
		new_id(notify, attempt->notification->id);
	memcpy(attempt->entry->id, attempt->notification->id, sizeof(attempt->entry->id));
	attempt->entry->repeat_ns = repeat_ns;
	if (log_reserve(notify, attempt->log_key) || budget_begin(notify, attempt, integration) ||
		map_puts(&notify->attempts, attempt->notification->id, attempt)) {
		attempt_free(notify, attempt);
		return -ENOMEM;
	}
	flush->n_open++;
	count_notification(notify, integration->name);
	*ret = attempt;
	return 0;
}

void attempt_free(struct notify *notify, struct attempt *attempt)
{
	if (!attempt)
		return;
	budget_end(notify, attempt);
	map_dels(&notify->attempts, attempt->notification->id);
	log_unreserve(notify, attempt->log_key);
	timers_disown(&notify->timers, &attempt->timer);
	fields_free(attempt);
}

/* `result`: RETRY where there is no time left for another try. */
static void over(struct notify *notify, struct attempt *attempt, enum notify_result result,
	const char *words, struct instant now)
{
	struct flush *flush = attempt->flush;
	struct digest *digest = attempt->digest;
	/* Who was served must not be told again by the next flush, only because others were not. */
	bool told = result == NOTIFY_SENT || attempt->notification->served;

	notice_attempt(notify, attempt, told ? NOTICE_SENT : NOTICE_FAILED, words, now);
	if (told)
		budget_spend(notify, attempt->budget, now);
	if (told && !attempt->digest) {
		struct log_entry *entry = TAKE(attempt->entry);

		entry->at_boot_ns = now.boot_ns;
		entry->at_wall_ms = now.wall_ms;
		log_set(notify, attempt->log_key, entry);
		persist_log(notify, attempt->log_key, entry);
	}
	if (told) {
		notify->stats.sent++;
	} else {
		if (attempt->in_doubt) {
			attempt->entry->at_boot_ns = now.boot_ns;
			attempt->entry->at_wall_ms = now.wall_ms;
			/* Without memory it counts as not told, as after any failure. */
			log_doubt(notify, attempt->log_key, attempt->entry);
		}
		notify->stats.failed++;
		count_failure(notify, attempt->notification->integration, result == NOTIFY_REFUSED);
	}
	/* After the log: killed in between, the id in the log shows that it was told. */
	if (!digest)
		persist_delete(notify, NOTIFY_KEEP_OUTBOX, attempt->notification->id);
	attempt_free(notify, attempt);
	if (digest)
		digest_over(notify, digest, told, now);
	flush_attempt_over(notify, flush, told, now);
}

/* From half of it to half more. */
static int64_t jittered(struct notify *notify, int64_t ns)
{
	return ns / 2 + (int64_t)(notify_random(notify) % (uint64_t)(ns + 1));
}

static void try_later(struct notify *notify, struct attempt *attempt, struct instant now)
{
	int64_t at = now.boot_ns + jittered(notify, attempt->backoff_ns);

	attempt->sending = false;
	attempt->backoff_ns = MIN(attempt->backoff_ns * 3 / 2, BACKOFF_MAX_NS);
	timer_set(&notify->timers, &attempt->timer, MIN(at, attempt->flush->give_up_boot_ns));
}

void attempt_try(struct notify *notify, struct attempt *attempt, struct instant now)
{
	int64_t lost = MAX(attempt->flush->give_up_boot_ns, now.boot_ns) + LOST_NS;
	/* An answer from within the callback ends the attempt. */
	scoped(notification_unrefp) struct notification *n = NULL;
	struct notify_output send = { .type = NOTIFY_SEND };

	/* What is not written down must not be sent. */
	if (!attempt->digest && persist_outbox(notify, attempt)) {
		try_later(notify, attempt, now);
		return;
	}
	n = notification_ref(attempt->notification);
	attempt->sending = true;
	attempt->tries++;
	attempt->sent_boot_ns = now.boot_ns;
	timer_set(&notify->timers, &attempt->timer, lost);
	send.notification = n;
	notify->output(&send, notify->userdata);
}

/*
 * A reload took its group away: what still fires is in another one, which tells it, and would be told twice.
 * That something is over nobody else tells; nor, after a restart, what may have been told by half.
 */
static bool is_superseded(const struct attempt *attempt)
{
	return !attempt->flush->group && !attempt->digest && !attempt->in_doubt &&
	       !attempt->notification->served && attempt->notification->n_firing;
}

void attempt_tick(struct notify *notify, struct attempt *attempt, struct instant now)
{
	const struct notification *n = attempt->notification;

	if (!integration_exists(notify->config, n->receiver, n->integration, n->index))
		over(notify, attempt, NOTIFY_RETRY, "the receiver is no longer in the settings",
			now);
	else if (attempt->sending)
		over(notify, attempt, NOTIFY_RETRY, "nobody said what became of it", now);
	else if (is_superseded(attempt))
		over(notify, attempt, NOTIFY_RETRY, "the settings group its alerts anew", now);
	else if (now.boot_ns >= attempt->flush->give_up_boot_ns)
		over(notify, attempt, NOTIFY_RETRY, attempt->words, now);
	else
		attempt_try(notify, attempt, now);
}

/* Only for those who ask why: without memory they are not told. */
static void keep_words(struct attempt *attempt, const char *words)
{
	free(attempt->words);
	attempt->words = words && *words ? strdup(words) : NULL;
}

/* Whether both say the same, however long it took: "after 3072 ms" differs from try to try. */
static bool same_words(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		size_t number = strspn(a, "0123456789");

		if (number && starts_with(a + number, " ms")) {
			a += number;
			b += strspn(b, "0123456789");
		}
		if (*a != *b)
			return false;
	}
	return *a == *b;
}

void notify_served(struct notify *notify, const char *id, const char *served)
{
	struct attempt *attempt = map_gets(&notify->attempts, id);
	struct notification *n = attempt ? attempt->notification : NULL;
	struct strbuf all = STRBUF_INIT;
	char *text;

	if (!attempt || !attempt->sending)
		return;
	strbuf_addf(&all, "%s%s", n->served ? n->served : "", served);
	/* Without memory some get it twice. */
	if (strbuf_finish(&all, &text))
		return;
	free(n->served);
	n->served = text;
	/* At once: killed before the next try, it is tried again for those who wait. */
	if (!attempt->digest)
		persist_outbox(notify, attempt);
}

bool notify_sent(struct notify *notify, const char *id, enum notify_result result,
	const char *words, struct instant now)
{
	struct attempt *attempt = map_gets(&notify->attempts, id);
	bool news;

	if (!attempt || !attempt->sending)
		return true;
	count_request(notify, attempt->notification->integration, result == NOTIFY_SENT,
		now.boot_ns - attempt->sent_boot_ns);
	news = result != NOTIFY_RETRY || !attempt->words ||
	       !same_words(attempt->words, words ? words : "");
	notify->stats.retried += result == NOTIFY_RETRY;
	if (result != NOTIFY_RETRY || now.boot_ns >= attempt->flush->give_up_boot_ns) {
		over(notify, attempt, result, words, now);
		return news;
	}
	/* A server that is away for hours is not to fill the log with itself. */
	if (attempt->tries == 1)
		notice_attempt(notify, attempt, NOTICE_RETRIED, words, now);
	keep_words(attempt, words);
	try_later(notify, attempt, now);
	return news;
}
