/* JSON: what is written parses back to the same, whatever the text. */
#include "harness.h"

#include <jansson.h>
#include <math.h>
#include "api/jsonw.h"

static void nests_and_separates(void **state)
{
	struct strbuf out = STRBUF_INIT;
	struct jsonw json;

	jsonw_init(&json, &out);
	jsonw_begin_object(&json);
	jsonw_key(&json, "a");
	jsonw_begin_array(&json);
	jsonw_int(&json, 1);
	jsonw_begin_array(&json);
	jsonw_end_array(&json);
	jsonw_begin_object(&json);
	jsonw_end_object(&json);
	jsonw_bool(&json, true);
	jsonw_end_array(&json);
	jsonw_field_string(&json, "b", NULL);
	jsonw_field_double(&json, "c", 0.25);
	jsonw_field_double(&json, "d", INFINITY);
	jsonw_end_object(&json);
	assert_string_equal(out.s, "{\"a\":[1,[],{},true],\"b\":\"\",\"c\":0.25,\"d\":null}");
	strbuf_release(&out);
}

static void any_text_comes_back_the_same(void **state)
{
	static const char *const texts[] = { "", "\"", "\\", "</script>", "a&b", "\x01\x1f\x7f",
		"tab\tline\n", "gr\xc3\xbc\xc3\x9f", "\xe2\x80\xa8", "\xf0\x9f\x94\x94" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct strbuf out = STRBUF_INIT;
		struct jsonw json;
		json_t *back;

		jsonw_init(&json, &out);
		jsonw_string(&json, texts[i]);
		assert_null(strpbrk(out.s, "<>&\n\t"));
		back = json_loads(out.s, JSON_DECODE_ANY, NULL);
		assert_non_null(back);
		assert_string_equal(json_string_value(back), texts[i]);
		json_decref(back);
		strbuf_release(&out);
	}
}

static void text_that_is_not_utf8_is_still_json(void **state)
{
	struct strbuf out = STRBUF_INIT;
	struct jsonw json;
	json_t *back;

	jsonw_init(&json, &out);
	jsonw_stringn(&json, "a\0\xff\xc3", 4);
	back = json_loads(out.s, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(back);
	assert_memory_equal(json_string_value(back), "a\0\xef\xbf\xbd", 5);
	json_decref(back);
	strbuf_release(&out);
}

static void sample_times_have_three_decimals_or_none(void **state)
{
	static const struct {
		int64_t wall_ms;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1435781451781, "1435781451.781" },
		{ 1435781451000, "1435781451" },
		{ 1435781451700, "1435781451.700" },
		{ 5, "0.005" },
		{ -1500, "-1.500" },
		{ INT64_MIN, "-9223372036854775.808" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;
		struct jsonw json;

		jsonw_init(&json, &out);
		jsonw_seconds(&json, rows[i].wall_ms);
		assert_string_equal(out.s, rows[i].text);
		strbuf_release(&out);
	}
}

static void sample_values_are_strings(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 1, "\"1\"" },
		{ 0.1, "\"0.1\"" },
		{ NAN, "\"NaN\"" },
		{ -INFINITY, "\"-Inf\"" },
		{ 1e21, "\"1e+21\"" },
		{ 123456789, "\"123456789\"" },
		{ -0.0, "\"-0\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;
		struct jsonw json;

		jsonw_init(&json, &out);
		jsonw_value(&json, rows[i].value);
		assert_string_equal(out.s, rows[i].text);
		strbuf_release(&out);
	}
}

static void never_is_gos_zero_time(void **state)
{
	struct strbuf out = STRBUF_INIT;
	struct jsonw json;

	jsonw_init(&json, &out);
	jsonw_begin_array(&json);
	jsonw_time(&json, 0);
	jsonw_time(&json, 1435781451781);
	jsonw_end_array(&json);
	assert_string_equal(out.s, "[\"0001-01-01T00:00:00Z\",\"2015-07-01T20:10:51.781Z\"]");
	strbuf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nests_and_separates),
		cmocka_unit_test(any_text_comes_back_the_same),
		cmocka_unit_test(text_that_is_not_utf8_is_still_json),
		cmocka_unit_test(sample_times_have_three_decimals_or_none),
		cmocka_unit_test(sample_values_are_strings),
		cmocka_unit_test(never_is_gos_zero_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
