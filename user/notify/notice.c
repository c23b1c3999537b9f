/*
 * notice.c - what became of notifications, for those who ask later.
 *
 * Bounded by what happens, not by the time it lasts: one notice of a notification's first failure and
 * one of its end, however often it is tried; and of an alert that is not told one where that begins,
 * ends, or gets another cause, however often its group is looked at.
 */
#include "notify/internal.h"

static void put_out(struct notify *notify, const struct notify_notice *notice)
{
	const struct notify_output output = { .type = NOTIFY_NOTICE, .notice = notice };

	notify->output(&output, notify->userdata);
}

void notice_attempt(struct notify *notify, const struct attempt *attempt,
	enum notice_outcome outcome, const char *words, struct instant now)
{
	const struct notification *n = attempt->notification;
	const struct notify_notice notice = {
		.outcome = outcome,
		.id = n->id,
		.receiver = n->receiver,
		.integration = n->integration,
		.index = n->index,
		.group_labels = n->group_labels,
		.alerts = n->alerts,
		.n_alerts = n->n_alerts,
		.n_firing = n->n_firing,
		.reason = n->reason,
		.why = words,
		.tries = attempt->tries,
		.at_wall_ms = now.wall_ms,
	};

	put_out(notify, &notice);
}

void notice_kept_back(struct notify *notify, const struct flush *flush, const struct group *group,
	const struct integration *to, const char *reason, const char *why)
{
	struct alert **alerts = calloc(flush->n, sizeof(struct alert *));
	struct notify_notice notice = {
		.outcome = NOTICE_SUPPRESSED,
		.receiver = to->receiver,
		.integration = to->name,
		.index = to->index,
		.group_labels = group->name.labels,
		.alerts = alerts,
		.n_alerts = flush->n,
		.n_firing = flush->n_firing,
		.reason = reason,
		.why = why,
		.at_wall_ms = flush->at.wall_ms,
	};

	for (size_t i = 0; alerts && i < flush->n; i++)
		alerts[i] = flush->alerts[i].shown;
	if (!alerts)
		notice.n_alerts = notice.n_firing = 0;
	put_out(notify, &notice);
	free(alerts);
}

/* -- alerts that are not told ---------------------------------------------------------------- */

static bool add_interval(const struct config_time_interval *interval, void *userdata)
{
	struct strbuf *out = userdata;

	strbuf_addf(out, "%s%s", out->len ? ", " : "", interval->name.s);
	return true;
}

static void add_silence(struct strbuf *out, const struct silence *silence)
{
	strbuf_adds(out, silence->id);
	if (silence->created_by && *silence->created_by)
		strbuf_addf(out, " by %s", silence->created_by);
	if (silence->comment && *silence->comment)
		strbuf_addf(out, ": %s", silence->comment);
}

/* Which silence, alert or interval it is: of the first of several. */
static void explain(
	struct notify *notify, struct membership *m, struct strbuf *out, struct instant now)
{
	const struct silence *silence;
	const struct entry *source;
	size_t at = 0;

	switch (m->suppression) {
	case SILENCED:
		silence = entry_silenced_by(notify, m->entry, now.wall_ms, &at);
		if (silence)
			add_silence(out, silence);
		break;
	case INHIBITED:
		source = inhibited_by(notify, m->entry->alert->labels, now);
		if (source)
			labels_format(source->alert->labels, out);
		break;
	default:
		route_silent_by(m->group->route, now.wall_ms, add_interval, out);
	}
}

static uint8_t state_of(const struct membership *m)
{
	return m->suppression == SUPPRESS_NOT
		       ? 0
		       : (uint8_t)(m->suppression << 1 | (m->verdict == HIDE_OVER));
}

static bool is_news(const struct membership *m, enum suppression why)
{
	return m->suppression == why && state_of(m) != m->noticed;
}

static void notice_of(struct notify *notify, struct group *group, enum suppression why,
	struct alert **alerts, struct instant now)
{
	static const char *const reasons[SUPPRESSIONS] = {
		[SILENCED] = "silenced",
		[INHIBITED] = "inhibited",
		[IN_MUTE_TIME] = "in a mute time interval",
		[OUT_OF_TIME] = "outside of the active time intervals",
	};
	struct notify_notice notice = {
		.outcome = NOTICE_SUPPRESSED,
		.receiver = group->route->receiver->name.s,
		.group_labels = group->name.labels,
		.alerts = alerts,
		.reason = reasons[why],
		.at_wall_ms = now.wall_ms,
	};
	struct strbuf text = STRBUF_INIT;
	struct membership *first = NULL;

	for (int over = 0; over <= 1; over++) {
		for (size_t i = 0; i < group->n; i++) {
			struct membership *m = group->members[i];

			if (!is_news(m, why) || (m->verdict == HIDE_OVER) != over)
				continue;
			first = first ? first : m;
			alerts[notice.n_alerts++] = m->entry->alert;
			notice.n_firing += !over;
		}
	}
	if (!first)
		return;
	explain(notify, first, &text, now);
	notice.why = text.len ? text.s : NULL;
	put_out(notify, &notice);
	strbuf_release(&text);
}

void notice_suppressed(struct notify *notify, struct group *group, struct instant now)
{
	bool news[SUPPRESSIONS] = { false }, any = false;
	struct alert **alerts;

	for (size_t i = 0; i < group->n; i++) {
		const struct membership *m = group->members[i];

		news[m->suppression] |= is_news(m, m->suppression);
		any |= m->suppression != SUPPRESS_NOT && news[m->suppression];
	}
	alerts = any ? calloc(group->n, sizeof(struct alert *)) : NULL;
	for (enum suppression why = SILENCED; alerts && why < SUPPRESSIONS; why++) {
		if (news[why])
			notice_of(notify, group, why, alerts, now);
	}
	free(alerts);
	for (size_t i = 0; i < group->n; i++)
		group->members[i]->noticed = state_of(group->members[i]);
}
