/*
 * html_world.h - values for templates in HTML, and what becomes of one.
 */
#ifndef TOLLD_TESTS_TEMPLATE_HTML_WORLD_H
#define TOLLD_TESTS_TEMPLATE_HTML_WORLD_H

#include "render.h"

static int as_type(enum tvalue_type type, const struct tvalue *arg, struct tvalue *ret)
{
	*ret = *arg;
	ret->type = type;
	return 0;
}

static int fn_safe_html(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return as_type(TVALUE_SAFE, &args[0], ret);
}

static int fn_safe_url(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return as_type(TVALUE_SAFE_URL, &args[0], ret);
}

static const struct template_function functions[] = {
	{ "safeHtml", 1, 1, fn_safe_html },
	{ "safeUrl", 1, 1, fn_safe_url },
	{ NULL, 0, 0, NULL },
};

/* What templates see; sorted by name. */
static const struct {
	const char *name, *text;
} data[] = {
	{ "A", "O'Reilly & \"<b>\" a+b" },
	{ "E", "" },
	{ "H", "<b title=\"x\">Tom &amp; 'J'</b>" },
	{ "J", "javascript:alert(1)" },
	{ "N", "title" },
	{ "O", "onclick" },
	{ "Q", "a b&c=d?e/f%41" },
	{ "T", "x" },
	{ "U", "http://h:1/p?q=a b&r=\"<" },
};

static struct tvalue values[ARRAY_SIZE(data) + 1], items[2], root;
static struct tvalue_pair pairs[ARRAY_SIZE(data) + 1];

static int make_root(void **state)
{
	items[0] = tvalue_string("<1>", 3);
	items[1] = tvalue_string("2", 1);
	values[0] = (struct tvalue){ .type = TVALUE_LIST, .list = { items, 2 } };
	pairs[0] = (struct tvalue_pair){ "L", &values[0] };
	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		values[i + 1] = tvalue_string(data[i].text, strlen(data[i].text));
		pairs[i + 1] = (struct tvalue_pair){ data[i].name, &values[i + 1] };
	}
	root = (struct tvalue){ .type = TVALUE_MAP, .map = { pairs, ARRAY_SIZE(pairs) } };
	return 0;
}

static int render(const char *text, struct strbuf *out, struct template_error *err)
{
	return render_as(TEMPLATE_HTML, functions, &root, text, out, err);
}

static void assert_rendered(const char *in, const char *want)
{
	struct template_error err = { 0 };
	struct strbuf out = STRBUF_INIT;

	if (render(in, &out, &err))
		fail_msg("%s: %s", in, err.text);
	if (!streq(out.s, want))
		fail_msg("%s\n gives %s\n not   %s", in, out.s, want);
	strbuf_release(&out);
}

static void assert_refused(const char *in, const char *error)
{
	struct template_error err = { 0 };
	struct strbuf out = STRBUF_INIT;

	if (render(in, &out, &err) != -EINVAL)
		fail_msg("%s was taken and gives %s", in, out.s);
	if (!strstr(err.text, error))
		fail_msg("%s: %s", in, err.text);
	assert_int_equal(out.len, 0);
	strbuf_release(&out);
}

#endif
