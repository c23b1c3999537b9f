/*
 * What PromQL's parser takes, it prints so that it reads back as the same expression; and what it
 * refuses, it refuses with a place inside the text.
 */
#include <assert.h>
#include "promql/promql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct promql_expr *expr)
{
	struct strbuf out = STRBUF_INIT;
	char *text = NULL;

	promql_print(expr, &out);
	assert(strbuf_finish(&out, &text) == 0);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct promql_expr *expr = NULL, *again = NULL;
	struct promql_error err = { 0 };
	char *text, *once, *twice;

	text = calloc(size + 1, 1);
	assert(text);
	if (size)
		memcpy(text, data, size);
	if (promql_parse(text, &expr, &err)) {
		assert(err.text[0]);
		assert(err.offset + err.length <= strlen(text));
		free(text);
		return 0;
	}
	once = print(expr);
	/* Printing adds blanks and brackets: only then may the text have become too long. */
	if (strlen(once) <= PROMQL_MAX_TEXT) {
		assert(promql_parse(once, &again, &err) == 0);
		assert(promql_type(again) == promql_type(expr));
		twice = print(again);
		assert(strcmp(once, twice) == 0);
		free(twice);
	}
	promql_check_evaluable(expr, &err);
	promql_free(again);
	promql_free(expr);
	free(once);
	free(text);
	return 0;
}
