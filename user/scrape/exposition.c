/*
 * exposition.c - the text format, byte by byte.
 *
 * Lines are only counted when there is a fault to be placed.
 */
#include "scrape/exposition.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include "base/escape.h"
#include "base/num.h"

enum { NAME_START = 1, NAME_COLON = 2, DIGIT = 4, BLANK = 8, ENDS_VALUE = 16, ODD_NUMBER = 32 };

static const uint8_t class[256] = {
	['a' ... 'o'] = NAME_START,
	['p'] = NAME_START | ODD_NUMBER,
	['q' ... 'w'] = NAME_START,
	['x'] = NAME_START | ODD_NUMBER,
	['y' ... 'z'] = NAME_START,
	['A' ... 'O'] = NAME_START,
	['P'] = NAME_START | ODD_NUMBER,
	['Q' ... 'W'] = NAME_START,
	['X'] = NAME_START | ODD_NUMBER,
	['Y' ... 'Z'] = NAME_START,
	['_'] = NAME_START | ODD_NUMBER,
	[':'] = NAME_COLON,
	['0' ... '9'] = DIGIT,
	[' '] = BLANK | ENDS_VALUE,
	['\t'] = BLANK | ENDS_VALUE,
	['\n'] = ENDS_VALUE,
	['{'] = ENDS_VALUE,
};

static const char *const type_texts[METRIC_TYPES] = {
	[METRIC_UNKNOWN] = "unknown",
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
	[METRIC_SUMMARY] = "summary",
	[METRIC_UNTYPED] = "unknown",
	[METRIC_GAUGEHISTOGRAM] = "gaugehistogram",
	[METRIC_INFO] = "info",
	[METRIC_STATESET] = "stateset",
};

const char *metric_type_text(enum metric_type type)
{
	return type_texts[type];
}

static inline bool is(const char *at, const char *end, unsigned what)
{
	return at < end && (class[(unsigned char)*at] & what);
}

static inline const char *skip(const char *at, const char *end, unsigned what)
{
	while (is(at, end, what))
		at++;
	return at;
}

void exposition_init(struct exposition *p, const char *text, size_t len)
{
	*p = (struct exposition){ .text = text, .end = text + len, .at = text };
}

int exposition_fault(struct exposition *p, const char *at, const char *what)
{
	unsigned line = 1, column = 1;
	struct strbuf got = STRBUF_INIT;

	p->fault_at = at;
	for (const char *c = p->text; c < at; c++) {
		column = *c == '\n' ? 1 : column + 1;
		line += *c == '\n';
	}
	if (at < p->end)
		escape_quoted(&got, at, MIN((size_t)(p->end - at), (size_t)16));
	snprintf(p->error, sizeof(p->error), "line %u, column %u: %s%s%s%s", line, column, what,
		at < p->end ? ", got \"" : ", got the end", got.s, at < p->end ? "\"" : "");
	strbuf_release(&got);
	return -EINVAL;
}

/* Where the string that begins at `at` with its quote ends, past its closing quote; NULL: nowhere. */
static const char *string_end(const char *at, const char *end, bool *ret_odd)
{
	for (at++; at < end && *at != '"'; at++) {
		if (*at == '\\' && (++at >= end || *at == '\n'))
			return NULL;
		*ret_odd |= (unsigned char)*at >= 0x80 || !*at;
	}
	return at < end ? at + 1 : NULL;
}

/* One thing between braces. */
struct part {
	enum { PART_END, PART_NAME, PART_LABEL } kind;
	const char *name, *value; /* without their quotes */
	size_t name_len, value_len;
	bool quoted; /* the name */
};

/* What a fault is, and where: the caller makes a sentence of it. */
struct part_fault {
	const char *what, *at;
};

static bool read_label_name(
	const char **at, const char *end, struct part *part, struct part_fault *bad)
{
	const char *start = *at, *stop;
	bool odd = false;

	if (start < end && *start == '"') {
		stop = string_end(start, end, &odd);
		*part = (struct part){ .quoted = true, .name = start + 1 };
		if (stop)
			part->name_len = (size_t)(stop - start) - 2;
	} else {
		stop = is(start, end, NAME_START) ? skip(start, end, NAME_START | DIGIT) : NULL;
		*part = (struct part){ .name = start };
		if (stop)
			part->name_len = (size_t)(stop - start);
	}
	*bad = (struct part_fault){ "expected a label name", start };
	if (!stop)
		return false;
	bad->what = "a name that is empty or not valid UTF-8";
	if (!part->name_len || (odd && !utf8_valid(part->name, part->name_len)))
		return false;
	*at = stop;
	return true;
}

static bool read_label_value(
	const char **at, const char *end, struct part *part, struct part_fault *bad)
{
	const char *start = skip(*at, end, BLANK), *stop;
	bool odd = false;

	*bad = (struct part_fault){ "expected a label value in double quotes", start };
	stop = start < end && *start == '"' ? string_end(start, end, &odd) : NULL;
	if (!stop)
		return false;
	part->value = start + 1;
	part->value_len = (size_t)(stop - start) - 2;
	bad->what = "a label value that is not valid UTF-8";
	if (odd && !utf8_valid(part->value, part->value_len))
		return false;
	stop = skip(stop, end, BLANK);
	/* A comma at the end is free, and so is none between: Prometheus's parser is as generous. */
	*at = stop < end && *stop == ',' ? stop + 1 : stop;
	return true;
}

/* The next part after the brace. */
static bool read_part(const char **at, const char *end, struct part *part, struct part_fault *bad)
{
	const char *c = skip(*at, end, BLANK);

	if (c < end && *c == '}') {
		*part = (struct part){ .kind = PART_END };
		*at = c + 1;
		return true;
	}
	if (!read_label_name(&c, end, part, bad))
		return false;
	c = skip(c, end, BLANK);
	if (c < end && (*c == ',' || *c == '}')) {
		part->kind = PART_NAME;
		*bad = (struct part_fault){ "expected '='", c };
		*at = *c == ',' ? c + 1 : c;
		return part->quoted;
	}
	*bad = (struct part_fault){ "expected '='", c };
	if (c >= end || *c != '=')
		return false;
	c++;
	part->kind = PART_LABEL;
	if (!read_label_value(&c, end, part, bad))
		return false;
	*at = c;
	return true;
}

static int read_braces(struct exposition *p, bool *named)
{
	struct part_fault bad;
	struct part part;

	p->at++;
	for (;;) {
		const char *start = p->at;

		if (!read_part(&p->at, p->end, &part, &bad))
			return exposition_fault(p, bad.at, bad.what);
		if (part.kind == PART_END)
			return 0;
		if (part.kind == PART_NAME && *named)
			return exposition_fault(p, start, "a second metric name");
		*named |= part.kind == PART_NAME;
	}
}

int exposition_number(struct exposition *p, const char *s, size_t len, double *ret)
{
	bool odd = false;
	double v;

	for (size_t i = 0; i < len; i++)
		odd |= class[(unsigned char)s[i]] & ODD_NUMBER;
	if (odd || num_parse(s, len, &v))
		return exposition_fault(p, s, "not a number");
	if (isnan(v) && (*s == '+' || *s == '-'))
		return exposition_fault(p, s, "not a number");
	if (isinf(v) && (class[(unsigned char)s[len - 1]] & DIGIT || s[len - 1] == '.'))
		return exposition_fault(p, s, "a number too large");
	*ret = v;
	return 0;
}

static int read_value(struct exposition *p, double *ret)
{
	const char *start = p->at, *c = start;

	while (c < p->end && !(class[(unsigned char)*c] & ENDS_VALUE))
		c++;
	if (c == start)
		return exposition_fault(p, start, "expected a value");
	if (exposition_number(p, start, (size_t)(c - start), ret))
		return -EINVAL;
	p->at = c;
	return 0;
}

static int read_time(struct exposition *p, int64_t *ret)
{
	const char *start = p->at;
	int64_t v = 0;

	for (; is(p->at, p->end, DIGIT); p->at++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, *p->at - '0', &v))
			return exposition_fault(p, start, "a timestamp too large");
	}
	*ret = v;
	return 0;
}

/* Value, timestamp and the line's end. */
static int read_rest(struct exposition *p, struct exposition_entry *ret)
{
	int err;

	p->at = skip(p->at, p->end, BLANK);
	err = read_value(p, &ret->value);
	if (err)
		return err;
	ret->has_time = false;
	p->at = skip(p->at, p->end, BLANK);
	if (p->at < p->end && *p->at != '\n') {
		if (!is(p->at, p->end, DIGIT))
			return exposition_fault(p, p->at, "expected a timestamp or the line's end");
		ret->has_time = true;
		err = read_time(p, &ret->wall_ms);
		if (err)
			return err;
		p->at = skip(p->at, p->end, BLANK);
		if (p->at < p->end && *p->at != '\n')
			return exposition_fault(
				p, p->at, "expected the line's end after the timestamp");
	}
	p->at += p->at < p->end;
	return EXPOSITION_SAMPLE;
}

static int read_sample(struct exposition *p, struct exposition_entry *ret)
{
	const char *start = p->at, *name_end;
	bool named = false;
	int err;

	if (is(p->at, p->end, NAME_START | NAME_COLON)) {
		p->at = skip(p->at, p->end, NAME_START | NAME_COLON | DIGIT);
		named = true;
	}
	name_end = p->at;
	p->at = skip(p->at, p->end, BLANK);
	if (p->at < p->end && *p->at == '{') {
		err = read_braces(p, &named);
		if (err)
			return err;
		if (!named)
			return exposition_fault(p, start, "a sample without a metric name");
		name_end = p->at;
	} else if (!named) {
		return exposition_fault(
			p, start, "expected a metric name, a comment or an empty line");
	}
	if ((size_t)(name_end - start) > EXPOSITION_MAX_ENTRY_BYTES)
		return exposition_fault(p, start, "a metric with labels of more than 64 KiB");
	ret->series = start;
	ret->series_len = (size_t)(name_end - start);
	return read_rest(p, ret);
}

int exposition_expect(
	struct exposition *p, const char *series, size_t len, struct exposition_entry *ret)
{
	const char *after = p->at + len;

	/* "a 1" begins like "a" and "a {b="c"} 1" does too: what follows the blank tells them apart. */
	if ((size_t)(p->end - p->at) <= len || memcmp(p->at, series, len) ||
		!is(after, p->end, BLANK))
		return 0;
	after = skip(after, p->end, BLANK);
	if (after < p->end && *after == '{')
		return 0;
	ret->series = p->at;
	ret->series_len = len;
	p->at = after;
	return read_rest(p, ret) < 0 ? -EINVAL : 1;
}

static const char *const type_words[] = { [METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
	[METRIC_SUMMARY] = "summary",
	[METRIC_UNTYPED] = "untyped" };

static int read_type(struct exposition *p, const struct exposition_entry *entry)
{
	for (size_t i = METRIC_COUNTER; i < ARRAY_SIZE(type_words); i++) {
		if (strlen(type_words[i]) == entry->text_len &&
			!memcmp(type_words[i], entry->text, entry->text_len)) {
			p->type = (enum metric_type)i;
			return EXPOSITION_TYPE;
		}
	}
	return exposition_fault(p, entry->text, "unknown metric type");
}

/* Past the line "# WORD name text", or NULL where another one stands there. */
static const char *past_comment(const char *at, const char *end, const char word[static 7],
	const char *name, size_t name_len, const char *text)
{
	size_t text_len = strlen(text), len = 7 + name_len + 1 + text_len;

	if ((size_t)(end - at) <= len || memcmp(at, word, 7) || memcmp(at + 7, name, name_len) ||
		at[7 + name_len] != ' ' || memcmp(at + 8 + name_len, text, text_len) ||
		at[len] != '\n')
		return NULL;
	return at + len + 1;
}

bool exposition_expect_family(struct exposition *p, const char *name, size_t name_len,
	const char *help, enum metric_type type)
{
	const char *at;

	if (type < METRIC_COUNTER || type >= ARRAY_SIZE(type_words))
		return false;
	at = past_comment(p->at, p->end, "# HELP ", name, name_len, help);
	if (at)
		at = past_comment(at, p->end, "# TYPE ", name, name_len, type_words[type]);
	if (!at)
		return false;
	p->at = at;
	p->type = type;
	return true;
}

/* After "# HELP " or "# TYPE ": the family and the text up to `line_end`. */
static int read_metadata(
	struct exposition *p, const char *line_end, bool help, struct exposition_entry *ret)
{
	bool odd = false;
	const char *stop;

	ret->name = p->at;
	ret->quoted = p->at < line_end && *p->at == '"';
	if (ret->quoted) {
		stop = string_end(p->at, line_end, &odd);
		ret->name++;
	} else {
		stop = is(p->at, line_end, NAME_START | NAME_COLON)
			       ? skip(p->at, line_end, NAME_START | NAME_COLON | DIGIT)
			       : NULL;
	}
	if (!stop)
		return exposition_fault(p, p->at, "expected a metric name");
	ret->name_len = (size_t)(stop - ret->name) - ret->quoted;
	ret->text = MIN(stop + 1, line_end);
	ret->text_len = (size_t)(line_end - ret->text);
	if ((size_t)(line_end - p->at) > EXPOSITION_MAX_ENTRY_BYTES)
		return exposition_fault(p, p->at, "a comment of more than 64 KiB");
	if (help && !utf8_valid(ret->text, ret->text_len))
		return exposition_fault(p, ret->text, "a help text that is not valid UTF-8");
	if (!help && read_type(p, ret) < 0)
		return -EINVAL;
	p->at = line_end + (line_end < p->end);
	return help ? EXPOSITION_HELP : EXPOSITION_TYPE;
}

/* 0 for a plain comment, which is then behind us. */
static int read_comment(struct exposition *p, struct exposition_entry *ret)
{
	const char *line_end = memchr(p->at, '\n', (size_t)(p->end - p->at));
	const char *word = skip(p->at + 1, p->end, BLANK);
	bool help;

	if (!line_end)
		line_end = p->end;
	help = line_end - word > 4 && !memcmp(word, "HELP", 4);
	if (word > p->at + 1 && (help || (line_end - word > 4 && !memcmp(word, "TYPE", 4))) &&
		is(word + 4, line_end, BLANK)) {
		p->at = skip(word + 4, line_end, BLANK);
		return read_metadata(p, line_end, help, ret);
	}
	p->at = line_end + (line_end < p->end);
	return 0;
}

int exposition_next(struct exposition *p, struct exposition_entry *ret)
{
	int kind;

	for (;;) {
		p->at = skip(p->at, p->end, BLANK);
		if (p->at >= p->end)
			return EXPOSITION_END;
		if (*p->at == '\n') {
			p->at++;
			continue;
		}
		if (*p->at != '#')
			return read_sample(p, ret);
		kind = read_comment(p, ret);
		if (kind)
			return kind;
	}
}

void exposition_unescape(struct strbuf *out, const char *s, size_t len, bool quotes)
{
	for (size_t i = 0; i < len; i++) {
		char next = s[i] == '\\' && i + 1 < len ? s[i + 1] : '\0';

		if (next == '\\' || next == 'n' || (quotes && next == '"')) {
			strbuf_addch(out, next == 'n' ? '\n' : next);
			i++;
		} else if (!s[i]) {
			strbuf_adds(out, "\xef\xbf\xbd");
		} else {
			strbuf_addch(out, s[i]);
		}
	}
}

static bool is_plain(const char *s, size_t len)
{
	return !memchr(s, '\\', len) && !memchr(s, '\0', len);
}

static bool holds_float(enum metric_type type, const char *name, size_t len)
{
	return (type == METRIC_HISTOGRAM && len == 2 && !memcmp(name, "le", 2)) ||
	       (type == METRIC_SUMMARY && len == 8 && !memcmp(name, "quantile", 8));
}

/* As OpenMetrics writes it: always with a point or an exponent. False: not a number, keep it. */
static bool normalise_float(const char *s, size_t len, char out[NUM_MAX + 2])
{
	double v;

	if (num_parse(s, len, &v))
		return false;
	num_format_go(out, v);
	if (isfinite(v) && !strpbrk(out, ".e"))
		memcpy(out + strlen(out), ".0", 3);
	return true;
}

/* Name and value resolved into `scratch`, then set; twice: it was there already. */
static void set_label(struct labels_builder *b, struct strbuf *scratch, const struct part *part,
	enum metric_type type, bool *ret_twice)
{
	const char *value = part->value;
	size_t value_len = part->value_len, name_len = part->name_len;
	char number[NUM_MAX + 2];

	strbuf_reset(scratch);
	exposition_unescape(scratch, part->name, name_len, true);
	name_len = scratch->len;
	strbuf_addch(scratch, '\0');
	if (holds_float(type, scratch->s, name_len) && normalise_float(value, value_len, number)) {
		value = number;
		value_len = strlen(number);
	} else if (!is_plain(value, value_len)) {
		exposition_unescape(scratch, value, value_len, true);
		value = scratch->s + name_len + 1;
		value_len = scratch->len - name_len - 1;
	}
	if (scratch->err) {
		b->err = scratch->err;
		return;
	}
	*ret_twice |= labels_builder_get(b, scratch->s) != NULL;
	labels_builder_setn(b, scratch->s, name_len, value, value_len);
}

void exposition_labels(const char *series, size_t len, enum metric_type type,
	struct labels_builder *b, bool *ret_twice)
{
	const char *end = series + len, *at = skip(series, end, NAME_START | NAME_COLON | DIGIT);
	struct strbuf scratch = STRBUF_INIT;
	struct part_fault bad;
	struct part part;

	*ret_twice = false;
	if (at > series)
		labels_builder_setn(
			b, LABEL_NAME, strlen(LABEL_NAME), series, (size_t)(at - series));
	at = skip(at, end, BLANK);
	for (at++; at < end && read_part(&at, end, &part, &bad) && part.kind != PART_END;) {
		if (part.kind == PART_NAME) {
			part.value = part.name;
			part.value_len = part.name_len;
			part.name = LABEL_NAME;
			part.name_len = strlen(LABEL_NAME);
		}
		set_label(b, &scratch, &part, type, ret_twice);
	}
	strbuf_release(&scratch);
}

bool exposition_has_label(const char *series, size_t len, const char *name)
{
	const char *end = series + len, *at = memchr(series, '{', len);
	struct part_fault bad;
	struct part part;

	if (!at)
		return false;
	for (at++; read_part(&at, end, &part, &bad) && part.kind != PART_END;) {
		if (part.kind == PART_LABEL && part.name_len == strlen(name) &&
			!memcmp(part.name, name, part.name_len))
			return true;
	}
	return false;
}
