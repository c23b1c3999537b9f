/* Hostile text, made harmless at each sink. */
#include "harness.h"

#include "base/escape.h"

typedef void escape_fn(struct strbuf *out, const char *s, size_t len);

static const struct {
	escape_fn *escape;
	const char *in;
	const char *out;
} rows[] = {
	{ escape_terminal, "a\nb\x1b[31m", "a\\nb\\x1b[31m" },
	{ escape_terminal, "\xe2\x80\xaegpj", "\\u202egpj" },
	{ escape_terminal,
		"\xc2\x9b"
		"2J",
		"\\u009b2J" },
	{ escape_terminal, "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ escape_terminal, "\xff\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ escape_quoted, "say \"hi\"\\\r\n", "say \\\"hi\\\"\\\\\\r\\n" },
	{ escape_label_value, "a\\b\"c\nd", "a\\\\b\\\"c\\nd" },
	{ escape_html, "<a href='x'>&\"", "&lt;a href=&#39;x&#39;&gt;&amp;&#34;" },
	{ escape_json, "</script>\t\x01", "\\u003c/script\\u003e\\t\\u0001" },
	{ escape_json, "\xe2\x80\xa8", "\\u2028" },
	{ escape_query, "up == 0 or x{a=\"\xc3\xa4\"}", "up+%3D%3D+0+or+x%7Ba%3D%22%C3%A4%22%7D" },
};

static void each_sink_gets_what_it_can_take(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;

		rows[i].escape(&out, rows[i].in, strlen(rows[i].in));
		assert_string_equal(out.s, rows[i].out);
		strbuf_release(&out);
	}
}

static void utf8_is_decoded_strictly(void **state)
{
	static const struct {
		const char *bytes;
		size_t len, taken;
		uint32_t rune;
	} good[] = {
		{ "A", 1, 1, 'A' },
		{ "\xc3\xa4", 2, 2, 0xe4 },
		{ "\xe2\x82\xac", 3, 3, 0x20ac },
		{ "\xf0\x9f\x94\x94", 4, 4, 0x1f514 },
	};
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "\x80", 1 },
		{ "\xc3", 1 },
		{ "\xc0\xaf", 2 },
		{ "\xe0\x80\xaf", 3 },
		{ "\xed\xa0\x80", 3 },
		{ "\xf4\x90\x80\x80", 4 },
		{ "\xf8\x88\x80\x80\x80", 5 },
		{ "", 0 },
	};
	uint32_t rune;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct strbuf out = STRBUF_INIT;

		assert_int_equal(utf8_decode(good[i].bytes, good[i].len, &rune), good[i].taken);
		assert_int_equal(rune, good[i].rune);
		utf8_encode(&out, rune);
		assert_string_equal(out.s, good[i].bytes);
		strbuf_release(&out);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(utf8_decode(bad[i].bytes, bad[i].len, &rune), 0);
	assert_true(utf8_valid("\xc3\xa4x", 3));
	assert_false(utf8_valid("x\xc3", 2));
}

static void what_needs_an_escape_is_seen_wherever_it_stands(void **state)
{
	for (unsigned c = 1; c < 0x80; c++) {
		struct strbuf alone = STRBUF_INIT;

		escape_json(&alone, (const char[]){ (char)c }, 1);
		for (size_t at = 0; at < 20; at++) {
			struct strbuf whole = STRBUF_INIT, expected = STRBUF_INIT;
			char text[] = "abcdefghijklmnopqrstuvw";

			text[at] = (char)c;
			escape_json_string(&whole, text, sizeof(text) - 1);
			strbuf_addf(
				&expected, "\"%.*s%s%s\"", (int)at, text, alone.s, text + at + 1);
			assert_string_equal(whole.s, expected.s);
			strbuf_release(&whole);
			strbuf_release(&expected);
		}
		strbuf_release(&alone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sink_gets_what_it_can_take),
		cmocka_unit_test(utf8_is_decoded_strictly),
		cmocka_unit_test(what_needs_an_escape_is_seen_wherever_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
