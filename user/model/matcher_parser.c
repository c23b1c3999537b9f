/*
 * matcher_parser.c - lists of matchers, and the choice between the two syntaxes.
 */
#include "model/matcher_parser.h"

#include <errno.h>
#include <stdio.h>
#include "base/escape.h"
#include "model/matcher_syntax.h"

static enum matcher_syntax in_use = MATCHERS_FALLBACK;

void matcher_syntax_use(enum matcher_syntax syntax)
{
	in_use = syntax;
}

enum matcher_syntax matcher_syntax_in_use(void)
{
	return in_use;
}

bool matcher_syntax_takes_name(const char *name)
{
	return in_use == MATCHERS_CLASSIC ? label_name_valid_classic(name, strlen(name)) : *name;
}

void matcher_list_release(struct matcher_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		matcher_free(list->v[i]);
	free(list->v);
	*list = MATCHER_LIST_INIT;
}

int matcher_list_add(struct matcher_list *list, struct matcher *matcher)
{
	if (!vec_reserve(list->v, list->n, list->cap)) {
		matcher_free(matcher);
		return -ENOMEM;
	}
	list->v[list->n++] = matcher;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct matcher *x = *(const struct matcher *const *)a,
			     *y = *(const struct matcher *const *)b;
	int order = strcmp(x->name, y->name);

	if (!order)
		order = strcmp(x->value, y->value);
	return order ? order : (int)x->type - (int)y->type;
}

void matcher_list_sort(struct matcher_list *list)
{
	if (list->n > 1)
		qsort(list->v, list->n, sizeof(struct matcher *), by_name);
}

bool matcher_list_match(const struct matcher_list *list, const struct labels *labels)
{
	return matchers_match((const struct matcher *const *)list->v, list->n, labels);
}

bool matcher_list_equal(const struct matcher_list *a, const struct matcher_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!matcher_equal(a->v[i], b->v[i]))
			return false;
	}
	return true;
}

/* Moves what was read to the end of the caller's list: all of it, or with -ENOMEM nothing. */
static int hand_over(struct matcher_list *from, struct matcher_list *to)
{
	size_t before = to->n;

	for (size_t i = 0; i < from->n; i++) {
		if (!vec_reserve(to->v, to->n, to->cap)) {
			to->n = before;
			return -ENOMEM;
		}
		to->v[to->n++] = from->v[i];
	}
	from->n = 0;
	return 0;
}

int matcher_list_parse(enum matcher_syntax syntax, const char *text, struct matcher_list *ret,
	char *error, size_t error_size)
{
	scoped(matcher_list_release) struct matcher_list classic = MATCHER_LIST_INIT;
	scoped(matcher_list_release) struct matcher_list utf8 = MATCHER_LIST_INIT;
	struct matcher_fault classic_fault = { 0 }, utf8_fault = { 0 };
	int classic_err = -EINVAL, utf8_err = -EINVAL;
	bool use_classic;

	if (syntax != MATCHERS_UTF8)
		classic_err = matchers_classic(text, &classic, &classic_fault);
	if (classic_err != -ENOMEM && syntax != MATCHERS_CLASSIC)
		utf8_err = matchers_utf8(text, &utf8, &utf8_fault);
	if (classic_err == -ENOMEM || utf8_err == -ENOMEM)
		return -ENOMEM;
	if (classic_err && utf8_err) {
		snprintf(error, error_size, "%s",
			syntax == MATCHERS_UTF8 ? utf8_fault.text : classic_fault.text);
		return -EINVAL;
	}
	use_classic = !classic_err && (utf8_err || !matcher_list_equal(&classic, &utf8));
	return hand_over(use_classic ? &classic : &utf8, ret);
}

int matcher_parse(enum matcher_syntax syntax, const char *text, struct matcher **ret, char *error,
	size_t error_size)
{
	scoped(matcher_list_release) struct matcher_list classic = MATCHER_LIST_INIT;
	scoped(matcher_list_release) struct matcher_list utf8 = MATCHER_LIST_INIT;
	struct matcher_fault classic_fault = { 0 }, utf8_fault = { 0 };
	int classic_err = -EINVAL, utf8_err = -EINVAL;
	size_t len = strlen(text);
	bool use_classic;

	if (syntax != MATCHERS_CLASSIC && len && (text[0] == '{' || text[len - 1] == '}')) {
		/* A length that 32-bit gcc can follow; error[] is shorter. */
		snprintf(error, error_size, "unexpected open or close brace: %.4096s", text);
		return -EINVAL;
	}
	if (syntax != MATCHERS_UTF8)
		classic_err = matcher_classic(text, len, &classic, &classic_fault);
	if (classic_err != -ENOMEM && syntax != MATCHERS_CLASSIC)
		utf8_err = matchers_utf8(text, &utf8, &utf8_fault);
	if (classic_err == -ENOMEM || utf8_err == -ENOMEM)
		return -ENOMEM;
	if (!utf8_err && utf8.n != 1) {
		utf8_err = -EINVAL;
		if (utf8.n)
			snprintf(utf8_fault.text, sizeof(utf8_fault.text),
				"expected 1 matcher, found %zu", utf8.n);
		else
			snprintf(utf8_fault.text, sizeof(utf8_fault.text), "no matchers");
	}
	if (classic_err && utf8_err) {
		snprintf(error, error_size, "%s",
			syntax == MATCHERS_UTF8 ? utf8_fault.text : classic_fault.text);
		return -EINVAL;
	}
	use_classic = !classic_err && (utf8_err || !matcher_list_equal(&classic, &utf8));
	*ret = TAKE(*(use_classic ? classic.v : utf8.v));
	return 0;
}

/* A name that the classic parser would not take for one word. */
static bool needs_quotes(const char *name)
{
	for (size_t len = strlen(name), n; len; name += n, len -= n) {
		n = matcher_reserved(name, len);
		if (n)
			return true;
		n = MAX(utf8_decode(name, len, NULL), (size_t)1);
	}
	return false;
}

void matcher_print(const struct matcher *matcher, struct strbuf *out)
{
	const char *name = matcher->name, *value = matcher->value;
	bool quoted = needs_quotes(name);

	if (quoted) {
		strbuf_addch(out, '"');
		escape_quoted(out, name, strlen(name));
		strbuf_addch(out, '"');
	} else {
		strbuf_adds(out, name);
	}
	strbuf_adds(out, matcher_type_text(matcher->type));
	strbuf_addch(out, '"');
	if (quoted)
		escape_quoted(out, value, strlen(value));
	else
		escape_label_value(out, value, strlen(value));
	strbuf_addch(out, '"');
}

void matcher_list_print(const struct matcher_list *list, struct strbuf *out)
{
	strbuf_addch(out, '{');
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			strbuf_addch(out, ',');
		matcher_print(list->v[i], out);
	}
	strbuf_addch(out, '}');
}
