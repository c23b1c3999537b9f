/*
 * catalogue.c - /api/v1/series, labels, label/NAME/values: what there is to ask for.
 */
#include "api/answer.h"
#include "api/state.h"

#include <errno.h>
#include "base/escape.h"
#include "base/map.h"

/* What was found, each once. Keys are interned, so a pointer says it all. */
struct texts {
	const char **items;
	size_t n, cap;
	struct map seen;
};

static void texts_release(struct texts *texts)
{
	free(texts->items);
	map_release(&texts->seen);
}

static int texts_add(struct texts *texts, const char *interned)
{
	if (map_get(&texts->seen, &interned, sizeof(interned)))
		return 0;
	if (!vec_reserve(texts->items, texts->n, texts->cap) ||
		map_put(&texts->seen, &interned, sizeof(interned), texts) < 0)
		return -ENOMEM;
	texts->items[texts->n++] = interned;
	return 0;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
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

static void answer_texts(struct request *req, struct texts *texts, size_t limit)
{
	static char truncated[] = "results truncated due to limit";
	char *const warnings[] = { truncated };
	bool cut = limit && texts->n > limit;
	struct jsonw json;

	if (texts->n)
		qsort(texts->items, texts->n, sizeof(*texts->items), compare_texts);
	answer_begin(req, &json);
	jsonw_begin_array(&json);
	for (size_t i = 0; i < (cut ? limit : texts->n); i++)
		jsonw_string(&json, texts->items[i]);
	jsonw_end_array(&json);
	answer_end_with(req, &json, warnings, cut, NULL, 0);
}

/* Names of labels, or the values of `name` where it is not NULL, of what any of the selectors matches. */
static int find_texts(
	struct request *req, const struct wanted *wanted, const char *name, struct texts *ret)
{
	struct tsdb *db = req->api->sources.db;
	int err = 0;

	for (size_t i = 0; i < n_queries(wanted) && !err; i++) {
		struct series_query query = query_at(wanted, i);
		const char **found = NULL;
		size_t n_found = 0;

		err = name ? tsdb_label_values(db, name, &query, &found, &n_found)
			   : tsdb_label_names(db, &query, &found, &n_found);
		for (size_t k = 0; k < n_found && !err; k++)
			err = texts_add(ret, found[k]);
		free(found);
	}
	if (err)
		answer_error(req, ANSWER_INTERNAL, "%s", strerror(-err));
	return err;
}

static void catalogue_texts(struct request *req, const char *name)
{
	struct texts texts = { 0 };
	struct wanted wanted;

	if (read_wanted(req, false, &wanted) < 0)
		return;
	if (!find_texts(req, &wanted, name, &texts))
		answer_texts(req, &texts, wanted.limit);
	texts_release(&texts);
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

struct series_found {
	struct labels **items;
	size_t n, cap;
	struct map seen;
};

static int add_series(const struct labels *labels, void *userdata)
{
	struct series_found *found = userdata;
	size_t key_len = labels->n * sizeof(labels->v[0]);

	if (map_get(&found->seen, labels->v, key_len))
		return 0;
	if (map_put(&found->seen, labels->v, key_len, found) < 0 ||
		!vec_reserve(found->items, found->n, found->cap))
		return -ENOMEM;
	found->items[found->n++] = labels_ref(labels);
	return 0;
}

static int compare_labels(const void *a, const void *b)
{
	return labels_compare(*(const struct labels *const *)a, *(const struct labels *const *)b);
}

static void write_series(struct request *req, struct series_found *found, size_t limit)
{
	static char truncated[] = "results truncated due to limit";
	char *const warnings[] = { truncated };
	bool cut = limit && found->n > limit;
	struct jsonw json;

	if (found->n)
		qsort(found->items, found->n, sizeof(*found->items), compare_labels);
	answer_begin(req, &json);
	jsonw_begin_array(&json);
	for (size_t i = 0; i < (cut ? limit : found->n); i++)
		jsonw_labels(&json, found->items[i]);
	jsonw_end_array(&json);
	answer_end_with(req, &json, warnings, cut, NULL, 0);
}

void catalogue_series(struct request *req, struct instant now)
{
	struct series_found found = { 0 };
	struct wanted wanted;

	if (!request_param(req, "match[]")) {
		answer_error(req, ANSWER_BAD_DATA, "no match[] parameter provided");
		return;
	}
	if (read_wanted(req, true, &wanted) < 0)
		return;
	if (each_series(req, &wanted, add_series, &found) == 0)
		write_series(req, &found, wanted.limit);
	for (size_t i = 0; i < found.n; i++)
		labels_unref(found.items[i]);
	free(found.items);
	map_release(&found.seen);
	selectors_release(&wanted.selectors);
}
