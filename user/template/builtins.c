/*
 * builtins.c - the functions that Go gives every template. Sources: text/template's documentation.
 */
#include "template/node.h"

#include <errno.h>
#include "base/escape.h"

static int take_text(struct template_call *call, struct strbuf *text, struct tvalue *ret)
{
	char *copy;

	if (text->err) {
		strbuf_release(text);
		return -ENOMEM;
	}
	copy = arena_memdup(call->arena, text->s, text->len + 1);
	if (copy)
		*ret = tvalue_string(copy, text->len);
	strbuf_release(text);
	return copy ? 0 : -ENOMEM;
}

static int call_not(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	*ret = tvalue_bool(!tvalue_truth(&args[0]));
	return 0;
}

static bool is_nil(const struct tvalue *v)
{
	return v->type == TVALUE_NIL || v->type == TVALUE_NO_VALUE;
}

/* <0, 0, >0 by *ret, 2 for a NaN; -EINVAL where Go has no such comparison. */
static int compare(struct template_call *call, const struct tvalue *a, const struct tvalue *b,
	int *ret, bool ordered)
{
	size_t shorter;

	if (tvalue_is_text(a) && tvalue_is_text(b)) {
		shorter = MIN(a->str.len, b->str.len);
		*ret = memcmp(a->str.s, b->str.s, shorter);
		if (!*ret)
			*ret = (a->str.len > b->str.len) - (a->str.len < b->str.len);
		return 0;
	}
	if (a->type == TVALUE_INT && b->type == TVALUE_INT) {
		*ret = (a->i > b->i) - (a->i < b->i);
		return 0;
	}
	if (a->type == TVALUE_FLOAT && b->type == TVALUE_FLOAT) {
		*ret = a->f < b->f ? -1 : a->f > b->f ? 1 : a->f == b->f ? 0 : 2;
		return 0;
	}
	if (!ordered && a->type == TVALUE_BOOL && b->type == TVALUE_BOOL) {
		*ret = a->b != b->b;
		return 0;
	}
	if (!ordered && (is_nil(a) || is_nil(b))) {
		*ret = is_nil(a) != is_nil(b);
		return 0;
	}
	if (a->type >= TVALUE_LIST || b->type >= TVALUE_LIST ||
		(ordered && (a->type == TVALUE_BOOL || b->type == TVALUE_BOOL)))
		return template_call_fail(call, "invalid type for comparison");
	return template_call_fail(call, "incompatible types for comparison: %s and %s",
		tvalue_type_name(a), tvalue_type_name(b));
}

/* The first equals any of the others. */
static int call_eq(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	int order, err;

	for (size_t i = 1; i < n; i++) {
		err = compare(call, &args[0], &args[i], &order, false);
		if (err)
			return err;
		if (!order) {
			*ret = tvalue_bool(true);
			return 0;
		}
	}
	*ret = tvalue_bool(false);
	return 0;
}

static int call_ne(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	int err = call_eq(call, args, n, ret);

	if (!err)
		ret->b = !ret->b;
	return err;
}

/* As Go makes `gt` and `ge` of `le` and `lt`, a NaN is greater than all, and never less. */
#define ORDER_FUNCTION(name, test)                                                                 \
	static int call_##name(struct template_call *call, const struct tvalue *args, size_t n,    \
		struct tvalue *ret)                                                                \
	{                                                                                          \
		int order, err = compare(call, &args[0], &args[1], &order, true);                  \
                                                                                                   \
		if (!err)                                                                          \
			*ret = tvalue_bool(test);                                                  \
		return err;                                                                        \
	}

ORDER_FUNCTION(lt, order < 0)
ORDER_FUNCTION(le, order <= 0)
ORDER_FUNCTION(gt, order > 0)
ORDER_FUNCTION(ge, order >= 0)

static int call_len(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	const struct tvalue *v = &args[0];

	if (tvalue_is_text(v))
		*ret = tvalue_int((int64_t)v->str.len);
	else if (v->type == TVALUE_LIST)
		*ret = tvalue_int((int64_t)v->list.n);
	else if (v->type == TVALUE_MAP && !v->map.struct_type)
		*ret = tvalue_int((int64_t)v->map.n);
	else if (v->type == TVALUE_OBJECT && v->object.class->len)
		*ret = tvalue_int((int64_t)v->object.class->len(v->object.self));
	else
		return template_call_fail(call, "len of type %s", tvalue_type_name(v));
	return 0;
}

static int index_one(struct template_call *call, const struct tvalue *v, const struct tvalue *by,
	struct tvalue *ret)
{
	size_t n = 0;

	if (v->type == TVALUE_MAP && !v->map.struct_type) {
		if (by->type != TVALUE_STRING)
			return template_call_fail(
				call, "value has type %s; should be string", tvalue_type_name(by));
		for (size_t i = 0; i < v->map.n; i++) {
			if (streq(v->map.pairs[i].key, by->str.s)) {
				*ret = *v->map.pairs[i].value;
				return 0;
			}
		}
		*ret = v->map.of_strings ? tvalue_string("", 0)
					 : (struct tvalue){ .type = TVALUE_NO_VALUE };
		return 0;
	}
	if (v->type == TVALUE_OBJECT && by->type == TVALUE_STRING && v->object.class->get)
		return v->object.class->get(call, v->object.self, by->str.s, NULL, 0, ret);
	if (v->type == TVALUE_LIST)
		n = v->list.n;
	else if (tvalue_is_text(v))
		n = v->str.len;
	else if (v->type == TVALUE_OBJECT && v->object.class->len)
		n = v->object.class->len(v->object.self);
	else
		return template_call_fail(call, "can't index item of type %s", tvalue_type_name(v));
	if (by->type != TVALUE_INT)
		return template_call_fail(
			call, "cannot index slice/array with type %s", tvalue_type_name(by));
	if (by->i < 0 || (size_t)by->i >= n)
		return template_call_fail(call, "index out of range: %lld", (long long)by->i);
	if (v->type == TVALUE_LIST)
		*ret = v->list.items[by->i];
	else if (tvalue_is_text(v))
		*ret = tvalue_int((unsigned char)v->str.s[by->i]);
	else
		v->object.class->item(call, v->object.self, (size_t)by->i, ret);
	return 0;
}

static int call_index(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct tvalue value = args[0], next;
	int err;

	for (size_t i = 1; i < n; i++) {
		err = index_one(call, &value, &args[i], &next);
		if (err)
			return err;
		value = next;
	}
	*ret = value;
	return 0;
}

static int call_slice(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	const struct tvalue *v = &args[0];
	int64_t len, from = 0, to;

	if (v->type != TVALUE_LIST && !tvalue_is_text(v))
		return template_call_fail(call, "can't slice item of type %s", tvalue_type_name(v));
	len = (int64_t)(v->type == TVALUE_LIST ? v->list.n : v->str.len);
	to = len;
	for (size_t i = 1; i < n; i++) {
		if (args[i].type != TVALUE_INT)
			return template_call_fail(call, "cannot index slice/array with type %s",
				tvalue_type_name(&args[i]));
		if (args[i].i < 0 || args[i].i > len)
			return template_call_fail(
				call, "index out of range: %lld", (long long)args[i].i);
	}
	if (n > 1)
		from = args[1].i;
	if (n > 2)
		to = args[2].i;
	if (from > to)
		return template_call_fail(
			call, "invalid slice index: %lld > %lld", (long long)from, (long long)to);
	*ret = *v;
	if (v->type == TVALUE_LIST) {
		ret->list.items = v->list.items + from;
		ret->list.n = (size_t)(to - from);
	} else {
		char *copy = arena_strndup(call->arena, v->str.s + from, (size_t)(to - from));

		if (!copy)
			return -ENOMEM;
		*ret = tvalue_string(copy, (size_t)(to - from));
	}
	return 0;
}

static int call_print(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < n; i++) {
		/* fmt.Sprint: a space between two operands when neither is a string. */
		if (i && !tvalue_is_text(&args[i]) && !tvalue_is_text(&args[i - 1]))
			strbuf_addch(&text, ' ');
		tvalue_print(&args[i], &text);
	}
	return take_text(call, &text, ret);
}

static int call_println(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_addch(&text, ' ');
		tvalue_print(&args[i], &text);
	}
	strbuf_addch(&text, '\n');
	return take_text(call, &text, ret);
}

typedef void escape_fn(struct strbuf *out, const char *s, size_t len);

/* Other than print, these take what is missing for the text that it is shown as. */
static bool is_shown_as_text(const struct tvalue *v)
{
	return tvalue_is_text(v) || is_nil(v);
}

static int escaped(struct template_call *call, const struct tvalue *args, size_t n,
	escape_fn *escape, struct tvalue *ret)
{
	struct strbuf plain = STRBUF_INIT, text = STRBUF_INIT;

	for (size_t i = 0; i < n; i++) {
		if (i && !is_shown_as_text(&args[i]) && !is_shown_as_text(&args[i - 1]))
			strbuf_addch(&plain, ' ');
		if (is_nil(&args[i]))
			strbuf_adds(&plain, "<no value>");
		else
			tvalue_print(&args[i], &plain);
	}
	escape(&text, plain.s, plain.len);
	strbuf_release(&plain);
	return take_text(call, &text, ret);
}

static int call_html(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return escaped(call, args, n, escape_html, ret);
}

static int call_urlquery(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return escaped(call, args, n, escape_query, ret);
}

/* The inside of a JavaScript string, as text/template's JSEscape writes it. */
static void escape_js(struct strbuf *out, const char *s, size_t len)
{
	uint32_t rune;
	size_t n;

	for (size_t i = 0; i < len; i += n ? n : 1) {
		n = utf8_decode(s + i, len - i, &rune);
		if (!n)
			utf8_encode(out, 0xfffd);
		else if (rune == '\\' || rune == '\'' || rune == '"')
			strbuf_addf(out, "\\%c", (char)rune);
		else if (rune < ' ' || (rune < 0x80 && strchr("<>&=", (int)rune)) ||
			 (rune >= 0x80 && rune <= 0xa0) || rune == 0x2028 || rune == 0x2029)
			strbuf_addf(out, "\\u%04X", rune);
		else
			strbuf_add(out, s + i, n);
	}
}

static int call_js(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return escaped(call, args, n, escape_js, ret);
}

static int call_call(
	struct template_call *call, const struct tvalue *args, size_t n, struct tvalue *ret)
{
	return template_call_fail(call, "non-function of type %s", tvalue_type_name(&args[0]));
}

/* Sorted by name. `and` and `or` are not here: the evaluator must not evaluate all they are given. */
const struct template_function template_builtins[] = {
	{ "call", 1, -1, call_call },
	{ "eq", 2, -1, call_eq },
	{ "ge", 2, 2, call_ge },
	{ "gt", 2, 2, call_gt },
	{ "html", 0, -1, call_html },
	{ "index", 1, -1, call_index },
	{ "js", 0, -1, call_js },
	{ "le", 2, 2, call_le },
	{ "len", 1, 1, call_len },
	{ "lt", 2, 2, call_lt },
	{ "ne", 2, 2, call_ne },
	{ "not", 1, 1, call_not },
	{ "print", 0, -1, call_print },
	{ "printf", 1, -1, template_printf },
	{ "println", 0, -1, call_println },
	{ "slice", 1, 4, call_slice },
	{ "urlquery", 0, -1, call_urlquery },
	{ NULL, 0, 0, NULL },
};
