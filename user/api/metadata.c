/*
 * metadata.c - /api/v1/metadata: what targets say of their metrics by # TYPE, # HELP and # UNIT.
 *
 * Targets that say the same of a metric are told once. Source: prometheus web/api/v1/api.go
 * (metricMetadata), where the order is chance; here it is by name and text.
 */
#include "api/answer.h"
#include "api/state.h"

#include <errno.h>
#include "base/num.h"

struct found {
	struct target_metadata *items;
	size_t n, cap;
};

static int by_all(const void *a, const void *b)
{
	const struct target_metadata *x = a, *y = b;
	int order = strcmp(x->family, y->family);

	if (!order)
		order = strcmp(x->type, y->type);
	if (!order)
		order = strcmp(x->help, y->help);
	return order ? order : strcmp(x->unit, y->unit);
}

static int collect(const struct target *target, const char *metric, struct found *found)
{
	struct target_metadata entry;
	const void *cursor = NULL;

	while (target_metadata_next(target, &cursor, &entry)) {
		if (metric && !streq(metric, entry.family))
			continue;
		if (!vec_reserve(found->items, found->n, found->cap))
			return -ENOMEM;
		found->items[found->n++] = entry;
	}
	return 0;
}

/* One metric from item i on, at most `limit` different entries (0: all); where the next begins. */
static size_t write_metric(struct jsonw *json, const struct found *found, size_t i, int64_t limit)
{
	const struct target_metadata *first = &found->items[i], *last = NULL, *m;
	int64_t written = 0;

	jsonw_key(json, first->family);
	jsonw_begin_array(json);
	for (; i < found->n && streq((m = &found->items[i])->family, first->family); i++) {
		if ((last && !by_all(last, m)) || (limit > 0 && written >= limit))
			continue;
		last = m;
		written++;
		jsonw_begin_object(json);
		jsonw_field_string(json, "type", m->type);
		jsonw_field_string(json, "help", m->help);
		jsonw_field_string(json, "unit", m->unit);
		jsonw_end_object(json);
	}
	jsonw_end_array(json);
	return i;
}

/* Any whole number; -1 stays where it is missing. */
static bool read_number(struct request *req, const char *name, int64_t *ret)
{
	const char *text = request_text(req, name);

	if (!text || !num_parse_int(text, INT64_MIN, INT64_MAX, ret))
		return true;
	answer_error(req, ANSWER_BAD_DATA, "%s must be a number", name);
	return false;
}

void metadata_list(struct request *req, struct instant now)
{
	const struct scrape *scrape = req->api->sources.scrape;
	const char *metric = request_text(req, "metric");
	int64_t limit = -1, per_metric = -1, written = 0;
	struct found found = { 0 };
	struct jsonw json;
	int err = 0;

	if (!read_number(req, "limit", &limit) ||
		!read_number(req, "limit_per_metric", &per_metric))
		return;
	for (size_t i = 0; scrape && !err && i < scrape_targets(scrape); i++)
		err = collect(scrape_target(scrape, i), metric, &found);
	if (err) {
		free(found.items);
		answer_error(req, ANSWER_INTERNAL, "out of memory");
		return;
	}
	if (found.n)
		qsort(found.items, found.n, sizeof(*found.items), by_all);
	answer_begin(req, &json);
	jsonw_begin_object(&json);
	for (size_t i = 0; i < found.n && (limit < 0 || written < limit); written++)
		i = write_metric(&json, &found, i, per_metric);
	jsonw_end_object(&json);
	answer_end(req, &json);
	free(found.items);
}

/* One of match_target; without it, or with {}, all targets match. -EINVAL with the request answered. */
static int read_target_selector(struct request *req, struct selectors *ret)
{
	const char *text = request_text(req, "match_target");

	*ret = (struct selectors){ 0 };
	return text && !streq(text, "{}") ? param_selectors(req, "match_target", true, ret) : 0;
}

static void write_of_target(struct jsonw *json, const struct labels *target,
	const struct target_metadata *m, bool with_name)
{
	jsonw_begin_object(json);
	jsonw_field_labels(json, "target", target);
	if (with_name)
		jsonw_field_string(json, "metric", m->family);
	jsonw_field_string(json, "type", m->type);
	jsonw_field_string(json, "help", m->help);
	jsonw_field_string(json, "unit", m->unit);
	jsonw_end_object(json);
}

void metadata_of_targets(struct request *req, struct instant now)
{
	const struct scrape *scrape = req->api->sources.scrape;
	const char *metric = request_text(req, "metric");
	struct selectors selectors;
	struct found found = { 0 };
	int64_t limit = -1, n = 0;
	struct jsonw json;
	int err = 0;

	if (!read_number(req, "limit", &limit) || read_target_selector(req, &selectors) < 0)
		return;
	answer_begin(req, &json);
	jsonw_begin_array(&json);
	for (size_t i = 0; scrape && !err && i < scrape_targets(scrape); i++) {
		struct target *target = scrape_target(scrape, i);
		struct target_info info;

		target_info(target, &info);
		if (!selectors_match(&selectors, info.labels))
			continue;
		found.n = 0;
		err = collect(target, metric, &found);
		if (found.n)
			qsort(found.items, found.n, sizeof(*found.items), by_all);
		for (size_t k = 0; k < found.n && (limit < 0 || n < limit); k++, n++)
			write_of_target(&json, info.labels, &found.items[k], !metric);
	}
	jsonw_end_array(&json);
	if (err)
		answer_error(req, ANSWER_INTERNAL, "out of memory");
	else
		answer_end(req, &json);
	free(found.items);
	selectors_release(&selectors);
}
