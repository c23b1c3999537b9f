/*
 * Matchers from hostile hands, in each syntax: what is taken and printed reads back as the same, and by
 * default whatever one of the two syntaxes takes is taken.
 */
#include <stdlib.h>
#include "base/strbuf.h"
#include "model/matcher_parser.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void require(bool true_)
{
	if (!true_)
		abort();
}

static bool parse(enum matcher_syntax syntax, const char *text, struct matcher_list *ret)
{
	char error[MATCHER_MAX_ERROR] = "";
	bool taken = !matcher_list_parse(syntax, text, ret, error, sizeof(error));

	require(taken ? !*error : *error && !ret->n);
	return taken;
}

/* A name without a letter is taken, and printed as Alertmanager prints it: bare, and read by nobody. */
static bool is_nameless(const struct matcher_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!*list->v[i]->name)
			return true;
	}
	return false;
}

static void check_printed(enum matcher_syntax syntax, const struct matcher_list *list)
{
	struct matcher_list again = MATCHER_LIST_INIT;
	struct strbuf text = STRBUF_INIT;
	struct matcher *one;
	char error[MATCHER_MAX_ERROR];

	matcher_list_print(list, &text);
	require(parse(syntax, text.s, &again) && matcher_list_equal(list, &again));
	matcher_list_release(&again);
	for (size_t i = 0; i < list->n; i++) {
		strbuf_reset(&text);
		matcher_print(list->v[i], &text);
		require(!matcher_parse(syntax, text.s, &one, error, sizeof(error)));
		require(matcher_equal(one, list->v[i]));
		matcher_free(one);
	}
	strbuf_release(&text);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const enum matcher_syntax syntaxes[] = { MATCHERS_CLASSIC, MATCHERS_UTF8,
		MATCHERS_FALLBACK };
	char *text = strndup((const char *)data, size);
	bool taken[ARRAY_SIZE(syntaxes)];

	require(text);
	for (size_t i = 0; i < ARRAY_SIZE(syntaxes); i++) {
		struct matcher_list list = MATCHER_LIST_INIT;

		taken[syntaxes[i]] = parse(syntaxes[i], text, &list);
		if (syntaxes[i] == MATCHERS_FALLBACK && taken[syntaxes[i]] && !is_nameless(&list))
			check_printed(syntaxes[i], &list);
		matcher_list_release(&list);
	}
	require(taken[MATCHERS_FALLBACK] == (taken[MATCHERS_CLASSIC] || taken[MATCHERS_UTF8]));
	free(text);
	return 0;
}
