/*
 * Whatever template html/template's escaping takes, what is printed never holds a < that came from
 * data or from a constant: the input is the template, the data is ours and hostile.
 */
#include <assert.h>
#include <stdio.h>
#include "template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stands in the data, and must never stand in the output. */
#define MARK "\1<\1"

static const char *const hostile[] = { MARK "\"'>` =/" MARK, MARK "script>", "javascript:" MARK,
	"\xff" MARK, "--" MARK "!--" };

/*
 * Templates in which the mark could come about without data's <: its bytes are in the text itself, or a <
 * of the text stands right before an action, where a value in quotes may have it.
 */
static bool is_unfit(const char *text)
{
	const char *p = text;

	if (strchr(text, MARK[0]))
		return true;
	while ((p = strchr(p, '<'))) {
		p++;
		p += strspn(p, " \t\r\n");
		if (starts_with(p, "{{") || !*p)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct template_function none[] = { { NULL, 0, 0, NULL } };
	const struct template_limits limits = { .max_output_bytes = 1 << 16, .max_steps = 10000 };
	struct tvalue items[ARRAY_SIZE(hostile)], list;
	struct template_error err = { 0 };
	struct strbuf out = STRBUF_INIT, again = STRBUF_INIT;
	struct template_set *set = NULL;
	char *text = strndup((const char *)data, size);

	assert(text);
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
		items[i] = tvalue_string(hostile[i], strlen(hostile[i]));
	list = (struct tvalue){ .type = TVALUE_LIST, .list = { items, ARRAY_SIZE(hostile) } };
	assert(template_set_new(TEMPLATE_HTML, none, &set) == 0);
	if (!template_parse(set, "t", text, strlen(text), &err) && !is_unfit(text)) {
		bool checked = !template_check(set, "t", &err);
		bool done = !template_execute(set, "t", &list, &limits, NULL, &out, &err);

		assert(checked || !done);
		assert(done || err.text[0]);
		if (done && strstr(out.s, MARK)) {
			fprintf(stderr, "%s\n", out.s);
			abort();
		}
		/* What was worked out once holds for the next time. */
		assert(done == !template_execute(set, "t", &list, &limits, NULL, &again, &err));
		assert(streq(out.s, again.s));
	}
	template_set_free(set);
	strbuf_release(&out);
	strbuf_release(&again);
	free(text);
	return 0;
}
