/*
 * federate.c - /federate: the newest samples of chosen series, for another Prometheus to scrape.
 *
 * Source: prometheus web/federate.go.
 */
#include "api/answer.h"
#include "api/state.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include "base/escape.h"
#include "base/map.h"
#include "base/num.h"

struct found {
	const struct labels *labels;
	struct sample sample;
};

struct federation {
	struct found *items;
	size_t n, cap;
	struct map seen; /* series that an earlier match[] has brought */
	struct tsdb_selection *selections;
	size_t n_selections;
	int64_t lookback_ms;
	bool utf8; /* the client takes any name */
};

static void federation_release(struct federation *f)
{
	for (size_t i = 0; i < f->n_selections; i++)
		tsdb_selection_release(&f->selections[i]);
	free(f->selections);
	free(f->items);
	map_release(&f->seen);
}

/* The newest sample that a query at `now` would see; a stale marker is none. */
static bool newest(
	const struct series *series, int64_t lookback_ms, struct instant now, struct sample *ret)
{
	struct series_iter it;
	bool any = false;

	series_iter_init(&it, series, now.wall_ms - lookback_ms + 1, now.wall_ms);
	while (series_iter_next(&it, ret))
		any = true;
	series_iter_release(&it);
	return any && !is_stale_nan(ret->value);
}

static int add_series(struct federation *f, const struct series *series, struct instant now)
{
	const struct labels *labels = series_labels(series);
	struct found found = { .labels = labels };

	if (!labels_get(labels, LABEL_NAME) || map_get(&f->seen, &series, sizeof(series)) ||
		!newest(series, f->lookback_ms, now, &found.sample))
		return 0;
	if (map_put(&f->seen, &series, sizeof(series), f) || !vec_reserve(f->items, f->n, f->cap))
		return -ENOMEM;
	f->items[f->n++] = found;
	return 0;
}

static int collect(struct federation *f, struct tsdb *db, const struct selectors *selectors,
	struct instant now)
{
	int err = 0;

	f->selections = calloc(selectors->n + 1, sizeof(*f->selections));
	if (!f->selections)
		return -ENOMEM;
	for (size_t i = 0; i < selectors->n && !err; i++) {
		struct tsdb_selection *s = &f->selections[i];

		err = tsdb_select(db, selectors->items[i].matchers, selectors->items[i].n,
			now.wall_ms - f->lookback_ms + 1, now.wall_ms, s);
		f->n_selections += !err;
		for (size_t k = 0; k < s->n && !err; k++)
			err = add_series(f, s->series[k], now);
	}
	return err;
}

static int by_name_and_labels(const void *a, const void *b)
{
	const struct labels *x = ((const struct found *)a)->labels,
			    *y = ((const struct found *)b)->labels;
	int order = strcmp(labels_get(x, LABEL_NAME), labels_get(y, LABEL_NAME));

	return order ? order : labels_compare(x, y);
}

/* A name that the old format cannot say has underscores in place of what it cannot. */
static void put_underscored(struct strbuf *out, const char *name, bool colon)
{
	for (const char *c = name; *c; c++) {
		const char with_letter[] = { '_', *c };

		if ((unsigned char)*c >= 0x80 && ((unsigned char)*c & 0xc0) == 0x80)
			continue; /* one for a character, not for each of its bytes */
		if (c == name ? label_name_valid_classic(c, 1) || (colon && *c == ':')
			      : label_name_valid_classic(with_letter, 2) || (colon && *c == ':'))
			strbuf_addch(out, *c);
		else
			strbuf_addch(out, '_');
	}
}

static void put_quoted(struct strbuf *out, const char *text)
{
	strbuf_addch(out, '"');
	escape_label_value(out, text, strlen(text));
	strbuf_addch(out, '"');
}

/* The metric's name as it stands after # TYPE and before the brace. False: it goes into the brace. */
static bool put_name(const struct federation *f, struct strbuf *out, const char *name)
{
	if (metric_name_valid_classic(name, strlen(name)))
		strbuf_adds(out, name);
	else if (!f->utf8)
		put_underscored(out, name, true);
	else
		return false;
	return true;
}

static void put_label(const struct federation *f, struct strbuf *out, char *separator,
	const char *name, const char *value)
{
	strbuf_addch(out, *separator);
	*separator = ',';
	if (label_name_valid_classic(name, strlen(name)))
		strbuf_adds(out, name);
	else if (f->utf8)
		put_quoted(out, name);
	else
		put_underscored(out, name, false);
	strbuf_addch(out, '=');
	put_quoted(out, value);
}

static void put_sample(const struct federation *f, struct strbuf *out, const struct found *found,
	const struct labels *external)
{
	const char *name = labels_get(found->labels, LABEL_NAME);
	char separator = '{', value[NUM_MAX];

	if (!put_name(f, out, name)) {
		strbuf_addch(out, '{');
		put_quoted(out, name);
		separator = ',';
	}
	for (unsigned i = 0; i < found->labels->n; i++) {
		const struct label *l = &found->labels->v[i];

		if (!streq(l->name, LABEL_NAME))
			put_label(f, out, &separator, l->name, l->value);
	}
	for (unsigned i = 0; external && i < external->n; i++) {
		const struct label *l = &external->v[i];

		if (!labels_get(found->labels, l->name))
			put_label(f, out, &separator, l->name, l->value);
	}
	/* So that the one who scrapes does not put its own there. */
	if (!labels_get(found->labels, LABEL_INSTANCE) &&
		!(external && labels_get(external, LABEL_INSTANCE)))
		put_label(f, out, &separator, LABEL_INSTANCE, "");
	num_format_go(value, found->sample.value);
	strbuf_addf(out, "%s %s %" PRId64 "\n", separator == ',' ? "}" : "", value,
		found->sample.wall_ms);
}

static void put_all(const struct federation *f, struct strbuf *out, const struct labels *external)
{
	const char *last = NULL;

	for (size_t i = 0; i < f->n; i++) {
		const char *name = labels_get(f->items[i].labels, LABEL_NAME);

		/* Interned: equal names are one text. */
		if (name != last) {
			strbuf_adds(out, "# TYPE ");
			if (!put_name(f, out, name))
				put_quoted(out, name);
			strbuf_adds(out, " untyped\n");
		}
		last = name;
		put_sample(f, out, &f->items[i], external);
	}
}

int api_external_labels(const struct api *api, struct labels **ret)
{
	const struct config *config = api_config(api);
	struct labels_builder b = LABELS_BUILDER_INIT;

	for (size_t i = 0; config && i < config->global.external_labels.n; i++)
		labels_builder_set(&b, config->global.external_labels.items[i].name.s,
			config->global.external_labels.items[i].value.s);
	return labels_build(&b, ret);
}

void federate_get(struct request *req, struct instant now)
{
	scoped(labels_unrefp) struct labels *external = NULL;
	struct selectors selectors;
	struct federation f = { .utf8 = req->accept && strstr(req->accept, "escaping=allow-utf-8"),
		.lookback_ms = req->api->options.query_lookback_ms ?: PROMQL_LOOKBACK_MS };
	int err;

	if (!req->api->sources.db) {
		respond_text(req, MHD_HTTP_SERVICE_UNAVAILABLE, "there is no sample store\n");
		return;
	}
	req->plain_errors = true;
	if (param_selectors(req, "match[]", false, &selectors))
		return;
	err = api_external_labels(req->api, &external);
	if (!err)
		err = collect(&f, req->api->sources.db, &selectors, now);
	if (!err && f.n)
		qsort(f.items, f.n, sizeof(*f.items), by_name_and_labels);
	respond_text(req, MHD_HTTP_OK, "");
	if (!err)
		put_all(&f, &req->response.body, external);
	req->response.content_type = f.utf8 ? "text/plain; version=1.0.0; charset=utf-8; "
					      "escaping=allow-utf-8"
					    : "text/plain; version=0.0.4; charset=utf-8";
	err = err ? err : req->response.body.err;
	if (err)
		respond_text(req, MHD_HTTP_INTERNAL_SERVER_ERROR,
			err == -EMSGSIZE ? "the answer is too large\n" : "out of memory\n");
	federation_release(&f);
	selectors_release(&selectors);
}
