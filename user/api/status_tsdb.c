/*
 * status_tsdb.c - /api/v1/status/tsdb: which labels make the most series.
 *
 * Source: prometheus web/api/v1/api.go (serveTSDBStatus) and tsdb/index/postingsstats.go.
 */
#include "api/answer.h"
#include "api/state.h"

#include "base/num.h"

#define DEFAULT_LIMIT 10
#define MAX_LIMIT     10000

/* The largest of what was counted. */
struct top {
	struct counted {
		const char *name, *value; /* value: NULL where only the name counts */
		uint64_t n;
	} * items;
	size_t n, cap, limit;
	bool failed;
};

struct tally {
	struct top by_metric, by_values, by_bytes, by_pair;
	/* Of the name being counted: values come name by name. */
	const char *name;
	uint64_t values, bytes;
	uint64_t pairs;
};

static int larger_first(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	int order;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	order = strcmp(x->name, y->name);
	return order || !x->value ? order : strcmp(x->value, y->value);
}

/* Kept twice as long as asked for, and cut when that is full. */
static void add(struct top *top, const char *name, const char *value, uint64_t n)
{
	if (top->n == 2 * top->limit) {
		qsort(top->items, top->n, sizeof(*top->items), larger_first);
		top->n = top->limit;
	}
	if (!vec_reserve(top->items, top->n, top->cap)) {
		top->failed = true;
		return;
	}
	top->items[top->n++] = (struct counted){ name, value, n };
}

static void end_name(struct tally *t)
{
	if (!t->name)
		return;
	add(&t->by_values, t->name, NULL, t->values);
	add(&t->by_bytes, t->name, NULL, t->bytes);
	t->values = t->bytes = 0;
}

static void count(const char *name, const char *value, size_t n_series, void *userdata)
{
	struct tally *t = userdata;

	if (t->name != name)
		end_name(t);
	t->name = name;
	t->values++;
	/* As Prometheus counts: the value's text for each series that has it. */
	t->bytes += strlen(value) * n_series;
	t->pairs++;
	add(&t->by_pair, name, value, n_series);
	if (streq(name, LABEL_NAME))
		add(&t->by_metric, value, NULL, n_series);
}

static void write_top(struct jsonw *json, const char *key, struct top *top)
{
	struct strbuf text = STRBUF_INIT;

	jsonw_key(json, key);
	jsonw_begin_array(json);
	if (top->n)
		qsort(top->items, top->n, sizeof(*top->items), larger_first);
	for (size_t i = 0; i < MIN(top->n, top->limit); i++) {
		strbuf_reset(&text);
		strbuf_adds(&text, top->items[i].name);
		if (top->items[i].value)
			strbuf_addf(&text, "=%s", top->items[i].value);
		jsonw_begin_object(json);
		jsonw_field_string(json, "name", text.s);
		jsonw_field_int(json, "value", (int64_t)top->items[i].n);
		jsonw_end_object(json);
	}
	jsonw_end_array(json);
	strbuf_release(&text);
}

static void write_head(struct jsonw *json, const struct tsdb *db, const struct tally *t)
{
	struct tsdb_stats stats;
	bool empty;

	tsdb_stats(db, &stats);
	empty = !stats.newest_wall_ms && !stats.oldest_wall_ms;
	jsonw_key(json, "headStats");
	jsonw_begin_object(json);
	jsonw_field_int(json, "numSeries", (int64_t)stats.series);
	jsonw_field_int(json, "numLabelPairs", (int64_t)t->pairs);
	jsonw_field_int(json, "chunkCount", (int64_t)stats.chunks);
	jsonw_field_int(json, "minTime", empty ? INT64_MAX : stats.oldest_wall_ms);
	jsonw_field_int(json, "maxTime", empty ? INT64_MIN : stats.newest_wall_ms);
	jsonw_end_object(json);
}

static bool read_limit(struct request *req, size_t *ret)
{
	const char *text = request_text(req, "limit");
	int64_t limit = DEFAULT_LIMIT;

	if (text && (num_parse_int(text, INT64_MIN, INT64_MAX, &limit) || limit < 1)) {
		answer_error(req, ANSWER_BAD_DATA, "limit must be a positive number");
		return false;
	}
	if (limit > MAX_LIMIT) {
		answer_error(req, ANSWER_BAD_DATA, "limit must not exceed %d", MAX_LIMIT);
		return false;
	}
	*ret = (size_t)limit;
	return true;
}

void status_tsdb(struct request *req, struct instant now)
{
	const struct tsdb *db = req->api->sources.db;
	struct tally t = { 0 };
	struct top *const tops[] = { &t.by_metric, &t.by_values, &t.by_bytes, &t.by_pair };
	static const char *const names[] = { "seriesCountByMetricName",
		"labelValueCountByLabelName", "memoryInBytesByLabelName",
		"seriesCountByLabelValuePair" };
	struct jsonw json;
	size_t limit;
	bool failed = false;

	if (!db) {
		answer_error(req, ANSWER_UNAVAILABLE, "there is no sample store");
		return;
	}
	if (!read_limit(req, &limit))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++)
		tops[i]->limit = limit;
	tsdb_count(db, count, &t);
	end_name(&t);
	answer_begin(req, &json);
	jsonw_begin_object(&json);
	write_head(&json, db, &t);
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		write_top(&json, names[i], tops[i]);
		failed |= tops[i]->failed;
		free(tops[i]->items);
	}
	jsonw_end_object(&json);
	if (failed)
		answer_error(req, ANSWER_INTERNAL, "out of memory");
	else
		answer_end(req, &json);
}

/* What was to be read at the start has been: tolld answers only then. */
void status_walreplay(struct request *req, struct instant now)
{
	struct jsonw json;

	answer_begin(req, &json);
	jsonw_begin_object(&json);
	jsonw_field_int(&json, "min", 0);
	jsonw_field_int(&json, "max", 0);
	jsonw_field_int(&json, "current", 0);
	jsonw_end_object(&json);
	answer_end(req, &json);
}
