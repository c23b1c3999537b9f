/*
 * dedup.c - whether a receiver has to be told, given what it was told last.
 *
 * Source: alertmanager notify/dedup_stage.go.
 */
#include "notify/internal.h"

static const char *const texts[REASONS] = {
	[REASON_NONE] = "",
	[REASON_FIRST] = "first notification",
	[REASON_NEW_ALERTS] = "new alerts added",
	[REASON_SOME_RESOLVED] = "some alerts resolved",
	[REASON_ALL_RESOLVED] = "all alerts resolved",
	[REASON_DIGEST] = "budget used up",
	[REASON_REPEAT] = "repeat interval elapsed",
};

const char *reason_text(enum reason reason)
{
	return texts[reason];
}

enum reason reason_parse(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (streq(texts[i], text))
			return (enum reason)i;
	}
	return REASON_NONE;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void fingerprints_sort(uint64_t *v, size_t n)
{
	if (n > 1)
		qsort(v, n, sizeof(*v), by_value);
}

bool fingerprints_subset(struct fingerprints part, struct fingerprints whole)
{
	size_t w = 0;

	for (size_t p = 0; p < part.n; p++) {
		while (w < whole.n && whole.v[w] < part.v[p])
			w++;
		if (w == whole.n || whole.v[w] != part.v[p])
			return false;
	}
	return true;
}

size_t fingerprints_join(struct fingerprints a, struct fingerprints b, bool all, uint64_t *out)
{
	size_t n = 0, i = 0, k = 0;

	while (i < a.n || k < b.n) {
		bool in_a = i < a.n && (k == b.n || a.v[i] <= b.v[k]);
		bool in_b = k < b.n && (i == a.n || b.v[k] <= a.v[i]);

		if (all || (in_a && in_b))
			out[n++] = in_a ? a.v[i] : b.v[k];
		i += in_a;
		k += in_b;
	}
	return n;
}

static bool has_common(struct fingerprints a, struct fingerprints b)
{
	for (size_t i = 0, k = 0; i < a.n && k < b.n;) {
		if (a.v[i] == b.v[k])
			return true;
		if (a.v[i] < b.v[k])
			i++;
		else
			k++;
	}
	return false;
}

enum reason dedup(const struct log_entry *told, struct fingerprints firing,
	struct fingerprints resolved, bool send_resolved, int64_t repeat_ns, int64_t now_boot_ns)
{
	if (!told)
		return firing.n ? REASON_FIRST : REASON_NONE;
	if (!fingerprints_subset(firing, log_firing(told)))
		return REASON_NEW_ALERTS;
	/*
	 * Whatever send_resolved says, the log has to learn that nothing fires. What began and ended
	 * between two flushes was never told, so its end is not told either.
	 */
	if (!firing.n)
		return told->n_firing || has_common(resolved, log_owed(told)) ? REASON_ALL_RESOLVED
									      : REASON_NONE;
	if (send_resolved && !fingerprints_subset(resolved, log_resolved(told)))
		return REASON_SOME_RESOLVED;
	return told->at_boot_ns < now_boot_ns - repeat_ns ? REASON_REPEAT : REASON_NONE;
}
