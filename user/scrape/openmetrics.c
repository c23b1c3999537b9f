/*
 * openmetrics.c - OpenMetrics, byte by byte.
 */
#include "scrape/openmetrics.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include "base/escape.h"

void openmetrics_init(struct exposition *p, const char *text, size_t len)
{
	exposition_init(p, text, len);
	p->openmetrics = true;
}

static bool at(const struct exposition *p, char c)
{
	return p->at < p->end && *p->at == c;
}

static bool take(struct exposition *p, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len))
		return false;
	p->at += len;
	return true;
}

/* [a-zA-Z_] and digits behind the first, ':' where it may be; false where none stands here. */
static bool take_name(struct exposition *p, bool colon)
{
	const char *c = p->at;

	while (c < p->end && (isalpha((unsigned char)*c) || *c == '_' || (colon && *c == ':') ||
				     (c > p->at && isdigit((unsigned char)*c))))
		c++;
	if (c == p->at)
		return false;
	p->at = c;
	return true;
}

/* A text in double quotes; *ret and *ret_len without them. A line's end only where `lines` says so. */
static bool take_string(struct exposition *p, bool lines, const char **ret, size_t *ret_len)
{
	const char *c = p->at;

	if (c >= p->end || *c != '"')
		return false;
	for (c++; c < p->end && *c != '"'; c++) {
		if (*c == '\\' && ++c >= p->end)
			return false;
		if (*c == '\n' && (!lines || c[-1] == '\\'))
			return false;
	}
	if (c >= p->end)
		return false;
	*ret = p->at + 1;
	*ret_len = (size_t)(c - p->at) - 1;
	p->at = c + 1;
	return true;
}

/* Up to the next space or line's end, and not empty. */
static int read_number(struct exposition *p, const char *what, double *ret)
{
	const char *start = p->at;

	while (p->at < p->end && *p->at != ' ' && *p->at != '\n')
		p->at++;
	if (p->at == start)
		return exposition_fault(p, start, what);
	return exposition_number(p, start, (size_t)(p->at - start), ret);
}

/* One thing between braces, the comma behind it included. */
static int read_label(struct exposition *p, bool exemplar, bool *named)
{
	const char *start = p->at, *text;
	size_t len;
	bool quoted = at(p, '"');

	if (!(quoted ? take_string(p, true, &text, &len) : take_name(p, false)))
		return exposition_fault(p, start, "expected a label name");
	if (quoted && (!len || !utf8_valid(text, len)))
		return exposition_fault(p, start, "a name that is empty or not valid UTF-8");
	if (quoted && !exemplar && (at(p, ',') || at(p, '}'))) {
		if (*named)
			return exposition_fault(p, start, "a second metric name");
		*named = true;
		p->at += at(p, ',');
		return 0;
	}
	if (!at(p, '='))
		return exposition_fault(p, p->at, "expected '='");
	start = ++p->at;
	if (!take_string(p, false, &text, &len))
		return exposition_fault(p, start, "expected a label value in double quotes");
	if (!utf8_valid(text, len))
		return exposition_fault(p, start, "a label value that is not valid UTF-8");
	if (!at(p, ',') && !at(p, '}'))
		return exposition_fault(p, p->at, "expected ',' or '}'");
	p->at += at(p, ',');
	return 0;
}

/* Behind the opening brace. A comma at the end is free. */
static int read_labels(struct exposition *p, bool exemplar, bool *named)
{
	int err = 0;

	while (!err && !at(p, '}'))
		err = read_label(p, exemplar, named);
	p->at += !err;
	return err;
}

/* Seconds, with digits behind a point or not. */
static int read_time(struct exposition *p, int64_t *ret)
{
	const char *start = p->at;
	double seconds;
	int err = read_number(p, "expected a timestamp", &seconds);

	if (err)
		return err;
	if (!isfinite(seconds))
		return exposition_fault(p, start, "not a timestamp");
	seconds *= 1000;
	/* Past what 64 bits hold, nothing is near it either. */
	*ret = seconds >= 9.2e18 ? INT64_MAX : seconds <= -9.2e18 ? INT64_MIN : (int64_t)seconds;
	return 0;
}

/* Behind "# {": read to be checked. */
static int read_exemplar(struct exposition *p, struct exposition_entry *ret)
{
	bool named = true;
	double value;
	int64_t wall_ms;
	int err;

	ret->exemplar = p->at;
	err = read_labels(p, true, &named);
	if (err)
		return err;
	ret->exemplar_len = (size_t)(p->at - ret->exemplar) - 1;
	if (!take(p, " "))
		return exposition_fault(p, p->at, "expected a space and the exemplar's value");
	err = read_number(p, "expected the exemplar's value", &value);
	if (!err && take(p, " "))
		err = read_time(p, &wall_ms);
	return err;
}

/* The space behind the metric, value, timestamp, exemplar and the line's end. */
static int read_rest(struct exposition *p, struct exposition_entry *ret)
{
	int err;

	if (!take(p, " "))
		return exposition_fault(p, p->at, "expected a space and a value");
	err = read_number(p, "expected a value", &ret->value);
	ret->has_time = false;
	ret->exemplar = NULL;
	if (!err && at(p, ' ') && !(p->at + 1 < p->end && p->at[1] == '#')) {
		p->at++;
		ret->has_time = true;
		err = read_time(p, &ret->wall_ms);
	}
	if (!err && take(p, " # {"))
		err = read_exemplar(p, ret);
	if (err)
		return err;
	if (!take(p, "\n"))
		return exposition_fault(p, p->at, "expected the line's end");
	return EXPOSITION_SAMPLE;
}

static int read_sample(struct exposition *p, struct exposition_entry *ret)
{
	const char *start = p->at;
	bool named = take_name(p, true);
	int err;

	if (!named && !at(p, '{'))
		return exposition_fault(p, start, "expected a metric name or a comment");
	if (take(p, "{")) {
		err = read_labels(p, false, &named);
		if (err)
			return err;
		if (!named)
			return exposition_fault(p, start, "a sample without a metric name");
	}
	if ((size_t)(p->at - start) > EXPOSITION_MAX_ENTRY_BYTES)
		return exposition_fault(p, start, "a metric with labels of more than 64 KiB");
	ret->series = start;
	ret->series_len = (size_t)(p->at - start);
	return read_rest(p, ret);
}

int openmetrics_expect(
	struct exposition *p, const char *series, size_t len, struct exposition_entry *ret)
{
	if ((size_t)(p->end - p->at) <= len || memcmp(p->at, series, len) || p->at[len] != ' ')
		return 0;
	ret->series = p->at;
	ret->series_len = len;
	p->at += len;
	return read_rest(p, ret) < 0 ? -EINVAL : 1;
}

static int read_type(struct exposition *p, const struct exposition_entry *entry)
{
	static const char *const words[METRIC_TYPES] = {
		[METRIC_UNKNOWN] = "unknown",
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
		[METRIC_SUMMARY] = "summary",
		[METRIC_GAUGEHISTOGRAM] = "gaugehistogram",
		[METRIC_INFO] = "info",
		[METRIC_STATESET] = "stateset",
	};

	for (size_t i = 0; i < METRIC_TYPES; i++) {
		if (words[i] && strlen(words[i]) == entry->text_len &&
			!memcmp(words[i], entry->text, entry->text_len)) {
			p->type = (enum metric_type)i;
			return EXPOSITION_TYPE;
		}
	}
	return exposition_fault(p, entry->text, "unknown metric type");
}

/* The family must end in '_' and its unit. */
static int check_unit(struct exposition *p, const struct exposition_entry *entry)
{
	size_t name = entry->name_len, unit = entry->text_len;

	if (unit && (name < unit + 1 || entry->name[name - unit - 1] != '_' ||
			    memcmp(entry->name + name - unit, entry->text, unit)))
		return exposition_fault(
			p, entry->text, "a unit in which the metric's name does not end");
	return EXPOSITION_UNIT;
}

/* Behind "# HELP " and its siblings. */
static int read_metadata(struct exposition *p, int kind, struct exposition_entry *ret)
{
	const char *start = p->at, *line_end;

	ret->quoted = at(p, '"');
	ret->name = start;
	if (!(ret->quoted ? take_string(p, true, &ret->name, &ret->name_len) : take_name(p, true)))
		return exposition_fault(p, start, "expected a metric name");
	if (!ret->quoted)
		ret->name_len = (size_t)(p->at - start);
	line_end = memchr(p->at, '\n', (size_t)(p->end - p->at));
	if (!take(p, " ") || !line_end)
		return exposition_fault(p, p->at, "expected a space, a text and the line's end");
	ret->text = p->at;
	ret->text_len = (size_t)(line_end - p->at);
	if ((size_t)(line_end - start) > EXPOSITION_MAX_ENTRY_BYTES)
		return exposition_fault(p, start, "a comment of more than 64 KiB");
	p->at = line_end + 1;
	if (kind == EXPOSITION_TYPE)
		return read_type(p, ret);
	if (kind == EXPOSITION_UNIT)
		return check_unit(p, ret);
	if (!utf8_valid(ret->text, ret->text_len))
		return exposition_fault(p, ret->text, "a help text that is not valid UTF-8");
	return kind;
}

int openmetrics_next(struct exposition *p, struct exposition_entry *ret)
{
	static const struct {
		const char *word;
		int kind;
	} comments[] = { { "# HELP ", EXPOSITION_HELP }, { "# TYPE ", EXPOSITION_TYPE },
		{ "# UNIT ", EXPOSITION_UNIT } };

	if (p->at >= p->end)
		return exposition_fault(p, p->at, "the text must end with # EOF");
	if (*p->at != '#')
		return read_sample(p, ret);
	for (size_t i = 0; i < ARRAY_SIZE(comments); i++) {
		if (take(p, comments[i].word))
			return read_metadata(p, comments[i].kind, ret);
	}
	if (!take(p, "# EOF"))
		return exposition_fault(p, p->at, "expected # HELP, # TYPE, # UNIT or # EOF");
	take(p, "\n");
	if (p->at < p->end)
		return exposition_fault(p, p->at, "expected nothing after # EOF");
	return EXPOSITION_END;
}
