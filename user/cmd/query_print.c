/*
 * query_print.c - answers to queries for people: tables, small charts, marks under expressions.
 *
 * Whatever comes over the wire is a stranger's: a value of an unexpected kind is left out.
 */
#include "cmd/query_print.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include "base/escape.h"
#include "base/num.h"
#include "cmd/chart.h"
#include "cmd/table.h"
#include "model/duration.h"
#include "model/labels.h"
#include "model/timestamp.h"
#include "promql/promql.h"

#define CHART_WIDTH  60
#define CHART_INDENT 2

static int add_labels(const json_t *metric, struct strbuf *out)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels;
	const char *name;
	json_t *value;
	int err;

	json_object_foreach((json_t *)metric, name, value)
	{
		if (json_is_string(value))
			labels_builder_set(&b, name, json_string_value(value));
	}
	err = labels_build(&b, &labels);
	if (err)
		return err;
	labels_format(labels, out);
	labels_unref(labels);
	return out->err;
}

/* [1435781451.781, "1"] */
static bool read_sample(const json_t *pair, struct sample *ret)
{
	const char *text = json_string_value(json_array_get(pair, 1));
	const json_t *time = json_array_get(pair, 0);

	if (!text || !json_is_number(time) || num_parse(text, strlen(text), &ret->value))
		return false;
	ret->wall_ms = (int64_t)llround(json_number_value(time) * 1000);
	return true;
}

static const char *value_text(const json_t *pair)
{
	const char *text = json_string_value(json_array_get(pair, 1));

	return text ? text : "?";
}

static int add_series(struct table *table, const json_t *metric)
{
	struct strbuf text = STRBUF_INIT;
	int err = add_labels(metric, &text);

	if (!err)
		table_add(table, text.s);
	strbuf_release(&text);
	return err;
}

static int print_vector(const json_t *result, struct strbuf *out)
{
	struct table table = { .columns = 2 };
	const json_t *series;
	int err = 0;
	size_t i;

	json_array_foreach(result, i, series)
	{
		const json_t *value = json_object_get(series, "value");

		err = err ? err : add_series(&table, json_object_get(series, "metric"));
		if (!err)
			table_add(&table, value ? value_text(value) : "a histogram");
	}
	err = err ? err : table_print(&table, out);
	table_release(&table);
	return err;
}

static int print_samples(const json_t *result, struct strbuf *out)
{
	const json_t *series, *pair;
	struct sample sample;
	int err = 0;
	size_t i, k;

	json_array_foreach(result, i, series)
	{
		err = err ? err : add_labels(json_object_get(series, "metric"), out);
		strbuf_addch(out, '\n');
		json_array_foreach(json_object_get(series, "values"), k, pair)
		{
			if (!read_sample(pair, &sample))
				continue;
			strbuf_adds(out, "  ");
			timestamp_format_rfc3339(out, sample.wall_ms);
			strbuf_adds(out, "  ");
			escape_terminal(out, value_text(pair), strlen(value_text(pair)));
			strbuf_addch(out, '\n');
		}
	}
	return err ? err : out->err;
}

int query_print_instant(const json_t *data, struct strbuf *out)
{
	const char *type = json_string_value(json_object_get(data, "resultType"));
	const json_t *result = json_object_get(data, "result");

	if (type && streq(type, "vector"))
		return print_vector(result, out);
	if (type && streq(type, "matrix"))
		return print_samples(result, out);
	escape_terminal(out, value_text(result), strlen(value_text(result)));
	strbuf_addch(out, '\n');
	return out->err;
}

static void add_figures(struct strbuf *out, const struct sample *points, size_t n)
{
	double min = NAN, max = NAN;
	char text[NUM_MAX];

	for (size_t i = 0; i < n; i++) {
		min = fmin(min, points[i].value);
		max = fmax(max, points[i].value);
	}
	num_format(text, min);
	strbuf_addf(out, "  min %s", text);
	num_format(text, max);
	strbuf_addf(out, "  max %s", text);
	num_format(text, points[n - 1].value);
	strbuf_addf(out, "  last %s", text);
}

/* The same for all series, so that they can be held against one another. */
static size_t chart_width(const struct query_range *range)
{
	int64_t steps = (range->end_wall_ms - range->start_wall_ms) / range->step_ms + 1;
	size_t width = (size_t)MIN(steps, (int64_t)CHART_WIDTH);

	return range->columns > CHART_INDENT ? MIN(width, range->columns - CHART_INDENT) : width;
}

static int print_chart(const json_t *values, const struct query_range *range, struct strbuf *out)
{
	const struct chart chart = {
		.start_wall_ms = range->start_wall_ms,
		.end_wall_ms = range->end_wall_ms,
		.width = chart_width(range),
		.ascii = range->ascii,
	};
	scoped(freep) struct sample *points = calloc(json_array_size(values) + 1, sizeof(*points));
	struct strbuf figures = STRBUF_INIT;
	const json_t *pair;
	size_t i, n = 0;

	if (!points)
		return -ENOMEM;
	json_array_foreach(values, i, pair) n += read_sample(pair, &points[n]);
	if (!n)
		return 0;
	strbuf_addf(out, "%*s", CHART_INDENT, "");
	chart_line(out, &chart, points, n);
	add_figures(&figures, points, n);
	if (range->columns && CHART_INDENT + chart.width + figures.len > range->columns)
		strbuf_addch(out, '\n');
	strbuf_addf(out, "%s\n", figures.s);
	out->err = out->err ? out->err : figures.err;
	strbuf_release(&figures);
	return out->err;
}

int query_print_range(const json_t *data, const struct query_range *range, struct strbuf *out)
{
	const json_t *result = json_object_get(data, "result"), *series;
	int err = 0;
	size_t i;

	if (!json_array_size(result))
		return 0;
	timestamp_format_local(out, range->start_wall_ms);
	strbuf_adds(out, " to ");
	timestamp_format_local(out, range->end_wall_ms);
	strbuf_adds(out, ", every ");
	duration_format(out, range->step_ms);
	strbuf_addch(out, '\n');
	json_array_foreach(result, i, series)
	{
		err = err ? err : add_labels(json_object_get(series, "metric"), out);
		strbuf_addch(out, '\n');
		err = err ? err : print_chart(json_object_get(series, "values"), range, out);
	}
	return err ? err : out->err;
}

/* "...: 1:5: parse error: ..." The sentence after it, or NULL where no place is told. */
static const char *find_place(const char *error, unsigned *ret_line, unsigned *ret_column)
{
	const char *end = strstr(error, ": parse error: "), *colon, *start;
	int64_t line, column;
	char digits[2][12];

	if (!end)
		return NULL;
	for (colon = end; colon > error && isdigit((unsigned char)colon[-1]); colon--)
		;
	if (colon == error || colon[-1] != ':')
		return NULL;
	for (start = colon - 1; start > error && isdigit((unsigned char)start[-1]); start--)
		;
	if (colon - 1 - start >= (ptrdiff_t)sizeof(digits[0]) ||
		end - colon >= (ptrdiff_t)sizeof(digits[0]))
		return NULL;
	memcpy(digits[0], start, (size_t)(colon - 1 - start));
	digits[0][colon - 1 - start] = '\0';
	memcpy(digits[1], colon, (size_t)(end - colon));
	digits[1][end - colon] = '\0';
	if (num_parse_int(digits[0], 1, 1000000, &line) ||
		num_parse_int(digits[1], 1, 1000000, &column))
		return NULL;
	*ret_line = (unsigned)line;
	*ret_column = (unsigned)column;
	return end + strlen(": parse error: ");
}

/* How much to underline: the answer does not say it, but the parser here found the same place. */
static size_t fault_length(const char *expr, size_t offset)
{
	struct promql_expr *parsed = NULL;
	struct promql_error error = { 0 };
	size_t length = 1;

	if (!promql_parse(expr, &parsed, &error))
		promql_free(parsed);
	else if (error.offset == offset && error.length)
		length = error.length;
	return length;
}

static void add_mark(struct strbuf *out, const char *expr, unsigned line, unsigned column)
{
	const char *start = expr, *end;
	size_t offset, length;

	for (; line > 1 && (start = strchr(start, '\n')); line--)
		start++;
	if (!start || column > strlen(start) + 1)
		return;
	end = strchrnul(start, '\n');
	offset = (size_t)(start - expr) + column - 1;
	length = fault_length(expr, offset);
	strbuf_adds(out, "    ");
	escape_terminal(out, start, (size_t)(end - start));
	strbuf_adds(out, "\n    ");
	/* A tab was written as two characters; so is what stands under it. */
	for (const char *p = start; p < expr + offset; p++)
		strbuf_adds(out, *p == '\t' ? "  " : ((unsigned char)*p & 0xc0) == 0x80 ? "" : " ");
	strbuf_addch(out, '^');
	for (size_t i = 1; i < length && expr + offset + i < end; i++)
		strbuf_addch(out, '~');
	strbuf_addch(out, '\n');
}

void query_print_error(const struct answer *answer, const char *expr, struct strbuf *out)
{
	unsigned line, column;
	const char *text = find_place(answer->error, &line, &column);

	escape_terminal(out, text ? text : answer->error, strlen(text ? text : answer->error));
	strbuf_addch(out, '\n');
	if (text)
		add_mark(out, expr, line, column);
}
