/*
 * functions.c - the functions that Prometheus gives to templates in rules.
 *
 * Source: prometheus template/template.go. A sample is a map with Labels and Value, and a query's
 * result a list of them.
 */
#include "rules/functions.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include "base/escape.h"
#include "base/num.h"
#include "model/duration.h"
#include "template/functions_common.h"
#include "template/humanize.h"

#define SAMPLE_TYPE "*template.sample"

int labels_to_tvalue(struct arena *arena, const struct labels *labels, struct tvalue *ret)
{
	struct tvalue_pair *pairs = arena_alloc(arena, labels->n * sizeof(*pairs));
	struct tvalue *values = arena_alloc(arena, labels->n * sizeof(*values));

	if (!pairs || !values)
		return -ENOMEM;
	for (unsigned i = 0; i < labels->n; i++) {
		values[i] = tvalue_string(labels->v[i].value, strlen(labels->v[i].value));
		pairs[i] = (struct tvalue_pair){ .key = labels->v[i].name, .value = &values[i] };
	}
	*ret = (struct tvalue){ .type = TVALUE_MAP,
		.map = { .pairs = pairs, .n = labels->n, .of_strings = true } };
	return 0;
}

/* {Labels, Value}, of copies in the arena: the query's result goes. */
static int sample_to_tvalue(
	struct arena *arena, const struct promql_series *series, struct tvalue *ret)
{
	struct tvalue_pair *pairs = arena_alloc(arena, 2 * sizeof(*pairs));
	struct tvalue *values = arena_alloc(arena, 2 * sizeof(*values));
	struct tvalue_pair *labels;
	struct tvalue *texts;
	unsigned n = series->labels->n;

	labels = arena_alloc(arena, n * sizeof(*labels));
	texts = arena_alloc(arena, n * sizeof(*texts));
	if (!pairs || !values || !labels || !texts)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		char *name = arena_strdup(arena, series->labels->v[i].name);
		char *value = arena_strdup(arena, series->labels->v[i].value);

		if (!name || !value)
			return -ENOMEM;
		texts[i] = tvalue_string(value, strlen(value));
		labels[i] = (struct tvalue_pair){ .key = name, .value = &texts[i] };
	}
	values[0] = (struct tvalue){ .type = TVALUE_MAP,
		.map = { .pairs = labels, .n = n, .of_strings = true } };
	values[1] = tvalue_float(series->points[0].value);
	pairs[0] = (struct tvalue_pair){ .key = "Labels", .value = &values[0] };
	pairs[1] = (struct tvalue_pair){ .key = "Value", .value = &values[1] };
	*ret = (struct tvalue){ .type = TVALUE_MAP,
		.map = { .pairs = pairs, .n = 2, .struct_type = SAMPLE_TYPE } };
	return 0;
}

static int fn_query(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	const struct expand_data *data = call->userdata;
	const struct promql_options options = { .default_step_ms = data->default_step_ms,
		.lookback_ms = data->lookback_ms,
		.deadline_boot_ns = data->deadline_boot_ns };
	struct promql_result result = { 0 };
	struct promql_error error = { 0 };
	struct promql_expr *expr = NULL;
	struct tvalue *items = NULL;
	int err = template_want_text(call, &args[0]);

	if (!err)
		err = promql_parse(args[0].str.s, &expr, &error);
	if (!err)
		err = promql_check_evaluable(expr, &error);
	if (!err)
		err = promql_eval(expr, data->db, data->wall_ms, &options, &result, &error);
	if (err && error.text[0])
		template_call_fail(call, "%s", error.text);
	if (!err && result.type != PROMQL_VECTOR && result.type != PROMQL_SCALAR)
		err = template_call_fail(call, "query result is not a vector or scalar");
	if (!err) {
		items = arena_alloc(call->arena, result.n * sizeof(*items));
		err = items ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < result.n && !err; i++)
		err = sample_to_tvalue(call->arena, &result.series[i], &items[i]);
	if (!err)
		*ret = (struct tvalue){ .type = TVALUE_LIST, .list = { items, result.n } };
	promql_result_release(&result);
	promql_free(expr);
	return err;
}

static const struct tvalue *map_get_key(const struct tvalue *map, const char *key)
{
	for (size_t i = 0; map->type == TVALUE_MAP && i < map->map.n; i++) {
		if (streq(map->map.pairs[i].key, key))
			return map->map.pairs[i].value;
	}
	return NULL;
}

static int fn_first(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	if (args[0].type != TVALUE_LIST || !args[0].list.n)
		return template_call_fail(call, "first() called on vector with no elements");
	*ret = args[0].list.items[0];
	return 0;
}

static struct tvalue label_of(const struct tvalue *sample, const char *name)
{
	const struct tvalue *labels = map_get_key(sample, "Labels");
	const struct tvalue *value = labels ? map_get_key(labels, name) : NULL;

	return value ? *value : tvalue_string("", 0);
}

static int want_sample(struct template_call *call, const struct tvalue *v)
{
	if (v->type == TVALUE_MAP && v->map.struct_type && streq(v->map.struct_type, SAMPLE_TYPE))
		return 0;
	return template_call_fail(call, "expected a sample");
}

static int fn_label(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	if (template_want_text(call, &args[0]) || want_sample(call, &args[1]))
		return -EINVAL;
	*ret = label_of(&args[1], args[0].str.s);
	return 0;
}

static int fn_value(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	if (want_sample(call, &args[0]))
		return -EINVAL;
	*ret = *map_get_key(&args[0], "Value");
	return 0;
}

static int fn_strvalue(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	if (want_sample(call, &args[0]))
		return -EINVAL;
	*ret = label_of(&args[0], "__value__");
	return 0;
}

static int fn_args(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct tvalue_pair *pairs = arena_alloc(call->arena, n * sizeof(*pairs));
	struct tvalue *values = arena_memdup(call->arena, args, n * sizeof(*values));

	if (!pairs || !values)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		pairs[i].key = arena_printf(call->arena, "arg%zu", i);
		pairs[i].value = &values[i];
		if (!pairs[i].key)
			return -ENOMEM;
	}
	*ret = (struct tvalue){ .type = TVALUE_MAP, .map = { .pairs = pairs, .n = n } };
	return 0;
}

static int expression_link(
	struct template_call *call, const struct tvalue *expr, int tab, struct tvalue *ret)
{
	struct strbuf out = STRBUF_INIT;

	if (template_want_text(call, expr))
		return -EINVAL;
	strbuf_adds(&out, "/graph?g0.expr=");
	escape_query(&out, expr->str.s, expr->str.len);
	strbuf_addf(&out, "&g0.tab=%d", tab);
	return template_give_text(call, &out, ret);
}

static int fn_graph_link(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return expression_link(call, &args[0], 0, ret);
}

static int fn_table_link(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return expression_link(call, &args[0], 1, ret);
}

static int compare_by_label(const void *a, const void *b, void *name)
{
	struct tvalue va = label_of(a, name), vb = label_of(b, name);

	return strcmp(va.str.s, vb.str.s);
}

static int fn_sort_by_label(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct tvalue *items;

	if (template_want_text(call, &args[0]) || args[1].type != TVALUE_LIST)
		return template_call_fail(call, "expected a label and a query's result");
	items = arena_memdup(call->arena, args[1].list.items, args[1].list.n * sizeof(*items));
	if (!items)
		return -ENOMEM;
	qsort_r(items, args[1].list.n, sizeof(*items), compare_by_label, (void *)args[0].str.s);
	*ret = (struct tvalue){ .type = TVALUE_LIST, .list = { items, args[1].list.n } };
	return 0;
}

/* host:port or [v6]:port taken apart; false where it is not one. */
static bool split_host_port(const char *s, const char **host, size_t *host_len, const char **port)
{
	const char *colon = strrchr(s, ':'), *end;

	if (!colon)
		return false;
	if (*s == '[') {
		end = strchr(s, ']');
		if (!end || end + 1 != colon || strchr(s + 1, '[') || strchr(colon, ']'))
			return false;
		*host = s + 1;
		*host_len = (size_t)(end - s - 1);
	} else {
		if (memchr(s, ':', (size_t)(colon - s)) || strpbrk(s, "[]"))
			return false;
		*host = s;
		*host_len = (size_t)(colon - s);
	}
	*port = colon + 1;
	return true;
}

static int fn_strip_port(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct strbuf out = STRBUF_INIT;
	const char *host, *port;
	size_t len;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	if (split_host_port(args[0].str.s, &host, &len, &port))
		strbuf_add(&out, host, len);
	else
		strbuf_adds(&out, args[0].str.s);
	return template_give_text(call, &out, ret);
}

/* What Go's net.ParseIP takes, which knows no zones. */
static bool is_address(const char *host, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];

	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static int fn_strip_domain(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct strbuf out = STRBUF_INIT;
	const char *host, *port = "", *dot;
	bool colon;
	size_t len;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	host = args[0].str.s;
	len = args[0].str.len;
	split_host_port(args[0].str.s, &host, &len, &port);
	/* An address has no domain. */
	if (is_address(host, len)) {
		*ret = args[0];
		return 0;
	}
	dot = memchr(host, '.', len);
	len = dot ? (size_t)(dot - host) : len;
	/* As Go joins them again; without a port nothing is joined. */
	colon = *port && memchr(host, ':', len);
	strbuf_adds(&out, colon ? "[" : "");
	strbuf_add(&out, host, len);
	strbuf_adds(&out, colon ? "]" : "");
	strbuf_adds(&out, *port ? ":" : "");
	strbuf_adds(&out, port);
	return template_give_text(call, &out, ret);
}

typedef void humanize_fn(struct strbuf *out, double v);

static int humanized(
	struct template_call *call, const struct tvalue *v, humanize_fn *fn, struct tvalue *ret)
{
	struct strbuf out = STRBUF_INIT;
	double number;

	if (template_want_number(call, v, &number))
		return -EINVAL;
	fn(&out, number);
	return template_give_text(call, &out, ret);
}

#define HUMANIZE_FUNCTION(name, fn)                                                                \
	static int name(struct template_call *call, const struct tvalue *args, size_t n,           \
		struct tvalue *ret)                                                                \
	{                                                                                          \
		return humanized(call, &args[0], fn, ret);                                         \
	}

/* ns as a decimal number of units that are 10^digits ns, without zeros at its end. */
static void add_units(struct strbuf *out, uint64_t ns, int digits)
{
	uint64_t unit = 1;

	for (int i = 0; i < digits; i++)
		unit *= 10;
	strbuf_addf(out, "%" PRIu64, ns / unit);
	if (!(ns % unit))
		return;
	strbuf_addf(out, ".%0*" PRIu64, digits, ns % unit);
	while (out->s[out->len - 1] == '0')
		strbuf_truncate(out, out->len - 1);
}

/* time.Duration.String: 1h2m3.5s, 1.5ms. */
static void go_duration(struct strbuf *out, double seconds)
{
	static const uint64_t second = 1000000000;
	uint64_t ns, minutes;

	/* More is no time.Duration. */
	if (!(fabs(seconds) < 9.2e9)) {
		num_format_general(out, seconds, 4);
		return;
	}
	ns = (uint64_t)(fabs(seconds) * 1e9);
	if (seconds < 0 && ns)
		strbuf_addch(out, '-');
	if (ns && ns < second) {
		int digits = ns < 1000 ? 0 : ns < 1000000 ? 3 : 6;

		add_units(out, ns, digits);
		strbuf_adds(out, digits == 0 ? "ns" : digits == 3 ? "\xc2\xb5s" : "ms");
		return;
	}
	minutes = ns / second / 60;
	if (minutes >= 60)
		strbuf_addf(out, "%" PRIu64 "h", minutes / 60);
	if (minutes)
		strbuf_addf(out, "%" PRIu64 "m", minutes % 60);
	add_units(out, ns - minutes * 60 * second, 9);
	strbuf_addch(out, 's');
}

HUMANIZE_FUNCTION(fn_humanize, humanize)
HUMANIZE_FUNCTION(fn_humanize_1024, humanize_1024)
HUMANIZE_FUNCTION(fn_humanize_percentage, humanize_percentage)
HUMANIZE_FUNCTION(fn_to_duration, go_duration)

static int fn_humanize_timestamp(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct strbuf out = STRBUF_INIT;
	char shown[NUM_MAX];
	double number;

	if (template_want_number(call, &args[0], &number))
		return -EINVAL;
	if (!humanize_timestamp(&out, number))
		return template_give_text(call, &out, ret);
	num_format_go(shown, number);
	return template_call_fail(call,
		"%s cannot be represented as a nanoseconds timestamp since it overflows int64",
		shown);
}

static int fn_to_time(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	double number;

	if (template_want_number(call, &args[0], &number))
		return -EINVAL;
	if (!isfinite(number))
		return template_call_fail(call, "value is NaN or Inf");
	return fn_humanize_timestamp(call, args, n, ret);
}

static int fn_now(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	const struct expand_data *data = call->userdata;

	*ret = tvalue_float((double)data->wall_ms / 1000);
	return 0;
}

static int fn_external_url(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	const struct expand_data *data = call->userdata;

	*ret = tvalue_string(data->external_url, strlen(data->external_url));
	return 0;
}

static int fn_path_prefix(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	const struct expand_data *data = call->userdata;
	const char *host = strstr(data->external_url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;

	*ret = path ? tvalue_string(path, strlen(path)) : tvalue_string("", 0);
	return 0;
}

static int fn_parse_duration(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	int64_t ms;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	if (duration_parse(args[0].str.s, args[0].str.len, &ms))
		return template_call_fail(
			call, "not a valid duration string: \"%s\"", args[0].str.s);
	*ret = tvalue_float((double)ms / 1000);
	return 0;
}

static int fn_url_query_escape(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct strbuf out = STRBUF_INIT;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	escape_query(&out, args[0].str.s, args[0].str.len);
	return template_give_text(call, &out, ret);
}

const struct template_function rule_template_functions[] = {
	{ "args", 0, -1, fn_args },
	{ "externalURL", 0, 0, fn_external_url },
	{ "first", 1, 1, fn_first },
	{ "graphLink", 1, 1, fn_graph_link },
	{ "humanize", 1, 1, fn_humanize },
	{ "humanize1024", 1, 1, fn_humanize_1024 },
	{ "humanizeDuration", 1, 1, template_humanize_duration },
	{ "humanizePercentage", 1, 1, fn_humanize_percentage },
	{ "humanizeTimestamp", 1, 1, fn_humanize_timestamp },
	{ "label", 2, 2, fn_label },
	{ "match", 2, 2, template_match },
	{ "now", 0, 0, fn_now },
	{ "parseDuration", 1, 1, fn_parse_duration },
	{ "pathPrefix", 0, 0, fn_path_prefix },
	{ "query", 1, 1, fn_query },
	{ "reReplaceAll", 3, 3, template_re_replace_all },
	{ "safeHtml", 1, 1, template_safe_html },
	{ "sortByLabel", 2, 2, fn_sort_by_label },
	{ "stripDomain", 1, 1, fn_strip_domain },
	{ "stripPort", 1, 1, fn_strip_port },
	{ "strvalue", 1, 1, fn_strvalue },
	{ "tableLink", 1, 1, fn_table_link },
	{ "title", 1, 1, template_title },
	{ "toDuration", 1, 1, fn_to_duration },
	{ "toLower", 1, 1, template_to_lower },
	{ "toTime", 1, 1, fn_to_time },
	{ "toUpper", 1, 1, template_to_upper },
	{ "urlQueryEscape", 1, 1, fn_url_query_escape },
	{ "value", 1, 1, fn_value },
	{ NULL, 0, 0, NULL },
};
