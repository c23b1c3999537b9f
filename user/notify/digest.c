/*
 * digest.c - what a budget held back, told in one notification.
 *
 * It looks to receivers, and to whoever wrote their templates, like any other: each name of alerts is
 * one alert, whose summary says how many of that name were withheld, and the labels of the group say
 * that it is a digest and why.
 */
#include "notify/internal.h"

#include <errno.h>
#include "model/duration.h"

/* What is beyond is only counted. */
#define NAMES_MAX  50
#define GROUPS_MAX 5
/* The digest's own flush: as long as servers are tried for others. */
#define GIVE_UP_NS (300 * NSEC_PER_SEC)

/* Those of one name. */
struct fold {
	const char *name;
	size_t groups, notifications, firing, resolved;
	int64_t first_wall_ms;
	struct strbuf examples;
};

struct folds {
	struct fold v[NAMES_MAX + 1]; /* the last one is for all others */
	size_t n;
	size_t notifications;
};

void budget_describe(int64_t count, int64_t per_ns, struct strbuf *out)
{
	strbuf_addf(out, "the budget of %lld in ", (long long)count);
	duration_format(out, (per_ns + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
	strbuf_adds(out, " is used up");
}

static struct fold *fold_of(struct folds *folds, const char *name)
{
	for (size_t i = 0; i < folds->n && i < NAMES_MAX; i++) {
		if (streq(folds->v[i].name, name))
			return &folds->v[i];
	}
	if (folds->n <= NAMES_MAX) {
		folds->v[folds->n] = (struct fold){
			.name = folds->n < NAMES_MAX ? name : "other alerts",
			.first_wall_ms = INT64_MAX,
			.examples = STRBUF_INIT,
		};
		folds->n++;
	}
	return &folds->v[folds->n - 1];
}

static void fold(struct folds *folds, struct withheld *withheld)
{
	struct fold *f = fold_of(folds, withheld->name);

	f->groups++;
	f->notifications += withheld->notifications;
	f->firing += withheld->firing;
	f->resolved += withheld->resolved;
	f->first_wall_ms = MIN(f->first_wall_ms, withheld->first_wall_ms);
	folds->notifications += withheld->notifications;
	withheld->in_digest = withheld->notifications;
	if (f->groups > GROUPS_MAX)
		return;
	strbuf_adds(&f->examples, f->groups > 1 ? ", " : "");
	labels_format(withheld->labels, &f->examples);
}

static void add_count(struct strbuf *out, size_t n, const char *one, const char *many)
{
	strbuf_addf(out, "%zu %s", n, n == 1 ? one : many);
}

/* "3 notifications withheld: 7 alerts fire, 1 is over; of 2 groups: {a="b"}, {a="c"}" */
static void summarise(const struct fold *f, struct strbuf *out)
{
	add_count(out, f->notifications, "notification", "notifications");
	strbuf_adds(out, " withheld: ");
	if (f->firing)
		add_count(out, f->firing, "alert fires", "alerts fire");
	if (f->resolved) {
		strbuf_adds(out, f->firing ? ", " : "");
		add_count(out, f->resolved, f->firing ? "is over" : "alert is over",
			f->firing ? "are over" : "alerts are over");
	}
	strbuf_adds(out, "; of ");
	add_count(out, f->groups, "group: ", "groups: ");
	strbuf_adds(out, f->examples.s);
	if (f->groups > GROUPS_MAX)
		strbuf_adds(out, ", ...");
	if (f->examples.err)
		out->err = f->examples.err;
}

static struct alert *alert_of(const struct fold *f, struct instant now)
{
	const char *const names[][2] = { { LABEL_ALERTNAME, f->name } };
	scoped(strbuf_release) struct strbuf text = STRBUF_INIT;
	scoped(labels_unrefp) struct labels *labels = labels_new(1, names), *annotations = NULL;
	struct alert *alert;

	summarise(f, &text);
	if (!labels || text.err)
		return NULL;
	annotations = labels_new(1, (const char *const[][2]){ { "summary", text.s } });
	alert = annotations ? alert_new(labels, annotations) : NULL;
	if (!alert)
		return NULL;
	alert->starts_wall_ms = f->first_wall_ms;
	alert->ends_wall_ms = f->firing ? 0 : now.wall_ms;
	alert->updated_wall_ms = now.wall_ms;
	return alert;
}

/* Firing ones first. */
static int flush_of(const struct folds *folds, struct instant now, struct flush **ret)
{
	struct flush_alert *alerts = calloc(folds->n, sizeof(*alerts));
	size_t n = 0, n_firing = 0;

	if (!alerts)
		return -ENOMEM;
	for (int over = 0; over <= 1; over++) {
		for (size_t i = 0; i < folds->n; i++) {
			if ((folds->v[i].firing == 0) != over)
				continue;
			alerts[n].shown = alert_of(&folds->v[i], now);
			if (!alerts[n].shown) {
				while (n) {
					alert_unref(alerts[--n].stored);
					alert_unref(alerts[n].shown);
				}
				free(alerts);
				return -ENOMEM;
			}
			alerts[n].stored = alert_ref(alerts[n].shown);
			n++;
			n_firing += !over;
		}
	}
	return flush_new(alerts, n, n_firing, 0, 0, now, ret);
}

static int labels_of(const struct digest *digest, size_t notifications, struct labels **ret)
{
	scoped(strbuf_release) struct strbuf text = STRBUF_INIT;
	struct labels *labels;

	add_count(&text, notifications, "notification", "notifications");
	strbuf_adds(&text, " withheld");
	if (digest->budget && digest->budget->count) {
		strbuf_adds(&text, ", ");
		budget_describe(digest->budget->count,
			digest->budget->recent.slot_ns * (RECENT_SLOTS - 1), &text);
	}
	if (text.err)
		return text.err;
	labels = labels_new(1, (const char *const[][2]){ { "digest", text.s } });
	if (!labels)
		return -ENOMEM;
	*ret = labels;
	return 0;
}

static int begin(struct notify *notify, struct digest *digest, const struct integration *to,
	const struct folds *folds, struct instant now, struct attempt **ret)
{
	scoped(labels_unrefp) struct labels *labels = NULL;
	struct group_name name = { .id = "{digest}", .key = "{digest}" };
	struct flush *flush = NULL;
	int err = labels_of(digest, folds->notifications, &labels);

	if (!err)
		err = flush_of(folds, now, &flush);
	if (err)
		return err;
	flush->give_up_boot_ns = now.boot_ns + GIVE_UP_NS;
	name.labels = labels;
	flush->n_open++;
	err = attempt_new(notify, flush, to, &name, REASON_DIGEST, 0, NULL, ret);
	if (!err)
		(*ret)->digest = digest;
	flush_attempt_over(notify, flush, !err, now);
	return err;
}

static void unfold(struct notify *notify, const struct digest *digest)
{
	map_foreach (&notify->digests.withheld, e) {
		struct withheld *withheld = e->value;

		if (withheld->digest == digest)
			withheld->in_digest = 0;
	}
}

int digest_send(struct notify *notify, struct digest *digest, const struct integration *to,
	struct instant now)
{
	struct folds *folds = calloc(1, sizeof(*folds));
	struct attempt *attempt;
	int err = folds ? 0 : -ENOMEM;

	if (err)
		return err;
	map_foreach (&notify->digests.withheld, e) {
		struct withheld *withheld = e->value;

		if (withheld->digest == digest)
			fold(folds, withheld);
	}
	err = begin(notify, digest, to, folds, now, &attempt);
	for (size_t i = 0; i < folds->n; i++)
		strbuf_release(&folds->v[i].examples);
	free(folds);
	if (err) {
		unfold(notify, digest);
		return err;
	}
	digest->under_way = attempt;
	attempt_try(notify, attempt, now);
	return 0;
}
