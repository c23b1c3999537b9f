/* Series as tests write them. */
#include "harness.h"

#include "base/num.h"
#include "promql/series_desc.h"

/* The values as text, a gap as _, up to 20 of them. */
static void spell(const struct series_values *values, struct strbuf *out)
{
	struct series_cursor cursor = { .values = values };
	enum series_item_kind kind;
	char number[NUM_MAX];
	double v = 0;

	for (unsigned i = 0; i < 20 && series_cursor_next(&cursor, &kind, &v); i++) {
		num_format(number, v);
		strbuf_addf(out, "%s%s", i ? " " : "",
			kind == SERIES_BLANK	   ? "_"
			: kind == SERIES_HISTOGRAM ? "{{}}"
			: is_stale_nan(v)	   ? "stale"
						   : number);
	}
}

static void values_are_spelt_as_promtool_spells_them(void **state)
{
	static const struct {
		const char *text, *values;
	} cases[] = {
		{ "", "" },
		{ "  1 \t2\n3 ", "1 2 3" },
		{ "-2+4x3", "-2 2 6 10" },
		{ "1-2x4", "1 -1 -3 -5 -7" },
		{ "1x4", "1 1 1 1 1" },
		{ "1x0", "1" },
		{ "5+1x0", "5" },
		{ "1 _x3 stale", "1 _ _ _ stale" },
		{ "_ _x0 2", "_ 2" },
		{ "1.5e3 -1e-3 .5 +7", "1500 -0.001 0.5 7" },
		{ "Inf -Inf +inf NaN", "+Inf -Inf +Inf NaN" },
		{ "0x10", "0 0 0 0 0 0 0 0 0 0 0" },
		{ "0+-1x2", NULL },
		{ "1e2+1e1x1", "100 110" },
		/* Added up, not multiplied: the last one shows the rounding. */
		{ "0+0.1x3", "0 0.1 0.2 0.30000000000000004" },
		{ "{{schema:1 buckets:[5.1 10]}} 1", "{{}} 1" },
		{ "{{sum:3}}x1 {{}}+{{sum:1}}x2", "{{}} {{}} {{}} {{}} {{}}" },
		{ "1x999999999999 2", "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf out = STRBUF_INIT;
		struct promql_error error = { 0 };
		struct series_values values;
		int err = series_desc_values(cases[i].text, &values, &error);

		if (!cases[i].values) {
			assert_int_equal(err, -EINVAL);
			continue;
		}
		if (err)
			fail_msg("%s: %s", cases[i].text, error.text);
		spell(&values, &out);
		assert_string_equal(out.s, cases[i].values);
		series_values_release(&values);
		strbuf_release(&out);
	}
}

static void what_is_no_value_is_told_at_its_place(void **state)
{
	static const struct {
		const char *text;
		size_t offset, length;
	} cases[] = {
		{ "1 two 3", 2, 3 },
		{ "1 2;3", 3, 2 },
		{ "1+2", 3, 1 },
		{ "1+x3", 1, 3 },
		{ "1x", 1, 1 },
		{ "1x-3", 1, 3 },
		{ "_x3.5", 3, 2 },
		{ "1x99999999999999999999999999", 1, 27 },
		{ "1 {{sum:1", 2, 7 },
		{ "{{}}+1x2", 5, 3 },
		{ "{{}}+{{}} 1", 9, 1 },
		{ "stale_", 5, 1 },
		{ "1 stalex2", 7, 2 },
		{ "1__2", 0, 4 },
		{ "-", 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct promql_error error = { 0 };
		struct series_values values;

		if (series_desc_values(cases[i].text, &values, &error) != -EINVAL)
			fail_msg("'%s' was taken", cases[i].text);
		if (error.offset != cases[i].offset || error.length != cases[i].length ||
			!error.text[0])
			fail_msg("'%s': at %zu, %zu long: %s", cases[i].text, error.offset,
				error.length, error.text);
	}
}

static void a_series_has_a_name_and_labels(void **state)
{
	static const struct {
		const char *text, *labels;
	} cases[] = {
		{ "up", "up" },
		{ " up {} ", "up" },
		{ "up{job=\"a\", instance='b',}", "up{instance=\"b\", job=\"a\"}" },
		{ "{job=`a`}", "{job=\"a\"}" },
		{ "job:up:sum{}", "job:up:sum" },
		{ "sum{by=\"x\"}", "sum{by=\"x\"}" },
		{ "{\"up\", job=\"a\"}", "up{job=\"a\"}" },
		{ "up{\"job\"=\"a\"}", "up{job=\"a\"}" },
		{ "up{job=\"\"}", "up" },
		{ "up{job=\"a\\\"b\\n\"}", "up{job=\"a\\\"b\\n\"}" },
		{ "", "{}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf out = STRBUF_INIT;
		struct promql_error error = { 0 };
		struct labels *labels;

		if (series_desc_labels(cases[i].text, &labels, &error))
			fail_msg("%s: %s", cases[i].text, error.text);
		labels_format(labels, &out);
		assert_string_equal(out.s, cases[i].labels);
		labels_unref(labels);
		strbuf_release(&out);
	}
}

static void what_is_no_series_is_told_at_its_place(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
	} cases[] = {
		{ "up{job=\"a\"", 10 },
		{ "up{job=\"a\" instance=\"b\"}", 11 },
		{ "up{job=~\"a\"}", 6 },
		{ "up{job}", 6 },
		{ "up{job=a}", 7 },
		{ "up{=\"a\"}", 3 },
		{ "up{job=\"a\",job=\"b\"}", 11 },
		{ "up{job=\"a\"}[5m]", 11 },
		{ "up 1 2", 3 },
		{ "1 up", 0 },
		{ "up{job=\"\\x00\"}", 7 },
		{ "up{job=\"a", 7 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct promql_error error = { 0 };
		struct labels *labels;

		if (series_desc_labels(cases[i].text, &labels, &error) != -EINVAL)
			fail_msg("'%s' was taken", cases[i].text);
		if (error.offset != cases[i].offset || !error.text[0])
			fail_msg("'%s': at %zu: %s", cases[i].text, error.offset, error.text);
	}
}

static int read_both(void *userdata)
{
	struct promql_error error;
	struct series_values values;
	struct labels *labels;
	int err;

	err = series_desc_labels("up{job=\"a\",\"b c\"='d'}", &labels, &error);
	if (err)
		return err;
	labels_unref(labels);
	err = series_desc_values("1 2x3 _ 4+5x6 stale 7 8 9 10 11 12", &values, &error);
	if (!err)
		series_values_release(&values);
	return err;
}

static void running_out_of_memory_is_an_error(void **state)
{
	with_failing_allocations(read_both, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_spelt_as_promtool_spells_them),
		cmocka_unit_test(what_is_no_value_is_told_at_its_place),
		cmocka_unit_test(a_series_has_a_name_and_labels),
		cmocka_unit_test(what_is_no_series_is_told_at_its_place),
		cmocka_unit_test(running_out_of_memory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
