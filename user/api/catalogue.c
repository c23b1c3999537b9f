/*
 * catalogue.c - /api/v1/series, labels, label/NAME/values: what there is to ask for.
 */
#include "api/answer.h"
#include "api/state.h"

#include <errno.h>
#include "base/escape.h"
#include "base/map.h"

/* What was found, each once: interned texts, or sets of labels. */
struct found {
	const void **items;
	size_t n, cap;
	struct map seen;
};

static void found_release(struct found *found)
{
	free(found->items);
	map_release(&found->seen);
}

/* Two with the same key are the same. 1, 0 where it is known already, or -ENOMEM. */
static int found_add(struct found *found, const void *key, size_t key_len, const void *item)
{
	if (map_get(&found->seen, key, key_len))
		return 0;
	if (!vec_reserve(found->items, found->n, found->cap) ||
		map_put(&found->seen, key, key_len, found) < 0)
		return -ENOMEM;
	found->items[found->n++] = item;
	return 1;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_labels(const void *a, const void *b)
{
	return labels_compare(*(const struct labels *const *)a, *(const struct labels *const *)b);
}

static void write_text(struct jsonw *json, const void *text)
{
	jsonw_string(json, text);
}

static void write_labels(struct jsonw *json, const void *labels)
{
	jsonw_labels(json, labels);
}

static const struct selector everything;

/* What all three read: match[], start, end, limit. */
struct wanted {
	struct selectors selectors;
	int64_t start_wall_ms, end_wall_ms;
	size_t limit;
};

/* `named`: a fault in match[] names it, as it does for series alone. */
static int read_wanted(struct request *req, bool named, struct wanted *ret)
{
	*ret = (struct wanted){ .start_wall_ms = INT64_MIN, .end_wall_ms = INT64_MAX };
	if (!req->api->sources.db) {
		answer_error(req, ANSWER_UNAVAILABLE, "there is no sample store");
		return -ENODEV;
	}
	if (param_limit(req, "limit", &ret->limit) < 0 ||
		param_time(req, "start", false, &ret->start_wall_ms) < 0 ||
		param_time(req, "end", false, &ret->end_wall_ms) < 0)
		return -EINVAL;
	return param_selectors(req, "match[]", named, &ret->selectors);
}

/* Without a selector one for all there is. */
static size_t n_queries(const struct wanted *wanted)
{
	return MAX(wanted->selectors.n, (size_t)1);
}

static struct series_query query_at(const struct wanted *wanted, size_t i)
{
	const struct selector *selector =
		wanted->selectors.n ? &wanted->selectors.items[i] : &everything;

	return (struct series_query){ selector->matchers, selector->n, wanted->start_wall_ms,
		wanted->end_wall_ms };
}

/* Calls fn for each series of each selector, twice where two selectors match it. */
static int each_series(struct request *req, const struct wanted *wanted,
	int (*fn)(const struct labels *labels, void *userdata), void *userdata)
{
	int err = 0;

	for (size_t i = 0; i < n_queries(wanted) && !err; i++) {
		struct series_query query = query_at(wanted, i);
		struct tsdb_selection found = { 0 };

		err = tsdb_select(req->api->sources.db, query.matchers, query.n, query.min_wall_ms,
			query.max_wall_ms, &found);
		if (err)
			break;
		for (size_t j = 0; j < found.n && !err; j++)
			err = fn(series_labels(found.series[j]), userdata);
		tsdb_selection_release(&found);
	}
	if (err)
		answer_error(req, ANSWER_INTERNAL, "%s", strerror(-err));
	return err;
}

/* Sorted, and as many of them as the limit says; 0: all. */
static void answer_found(struct request *req, const struct found *found, size_t limit,
	int (*compare)(const void *a, const void *b),
	void (*write)(struct jsonw *json, const void *item))
{
	static char truncated[] = "results truncated due to limit";
	char *const warnings[] = { truncated };
	bool cut = limit && found->n > limit;
	struct jsonw json;

	if (found->n)
		qsort(found->items, found->n, sizeof(*found->items), compare);
	answer_begin(req, &json);
	jsonw_begin_array(&json);
	for (size_t i = 0; i < (cut ? limit : found->n); i++)
		write(&json, found->items[i]);
	jsonw_end_array(&json);
	answer_end_with(req, &json, warnings, cut, NULL, 0);
}

/* Names of labels, or the values of `name` where it is not NULL, of what any of the selectors matches. */
static int find_texts(
	struct request *req, const struct wanted *wanted, const char *name, struct found *ret)
{
	struct tsdb *db = req->api->sources.db;
	int err = 0;

	for (size_t i = 0; i < n_queries(wanted) && !err; i++) {
		struct series_query query = query_at(wanted, i);
		const char **found = NULL;
		size_t n_found = 0;

		err = name ? tsdb_label_values(db, name, &query, &found, &n_found)
			   : tsdb_label_names(db, &query, &found, &n_found);
		/* Interned: a pointer says it all. */
		for (size_t k = 0; k < n_found && err >= 0; k++)
			err = found_add(ret, &found[k], sizeof(found[k]), found[k]);
		err = MIN(err, 0);
		free(found);
	}
	if (err)
		answer_error(req, ANSWER_INTERNAL, "%s", strerror(-err));
	return err;
}

static void catalogue_texts(struct request *req, const char *name)
{
	struct found texts = { 0 };
	struct wanted wanted;

	if (read_wanted(req, false, &wanted) < 0)
		return;
	if (!find_texts(req, &wanted, name, &texts))
		answer_found(req, &texts, wanted.limit, compare_texts, write_text);
	found_release(&texts);
	selectors_release(&wanted.selectors);
}

void catalogue_labels(struct request *req, struct instant now)
{
	catalogue_texts(req, NULL);
}

/* One `_HEX_` of an escaped name; the length of it, or 0 where it is none. */
static size_t unescape_rune(const char *s, struct strbuf *out)
{
	size_t digits = strspn(s + 1, "0123456789abcdefABCDEF");
	unsigned long rune;

	if (!digits || digits > 6 || s[1 + digits] != '_')
		return 0;
	rune = strtoul(s + 1, NULL, 16);
	if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000) || !rune)
		return 0;
	utf8_encode(out, (uint32_t)rune);
	return digits + 2;
}

/*
 * Grafana sends a name that is not a classic one as U__my_2e_label; "__" is "_". What is not
 * escaped properly stands for itself. Source: prometheus/common model.UnescapeName.
 */
static void unescape_name(const char *name, struct strbuf *out)
{
	const char *s = name;

	if (!starts_with(name, "U__")) {
		strbuf_adds(out, name);
		return;
	}
	for (s += 3; *s;) {
		size_t n = 1;

		if (*s != '_') {
			strbuf_addch(out, *s);
		} else if (s[1] == '_') {
			strbuf_addch(out, '_');
			n = 2;
		} else {
			n = unescape_rune(s, out);
		}
		if (!n) {
			strbuf_reset(out);
			strbuf_adds(out, name);
			return;
		}
		s += n;
	}
}

void catalogue_values(struct request *req, struct instant now)
{
	struct strbuf name = STRBUF_INIT;

	unescape_name(req->wildcard, &name);
	/* Prometheus 3: any text in UTF-8 may be the name of a label. */
	if (name.len && utf8_valid(name.s, name.len))
		catalogue_texts(req, name.s);
	else
		answer_error(req, ANSWER_BAD_DATA, "invalid label name: \"%s\"", req->wildcard);
	strbuf_release(&name);
}

static int add_series(const struct labels *labels, void *userdata)
{
	int added = found_add(userdata, labels->v, labels->n * sizeof(labels->v[0]), labels);

	if (added > 0)
		labels_ref(labels);
	return MIN(added, 0);
}

void catalogue_series(struct request *req, struct instant now)
{
	struct found found = { 0 };
	struct wanted wanted;

	if (!request_param(req, "match[]")) {
		answer_error(req, ANSWER_BAD_DATA, "no match[] parameter provided");
		return;
	}
	if (read_wanted(req, true, &wanted) < 0)
		return;
	if (each_series(req, &wanted, add_series, &found) == 0)
		answer_found(req, &found, wanted.limit, compare_labels, write_labels);
	for (size_t i = 0; i < found.n; i++)
		labels_unref((struct labels *)found.items[i]);
	found_release(&found);
	selectors_release(&wanted.selectors);
}
