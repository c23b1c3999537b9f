/*
 * Whatever template html/template's escaping takes, what is printed never holds a < that came from
 * data or from a constant, and data never leaves its place: read again up to any byte 2 of the template,
 * the output with hostile data is in the same context as the one with harmless data. The input is the
 * template, the data is ours.
 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include "template/html_context.h"
#include "template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stands in the data, and must never stand in the output. */
#define MARK "\1<\1"

static const char *const hostile[] = { MARK "\"'>` =/" MARK, MARK "script>", "javascript:" MARK,
	"\xff" MARK, "--" MARK "!--", "</script><!--</style>-->", "*/ // \n\r\xe2\x80\xa8'", "\\",
	"\\27 \\", "${`}`{", "quot;&#39;#39;\"", "]/[(){};:@", "/* ", "a'b", "a;b", "(", "* x", "/",
	"?#&;,", "{" };

/* Stands in texts of templates: where both outputs are compared. */
#define PROBE	   '\2'
#define MAX_PROBES 160

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

/* Templates that print other things for other data. */
static bool looks_at_data(const char *text)
{
	static const char *const words[] = { "eq ", "ne ", "lt ", "le ", "gt ", "ge ", "index" };

	for (const char *p = text; *p; p++) {
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			if ((p == text || !isalpha((unsigned char)p[-1])) &&
				starts_with(p, words[i]))
				return true;
		}
	}
	return false;
}

/* The context behind text[0..len); -EINVAL: it is no HTML that anybody would read in one way. */
static int context_behind(const char *text, size_t len, struct html_context *ret)
{
	struct strbuf out = STRBUF_INIT;
	char error[120];
	int err;

	*ret = HTML_CONTEXT_INIT;
	err = html_context_text(ret, text, len, &out, error, sizeof(error));
	strbuf_release(&out);
	/* How far a URL has come, and whether a value was the last, is up to data. */
	ret->url = HTML_URL_START;
	ret->slash = HTML_SLASH_REGEXP;
	ret->edge = HTML_EDGE_NONE;
	return err;
}

static void compare(const struct strbuf *harmless, const struct strbuf *bad)
{
	const char *a = harmless->s, *b = bad->s;
	struct html_context ca, cb;

	for (size_t n = 0; n < MAX_PROBES && a && b; n++) {
		a = memchr(a, PROBE, (size_t)(harmless->s + harmless->len - a));
		b = memchr(b, PROBE, (size_t)(bad->s + bad->len - b));
		if (!a != !b) {
			fprintf(stderr, "%s\n%s\n", harmless->s, bad->s);
			abort();
		}
		if (!a || context_behind(harmless->s, (size_t)(a - harmless->s), &ca)) {
			a = a ? a + 1 : NULL;
			b = b ? b + 1 : NULL;
			continue;
		}
		if (context_behind(bad->s, (size_t)(b - bad->s), &cb) ||
			!html_context_equal(&ca, &cb)) {
			fprintf(stderr, "%.*s\n%.*s\n%s\n", (int)(a - harmless->s), harmless->s,
				(int)(b - bad->s), bad->s, html_context_name(&ca));
			abort();
		}
		a++;
		b++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct template_function none[] = { { NULL, 0, 0, NULL } };
	const struct template_limits limits = { .max_output_bytes = 1 << 16, .max_steps = 10000 };
	struct tvalue items[ARRAY_SIZE(hostile)], letters[ARRAY_SIZE(hostile)], list, plain;
	static const char a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct template_error err = { 0 };
	struct strbuf out = STRBUF_INIT, again = STRBUF_INIT, calm = STRBUF_INIT;
	struct template_set *set = NULL;
	char *text = strndup((const char *)data, size);

	assert(text);
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		items[i] = tvalue_string(hostile[i], strlen(hostile[i]));
		assert(strlen(hostile[i]) < sizeof(a));
		letters[i] = tvalue_string(a, strlen(hostile[i]));
	}
	plain = (struct tvalue){ .type = TVALUE_LIST, .list = { letters, ARRAY_SIZE(letters) } };
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
		if (done && !looks_at_data(text) &&
			!template_execute(set, "t", &plain, &limits, NULL, &calm, &err))
			compare(&calm, &out);
	}
	template_set_free(set);
	strbuf_release(&out);
	strbuf_release(&again);
	strbuf_release(&calm);
	free(text);
	return 0;
}
