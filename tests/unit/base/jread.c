/* JSON read in place: what is JSON is read, and nothing else. */
#include "harness.h"

#include "base/jread.h"
#include "base/strbuf.h"

/* Writes down what it reads, so that a test sees it. */
static void show(struct jread *r, struct strbuf *out)
{
	enum jread_type type = jread_type(r);
	struct jread_text text;
	const char *comma = "";
	size_t from;
	bool b;

	switch (type) {
	case JREAD_OBJECT:
	case JREAD_ARRAY:
		strbuf_addch(out, type == JREAD_OBJECT ? '{' : '[');
		jread_begin(r);
		while (jread_next(r, &text)) {
			strbuf_adds(out, comma);
			comma = ",";
			if (type == JREAD_OBJECT)
				strbuf_addf(out, "<%s>:", text.s);
			show(r, out);
		}
		strbuf_addch(out, type == JREAD_OBJECT ? '}' : ']');
		return;
	case JREAD_STRING:
		if (jread_string(r, &text)) {
			assert_int_equal(strlen(text.s), text.len);
			strbuf_addf(out, "<%s>", text.s);
		}
		return;
	case JREAD_BOOL:
		if (jread_bool(r, &b))
			strbuf_adds(out, b ? "yes" : "no");
		return;
	default:
		from = r->at;
		if (jread_skip(r))
			strbuf_add(out, r->text + from, r->at - from);
		return;
	}
}

static const struct {
	const char *json, *shown; /* or the error, behind a '!', and where */
} rows[] = {
	{ "null", "null" },
	{ " true ", "yes" },
	{ "false", "no" },
	{ "\"\"", "<>" },
	{ "\"a\"", "<a>" },
	{ "[]", "[]" },
	{ "{}", "{}" },
	{ "[ ]", "[]" },
	{ "[1,-2,0,0.5,1e5,1E-5,-0.0e+1]", "[1,-2,0,0.5,1e5,1E-5,-0.0e+1]" },
	{ "{\"a\":1,\"b\":[true,{\"c\":null}],\"\":\"\"}", "{<a>:1,<b>:[yes,{<c>:null}],<>:<>}" },
	{ "\t{\n\"a\" : [ 1 , 2 ]\r}", "{<a>:[1,2]}" },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "<\"\\/\b\f\n\r\t>" },
	{ "\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "<A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80>" },
	{ "\"\\uD83D\\uDE00x\\u00E9y\"", "<\xf0\x9f\x98\x80x\xc3\xa9y>" },
	/* Halves of a pair. */
	{ "\"\\ud83d\"", "<\xef\xbf\xbd>" },
	{ "\"\\ude00a\"", "<\xef\xbf\xbd"
			  "a>" },
	{ "\"\\ud83d\\u0041\"", "<\xef\xbf\xbd"
				"A>" },
	/* Nothing could stand behind it. */
	{ "\"x\\u0000z\"", "<x\xef\xbf\xbdz>" },
	{ "{\"\\u0000\":1}", "{<\xef\xbf\xbd>:1}" },
	{ "\"\xc3\xa9\x7f\"", "<\xc3\xa9\x7f>" },
	{ "", "!unexpected end 0" },
	{ "  ", "!unexpected end 2" },
	{ "x", "!no value is here 0" },
	{ "nul", "!no value is here 0" },
	{ "trux", "!no value is here 0" },
	{ "[", "!unexpected end 1" },
	{ "[1", "!unexpected end 2" },
	{ "[1,", "!unexpected end 3" },
	{ "[1,]", "!no value is here 3" },
	{ "[,1]", "!no value is here 1" },
	{ "[1 2]", "!there is neither a comma nor an end 3" },
	{ "[1}", "!there is neither a comma nor an end 2" },
	{ "{\"a\"}", "!no colon behind a key 4" },
	{ "{\"a\"", "!unexpected end 4" },
	{ "{\"a\":}", "!no value is here 5" },
	{ "{\"a\":1,}", "!no key is here 7" },
	{ "{a:1}", "!no key is here 1" },
	{ "{1:1}", "!no key is here 1" },
	{ "{\"a\":1]", "!there is neither a comma nor an end 6" },
	{ "\"a", "!unexpected end 2" },
	{ "\"a\\", "!unexpected end 2" },
	{ "\"\\x\"", "!an escape that JSON does not know 1" },
	{ "\"\\u12\"", "!\\u without four hex digits 1" },
	{ "\"\\u12g4\"", "!\\u without four hex digits 1" },
	{ "\"a\nb\"", "!a control character in a text 2" },
	{ "[01]", "!there is neither a comma nor an end 2" },
	{ "[1.]", "!a number without digits 3" },
	{ "[.5]", "!no value is here 1" },
	{ "[-]", "!a number without digits 2" },
	{ "[1e]", "!a number without digits 3" },
	{ "[+1]", "!no value is here 1" },
	{ "[NaN]", "!no value is here 1" },
	{ "['a']", "!no value is here 1" },
};

static void what_is_json_is_read_and_nothing_else(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].json);
		/* Exactly as long, so that a step too far is seen. */
		char *text = malloc(len + 1);
		struct strbuf out = STRBUF_INIT;
		struct jread r;

		memcpy(text, rows[i].json, len);
		text = realloc(text, len ? len : 1);
		jread_init(&r, text, len);
		show(&r, &out);
		if (r.error) {
			strbuf_reset(&out);
			strbuf_addf(&out, "!%s %zu", r.error, r.error_at);
		}
		if (!streq(out.s, rows[i].shown))
			fail_msg("%s gives %s and not %s", rows[i].json, out.s, rows[i].shown);
		/* Skipping takes and refuses the same. */
		memcpy(text, rows[i].json, len);
		jread_init(&r, text, len);
		assert_int_equal(jread_skip(&r), rows[i].shown[0] != '!');
		strbuf_release(&out);
		free(text);
	}
}

static void what_follows_a_value_is_left(void **state)
{
	char text[] = "[1,{\"a\":[]}] more";
	struct jread r;

	jread_init(&r, text, strlen(text));
	assert_true(jread_skip(&r));
	assert_string_equal(text + r.at, " more");
}

static void depth_has_a_limit(void **state)
{
	char text[2 * JREAD_MAX_DEPTH + 4];
	struct jread r;

	for (unsigned extra = 0; extra < 2; extra++) {
		size_t n = JREAD_MAX_DEPTH + extra;

		memset(text, '[', n);
		memset(text + n, ']', n);
		jread_init(&r, text, 2 * n);
		assert_int_equal(jread_skip(&r), !extra);
	}
	assert_string_equal(r.error, "lists and objects within each other too deep");
}

static void nothing_happens_after_an_error(void **state)
{
	char text[] = "[x, 1, \"a\"]";
	struct jread_text s;
	struct jread r;
	bool b;

	jread_init(&r, text, strlen(text));
	assert_true(jread_begin(&r));
	assert_false(jread_next(&r, NULL));
	assert_int_equal(r.error_at, 1);
	r.at = 7;
	assert_int_equal(jread_type(&r), JREAD_END);
	assert_false(jread_next(&r, NULL));
	assert_false(jread_string(&r, &s));
	assert_false(jread_bool(&r, &b));
	assert_false(jread_skip(&r));
	assert_false(jread_begin(&r));
	assert_int_equal(r.error_at, 1);
}

static void whole_numbers_must_fit(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
		bool fits;
	} ints[] = {
		{ "0", 0, true },
		{ "-0", 0, true },
		{ "42", 42, true },
		{ "-1", -1, true },
		{ "9223372036854775807", INT64_MAX, true },
		{ "-9223372036854775808", INT64_MIN, true },
		{ "9223372036854775808", 0, false },
		{ "-9223372036854775809", 0, false },
		{ "99999999999999999999999", 0, false },
		{ "1.0", 0, false },
		{ "1e3", 0, false },
		{ "-", 0, false },
		{ "\"1\"", 0, false },
		{ "true", 0, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ints); i++) {
		int64_t value = -77;
		struct jread r;
		char text[40];

		snprintf(text, sizeof(text), "%s", ints[i].text);
		jread_init(&r, text, strlen(text));
		if (jread_int(&r, &value) != ints[i].fits ||
			value != (ints[i].fits ? ints[i].value : -77))
			fail_msg("%s", ints[i].text);
	}
}

static void another_type_than_asked_for_is_an_error(void **state)
{
	static const char *const texts[] = { "1", "\"a\"", "true", "[]" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char text[8];
		struct jread_text s;
		struct jread r;
		bool b;

		snprintf(text, sizeof(text), "%s", texts[i]);
		jread_init(&r, text, strlen(text));
		assert_int_equal(jread_string(&r, &s), i == 1);
		snprintf(text, sizeof(text), "%s", texts[i]);
		jread_init(&r, text, strlen(text));
		assert_int_equal(jread_bool(&r, &b), i == 2);
		jread_init(&r, text, strlen(text));
		assert_int_equal(jread_begin(&r), i == 3);
	}
}

static void a_text_ends_and_is_unescaped_wherever_that_is(void **state)
{
	for (size_t len = 0; len < 40; len++) {
		for (size_t at = 0; at <= len; at++) {
			char text[64], expected[64];
			struct jread_text s;
			struct jread r;
			size_t n = 0;

			memset(expected, 'x', len + 1);
			expected[at] = '\n';
			expected[len + 1] = '\0';
			text[n++] = '"';
			for (size_t i = 0; i <= len; i++) {
				text[n++] = i == at ? '\\' : 'x';
				if (i == at)
					text[n++] = 'n';
			}
			memcpy(text + n, "\"  ", 4);
			jread_init(&r, text, n + 3);
			assert_true(jread_string(&r, &s));
			assert_string_equal(s.s, expected);
			assert_int_equal(s.len, len + 1);
			text[0] = '"';
			memset(text + 1, 'x', len + 2);
			text[1 + at] = '\t';
			jread_init(&r, text, len + 3);
			assert_false(jread_string(&r, &s));
			assert_int_equal(r.error_at, 1 + at);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_json_is_read_and_nothing_else),
		cmocka_unit_test(what_follows_a_value_is_left),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(nothing_happens_after_an_error),
		cmocka_unit_test(whole_numbers_must_fit),
		cmocka_unit_test(another_type_than_asked_for_is_an_error),
		cmocka_unit_test(a_text_ends_and_is_unescaped_wherever_that_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
