/*
 * series_desc.c - series as tests write them, read.
 *
 * The name is cut by PromQL's own lexer. The values are not PromQL: `x` repeats there, `_` is a gap,
 * and 0x10 is ten more zeros, not sixteen.
 */
#include "promql/series_desc.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include "base/num.h"
#include "promql/lexer.h"
#include "promql/literal.h"

static int fault(struct promql_error *err, size_t from, size_t to, const char *text)
{
	*err = (struct promql_error){ .offset = from, .length = to > from ? to - from : 1 };
	snprintf(err->text, sizeof(err->text), "%s", text);
	return -EINVAL;
}

static int token_fault(const struct lexer *lexer, const struct token *token,
	struct promql_error *err, const char *what)
{
	return fault(err, token->from, token->to, token->type == TOKEN_ERROR ? lexer->error : what);
}

/* A name or a value between quotes, as text. */
static int unquote(const struct lexer *lexer, const struct token *token, struct strbuf *out,
	struct promql_error *err)
{
	strbuf_reset(out);
	literal_unquote(out, lexer->text + token->from, token->to - token->from);
	if (out->err)
		return -ENOMEM;
	if (strlen(out->s) != out->len)
		return fault(err, token->from, token->to, "a NUL byte in a label");
	return 0;
}

/* name="value", or a metric's name in quotes; `token` is its first one. */
static int read_label(struct lexer *lexer, struct token *token, struct labels_builder *b,
	struct promql_error *err)
{
	scoped(strbuf_release) struct strbuf name = STRBUF_INIT, value = STRBUF_INIT;
	struct token first = *token;
	int status = 0;

	if (first.type == TOKEN_STRING)
		status = unquote(lexer, &first, &name, err);
	else if (first.type == TOKEN_IDENTIFIER)
		strbuf_add(&name, lexer->text + first.from, first.to - first.from);
	else
		return token_fault(lexer, token, err, "a label's name must stand here");
	if (status || name.err)
		return status ? status : -ENOMEM;

	lexer_next(lexer, token);
	if (first.type == TOKEN_STRING && token->type != TOKEN_EQL) {
		strbuf_add(&value, name.s, name.len);
		strbuf_reset(&name);
		strbuf_adds(&name, LABEL_NAME);
	} else if (token->type != TOKEN_EQL) {
		return token_fault(lexer, token, err, "'=' must stand behind the label's name");
	} else {
		lexer_next(lexer, token);
		if (token->type != TOKEN_STRING)
			return token_fault(
				lexer, token, err, "a label's value must stand here, in quotes");
		status = unquote(lexer, token, &value, err);
		if (status)
			return status;
		lexer_next(lexer, token);
	}
	if (labels_builder_get(b, name.s))
		return fault(err, first.from, first.to, "this label stands twice");
	labels_builder_set(b, name.s, value.s);
	return name.err || value.err ? -ENOMEM : 0;
}

static int read_braces(struct lexer *lexer, struct token *token, struct labels_builder *b,
	struct promql_error *err)
{
	int status;

	lexer_next(lexer, token);
	while (token->type != TOKEN_RIGHT_BRACE) {
		status = read_label(lexer, token, b, err);
		if (status)
			return status;
		if (token->type == TOKEN_COMMA)
			lexer_next(lexer, token);
		else if (token->type != TOKEN_RIGHT_BRACE)
			return token_fault(
				lexer, token, err, "',' or '}' must stand behind a label");
	}
	lexer_next(lexer, token);
	return 0;
}

static int read_series(const char *text, struct labels_builder *b, struct promql_error *err)
{
	struct lexer lexer;
	struct token token;
	int status;

	lexer_init(&lexer, text, strlen(text));
	lexer_next(&lexer, &token);
	/* Any word is a name here, `sum` too. */
	if (metric_name_valid_classic(text + token.from, token.to - token.from)) {
		labels_builder_setn(b, LABEL_NAME, strlen(LABEL_NAME), text + token.from,
			token.to - token.from);
		lexer_next(&lexer, &token);
	}
	if (token.type == TOKEN_LEFT_BRACE) {
		status = read_braces(&lexer, &token, b, err);
		if (status)
			return status;
	}
	if (token.type != TOKEN_EOF)
		return token_fault(&lexer, &token, err,
			"a series is written as name{label=\"value\"}; this is neither");
	return 0;
}

int series_desc_labels(const char *text, struct labels **ret, struct promql_error *err)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	int status = read_series(text, &b, err);

	if (status) {
		labels_builder_release(&b);
		return status;
	}
	return labels_build(&b, ret);
}

/* The text of values under the reader's finger. */
struct scan {
	const char *text;
	size_t at;
	struct promql_error *err;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int scan_fault(const struct scan *s, size_t from, const char *what)
{
	return fault(s->err, from, from + strcspn(s->text + from, " \t\r\n"), what);
}

static size_t number_length(const char *s)
{
	size_t n = 0;

	if (strncasecmp(s, "inf", 3) == 0 || strncasecmp(s, "nan", 3) == 0)
		return 3;
	while (is_digit(s[n]) || s[n] == '.' || (n && s[n] == '_') ||
		(n && (s[n] == 'e' || s[n] == 'E')) ||
		(n && (s[n] == '+' || s[n] == '-') && (s[n - 1] == 'e' || s[n - 1] == 'E')))
		n++;
	return n;
}

/* A number with any signs before it: 1, -2.5, +Inf. */
static int scan_number(struct scan *s, double *ret)
{
	size_t from = s->at, len;
	double sign = 1, v;

	if (s->text[s->at] == '+' || s->text[s->at] == '-')
		sign = s->text[s->at++] == '-' ? -1 : 1;
	len = number_length(s->text + s->at);
	if (!len || literal_number(s->text + s->at, len, &v))
		return scan_fault(s, from,
			"a value is a number, '_' or 'stale'; with 'x' it goes on, as 1+2x3");
	s->at += len;
	*ret = sign * v;
	return 0;
}

/* xN, if it stands there. *ret is untouched where it does not. */
static int scan_times(struct scan *s, uint64_t *ret)
{
	size_t from = s->at, len;
	char digits[24];
	int64_t n;

	if (s->text[s->at] != 'x')
		return 0;
	len = strspn(s->text + s->at + 1, "0123456789");
	if (len && len < sizeof(digits)) {
		memcpy(digits, s->text + s->at + 1, len);
		digits[len] = '\0';
		if (!num_parse_int(digits, 0, INT64_MAX - 1, &n)) {
			s->at += 1 + len;
			*ret = (uint64_t)n;
			return 0;
		}
	}
	return scan_fault(s, from, "behind 'x' stands how often, a whole number");
}

static int scan_braces(struct scan *s)
{
	const char *end = strstr(s->text + s->at, "}}");

	if (!end)
		return scan_fault(s, s->at, "this histogram has no '}}' at its end");
	s->at = (size_t)(end + 2 - s->text);
	return 0;
}

static bool at_braces(const struct scan *s)
{
	return starts_with(s->text + s->at, "{{");
}

/* {{...}}, {{...}}x3, {{...}}+{{...}}x3 */
static int scan_histogram(struct scan *s, struct series_item *item)
{
	uint64_t times = 0;
	size_t before;
	int status = scan_braces(s);

	item->kind = SERIES_HISTOGRAM;
	if (!status && (s->text[s->at] == '+' || s->text[s->at] == '-')) {
		s->at++;
		if (!at_braces(s))
			return scan_fault(s, s->at, "to a histogram a histogram is added, {{...}}");
		status = scan_braces(s);
		before = s->at;
		if (!status && !(status = scan_times(s, &times)) && s->at == before)
			return scan_fault(s, before, "'x' and how often must stand here");
	} else if (!status) {
		status = scan_times(s, &times);
	}
	item->n = times + 1;
	return status;
}

/* 1, 1x3, 1+2x3, 1-2x3, stale (which is not repeated: stalex3 is another word) */
static int scan_float(struct scan *s, struct series_item *item)
{
	uint64_t times = 0;
	size_t before;
	int status;

	item->kind = SERIES_FLOAT;
	item->n = 1;
	if (starts_with(s->text + s->at, "stale")) {
		item->first = stale_nan();
		s->at += strlen("stale");
		return 0;
	}
	status = scan_number(s, &item->first);
	if (status)
		return status;
	if (s->text[s->at] == '+' || s->text[s->at] == '-') {
		status = scan_number(s, &item->step);
		if (status)
			return status;
		before = s->at;
		status = scan_times(s, &times);
		if (!status && s->at == before)
			return scan_fault(s, before, "'x' and how often must stand here, as 1+2x3");
	} else {
		status = scan_times(s, &times);
	}
	item->n = times + 1;
	return status;
}

static int scan_item(struct scan *s, struct series_item *item)
{
	int status;

	if (s->text[s->at] == '_') {
		s->at++;
		item->n = 1;
		status = scan_times(s, &item->n); /* _x3 is three, where 1x3 is four */
	} else if (at_braces(s)) {
		status = scan_histogram(s, item);
	} else {
		status = scan_float(s, item);
	}
	if (!status && s->text[s->at] && !is_blank(s->text[s->at]))
		return scan_fault(s, s->at, "a blank must stand between two values");
	return status;
}

int series_desc_values(const char *text, struct series_values *ret, struct promql_error *err)
{
	struct scan scan = { .text = text, .err = err };
	struct series_values values = { 0 };
	int status = 0;

	for (;;) {
		struct series_item item = { .kind = SERIES_BLANK };

		while (is_blank(scan.text[scan.at]))
			scan.at++;
		if (!scan.text[scan.at])
			break;
		status = scan_item(&scan, &item);
		if (!status && !vec_reserve(values.items, values.n, values.cap))
			status = -ENOMEM;
		if (status) {
			series_values_release(&values);
			return status;
		}
		values.histograms = values.histograms || item.kind == SERIES_HISTOGRAM;
		values.items[values.n++] = item;
	}
	*ret = values;
	return 0;
}

void series_values_release(struct series_values *values)
{
	free(values->items);
	*values = (struct series_values){ 0 };
}

bool series_cursor_next(struct series_cursor *cursor, enum series_item_kind *ret_kind, double *ret)
{
	const struct series_item *item;

	while (cursor->item < cursor->values->n &&
		cursor->at == cursor->values->items[cursor->item].n) {
		cursor->item++;
		cursor->at = 0;
	}
	if (cursor->item == cursor->values->n)
		return false;
	item = &cursor->values->items[cursor->item];
	/* Added up step by step, as Prometheus does: the rounding is a part of the test's data. */
	if (!cursor->at++)
		cursor->value = item->first;
	else if (item->step != 0) /* a stale marker stays what it is, bit for bit */
		cursor->value += item->step;
	*ret_kind = item->kind;
	if (item->kind == SERIES_FLOAT)
		*ret = cursor->value;
	return true;
}
