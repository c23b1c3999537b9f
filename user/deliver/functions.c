/*
 * functions.c - the functions that Alertmanager gives to templates.
 *
 * Source: alertmanager template/template.go.
 */
#include "deliver/functions.h"

#include <ctype.h>
#include <errno.h>
#include "base/clock.h"
#include "base/hex.h"
#include "deliver/data.h"
#include "deliver/go_time.h"
#include "deliver/templates.h"
#include "template/functions_common.h"

#define FUNCTION(name)                                                                             \
	static int fn_##name(struct template_call *call, const struct tvalue *args, size_t n,      \
		struct tvalue *ret)

/* -- text -- */

static bool is_space(char c)
{
	return c && strchr(" \t\n\v\f\r", c);
}

FUNCTION(trim_space)
{
	const char *s, *end;
	char *copy;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	s = args[0].str.s;
	end = s + args[0].str.len;
	while (s < end && is_space(*s))
		s++;
	while (end > s && is_space(end[-1]))
		end--;
	copy = arena_strndup(call->arena, s, (size_t)(end - s));
	if (!copy)
		return -ENOMEM;
	*ret = tvalue_string(copy, (size_t)(end - s));
	return 0;
}

FUNCTION(join)
{
	struct strbuf text = STRBUF_INIT;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	if (args[1].type != TVALUE_LIST)
		return template_call_fail(call, "join wants a separator and a list");
	for (size_t i = 0; i < args[1].list.n; i++) {
		if (!tvalue_is_text(&args[1].list.items[i])) {
			strbuf_release(&text);
			return template_call_fail(call, "join wants a list of texts");
		}
		if (i)
			strbuf_adds(&text, args[0].str.s);
		tvalue_print(&args[1].list.items[i], &text);
	}
	return template_give_text(call, &text, ret);
}

/* Prometheus leaves the other letters as they are, Alertmanager does not; to it "it's" is one word. */
FUNCTION(title)
{
	struct tvalue lower, title;
	int err = template_to_lower(call, args, n, &lower);
	char *s;

	if (!err)
		err = template_title(call, &lower, 1, &title);
	if (err)
		return err;
	/* The letter behind an apostrophe within a word is the only one that differs, and as long in ASCII. */
	s = (char *)title.str.s;
	for (size_t i = 1; i + 1 < title.str.len; i++) {
		if (s[i] == '\'' && (isalnum((unsigned char)s[i - 1]) || s[i - 1] & 0x80))
			s[i + 1] = (char)tolower((unsigned char)s[i + 1]);
	}
	*ret = title;
	return 0;
}

FUNCTION(safe_url)
{
	if (template_want_text(call, &args[0]))
		return -EINVAL;
	*ret = args[0];
	ret->type = TVALUE_SAFE_URL;
	return 0;
}

FUNCTION(url_unescape)
{
	struct strbuf text = STRBUF_INIT;
	const char *s;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	for (s = args[0].str.s; *s; s++) {
		int high = *s == '%' ? hex_digit(s[1]) : 0,
		    low = *s == '%' && high >= 0 ? hex_digit(s[2]) : 0;

		if (high < 0 || low < 0) {
			strbuf_release(&text);
			return template_call_fail(call, "invalid URL escape \"%.3s\"", s);
		}
		strbuf_addch(&text, *s == '%' ? (char)(high << 4 | low) : *s == '+' ? ' ' : *s);
		s += *s == '%' ? 2 : 0;
	}
	return template_give_text(call, &text, ret);
}

/* base64 for URLs, with its padding. */
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

FUNCTION(base64_encode)
{
	struct strbuf text = STRBUF_INIT;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	for (size_t i = 0; i < args[0].str.len; i += 3) {
		size_t left = MIN(args[0].str.len - i, (size_t)3);
		uint32_t v = 0;

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < left ? (uint8_t)args[0].str.s[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			strbuf_addch(&text, k <= left ? digits[v >> (18 - 6 * k) & 63] : '=');
	}
	return template_give_text(call, &text, ret);
}

FUNCTION(base64_decode)
{
	struct strbuf text = STRBUF_INIT;
	size_t len, i;
	uint32_t v = 0;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	len = args[0].str.len;
	while (len && len + 2 > args[0].str.len && args[0].str.s[len - 1] == '=')
		len--;
	for (i = 0; i < len && args[0].str.len % 4 == 0; i++) {
		const char *found = strchr(digits, args[0].str.s[i]);

		if (!found || !args[0].str.s[i])
			break;
		v = v << 6 | (uint32_t)(found - digits);
		if (i % 4)
			strbuf_addch(&text, (char)(v >> (6 - 2 * (i % 4))));
	}
	if (i < len || args[0].str.len % 4) {
		strbuf_release(&text);
		return template_call_fail(call, "illegal base64 data at input byte %zu", i);
	}
	return template_give_text(call, &text, ret);
}

FUNCTION(to_json)
{
	struct strbuf text = STRBUF_INIT;
	int err = tvalue_json(&args[0], &text);

	if (!err || err == -ENOMEM)
		return template_give_text(call, &text, ret);
	strbuf_release(&text);
	return template_call_fail(
		call, err == -EDOM ? "json: unsupported value" : "nested too deep");
}

/* -- lists and maps -- */

FUNCTION(string_slice)
{
	struct tvalue *items = arena_memdup(call->arena, args, n * sizeof(*args));

	for (size_t i = 0; i < n; i++) {
		if (template_want_text(call, &args[i]))
			return -EINVAL;
	}
	if (n && !items)
		return -ENOMEM;
	*ret = (struct tvalue){ .type = TVALUE_LIST, .list = { .items = items, .n = n } };
	return 0;
}

FUNCTION(list)
{
	struct tvalue *items = arena_memdup(call->arena, args, n * sizeof(*args));

	if (n && !items)
		return -ENOMEM;
	*ret = (struct tvalue){ .type = TVALUE_LIST, .list = { .items = items, .n = n } };
	return 0;
}

FUNCTION(append)
{
	const struct tvalue *list = &args[0];
	struct tvalue *items;

	if (list->type != TVALUE_LIST)
		return template_call_fail(call, "append wants a list first");
	items = arena_alloc(call->arena, (list->list.n + n - 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < list->list.n; i++)
		items[i] = list->list.items[i];
	for (size_t i = 1; i < n; i++)
		items[list->list.n + i - 1] = args[i];
	*ret = *list;
	ret->list.items = items;
	ret->list.n = list->list.n + n - 1;
	return 0;
}

/* Sets a key, keeping the order; of two alike the later wins. */
static void put(struct tvalue_pair *pairs, size_t *n, const char *key, const struct tvalue *value)
{
	size_t at = 0;

	while (at < *n && strcmp(pairs[at].key, key) < 0)
		at++;
	if (at == *n || !streq(pairs[at].key, key)) {
		memmove(pairs + at + 1, pairs + at, (*n - at) * sizeof(*pairs));
		++*n;
	}
	pairs[at] = (struct tvalue_pair){ key, value };
}

FUNCTION(dict)
{
	struct tvalue *values = arena_memdup(call->arena, args, n * sizeof(*args));
	struct tvalue_pair *pairs = arena_alloc(call->arena, n * sizeof(*pairs));
	size_t n_pairs = 0;

	if (n % 2)
		return template_call_fail(call, "dict must have an even number of arguments");
	if (n && (!values || !pairs))
		return -ENOMEM;
	for (size_t i = 0; i < n; i += 2) {
		if (!tvalue_is_text(&args[i]))
			return template_call_fail(call, "dict keys must be strings");
		put(pairs, &n_pairs, args[i].str.s, &values[i + 1]);
	}
	*ret = (struct tvalue){ .type = TVALUE_MAP, .map = { .pairs = pairs, .n = n_pairs } };
	return 0;
}

/* The fault itself, without the labels that led to it. */
static const char *innermost(const char *text)
{
	static const char call[] = "error calling routeLabels: ";
	const char *next;

	while ((next = strstr(text, call)))
		text = next + strlen(call);
	return text;
}

/*
 * A label of the route, executed. While they are being executed themselves, one may need another, but
 * not itself.
 */
FUNCTION(route_labels)
{
	const struct functions_data *fd = call->userdata;
	struct template_error error = { 0 };
	struct strbuf text = STRBUF_INIT;
	int err;

	if (template_want_text(call, &args[0]))
		return -EINVAL;
	*ret = tvalue_string("", 0);
	if (!data_is(fd->data) || data_route_label(fd->data, args[0].str.s, ret))
		return 0;
	if (fd->depth >= ROUTE_LABELS_DEPTH)
		return template_call_fail(call, "the labels of the route need each other");
	err = mail_templates_route_label(fd->templates, args[0].str.s, fd->data, fd->now_wall_ms,
		fd->depth + 1, &text, &error);
	if (!err)
		return template_give_text(call, &text, ret);
	strbuf_release(&text);
	return err == -EINVAL ? template_call_fail(call, "%s", innermost(error.text)) : err;
}

/* -- time -- */

static int want_time(struct template_call *call, const struct tvalue *v, struct go_time *ret)
{
	return go_time_get(v, ret) ? 0 : template_call_fail(call, "expected a time");
}

static struct go_time now_of(const struct template_call *call)
{
	const struct functions_data *data = call->userdata;

	return go_time_from_ms(data->now_wall_ms);
}

FUNCTION(now)
{
	struct go_time now = now_of(call);
	int err = zone_load("Local", call->arena, &now.zone);

	return err ? err : go_time_value(call->arena, &now, ret);
}

FUNCTION(since)
{
	struct go_time now = now_of(call), t;

	if (want_time(call, &args[0], &t))
		return -EINVAL;
	return go_duration_value(call->arena, go_time_sub(&now, &t), ret);
}

FUNCTION(date)
{
	struct strbuf text = STRBUF_INIT;
	struct go_time t;

	if (template_want_text(call, &args[0]) || want_time(call, &args[1], &t))
		return -EINVAL;
	go_time_format(&t, args[0].str.s, &text);
	return template_give_text(call, &text, ret);
}

FUNCTION(tz)
{
	struct go_time t;
	int err;

	if (template_want_text(call, &args[0]) || want_time(call, &args[1], &t))
		return -EINVAL;
	err = zone_load(args[0].str.s, call->arena, &t.zone);
	if (err && err != -ENOMEM)
		return template_call_fail(call, "unknown time zone %.100s", args[0].str.s);
	return err ? err : go_time_value(call->arena, &t, ret);
}

FUNCTION(must_to_date)
{
	struct go_time t;
	char error[200];

	if (template_want_text(call, &args[0]) || template_want_text(call, &args[1]))
		return -EINVAL;
	if (go_time_parse(args[0].str.s, args[1].str.s, &t, error, sizeof(error)))
		return template_call_fail(call, "%s", error);
	return go_time_value(call->arena, &t, ret);
}

FUNCTION(to_date)
{
	struct go_time t = GO_TIME_ZERO;
	char error[200];

	if (template_want_text(call, &args[0]) || template_want_text(call, &args[1]))
		return -EINVAL;
	go_time_parse(args[0].str.s, args[1].str.s, &t, error, sizeof(error));
	return go_time_value(call->arena, &t, ret);
}

FUNCTION(humanize_duration)
{
	struct tvalue seconds;
	int64_t nanoseconds;

	if (!go_duration_get(&args[0], &nanoseconds))
		return template_humanize_duration(call, args, n, ret);
	seconds = tvalue_float((double)nanoseconds / (double)NSEC_PER_SEC);
	return template_humanize_duration(call, &seconds, 1, ret);
}

const struct template_function mail_template_functions[] = {
	{ "append", 1, -1, fn_append },
	{ "base64decode", 1, 1, fn_base64_decode },
	{ "base64encode", 1, 1, fn_base64_encode },
	{ "date", 2, 2, fn_date },
	{ "dict", 0, -1, fn_dict },
	{ "humanizeDuration", 1, 1, fn_humanize_duration },
	{ "join", 2, 2, fn_join },
	{ "list", 0, -1, fn_list },
	{ "match", 2, 2, template_match },
	{ "mustToDate", 2, 2, fn_must_to_date },
	{ "now", 0, 0, fn_now },
	{ "reReplaceAll", 3, 3, template_re_replace_all },
	{ "routeLabels", 1, 1, fn_route_labels },
	{ "safeHtml", 1, 1, template_safe_html },
	{ "safeUrl", 1, 1, fn_safe_url },
	{ "since", 1, 1, fn_since },
	{ "stringSlice", 0, -1, fn_string_slice },
	{ "title", 1, 1, fn_title },
	{ "toDate", 2, 2, fn_to_date },
	{ "toJson", 1, 1, fn_to_json },
	{ "toLower", 1, 1, template_to_lower },
	{ "toUpper", 1, 1, template_to_upper },
	{ "trimSpace", 1, 1, fn_trim_space },
	{ "tz", 2, 2, fn_tz },
	{ "urlUnescape", 1, 1, fn_url_unescape },
	{ NULL, 0, 0, NULL },
};
