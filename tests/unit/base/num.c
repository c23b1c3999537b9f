/* Numbers: read strictly, printed as Prometheus and Go print them. */
#include "harness.h"

#include <math.h>
#include "base/num.h"

static void reads_what_parse_float_reads(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{ "0", 0 },
		{ "-1.5", -1.5 },
		{ "1e3", 1000 },
		{ "+Inf", INFINITY },
		{ "-inf", -INFINITY },
		{ "0x1p4", 16 },
		{ ".5", 0.5 },
		{ "1e400", INFINITY },
		{ "infinity", INFINITY },
	};
	static const char *const bad[] = { "", " 1", "1 ", "1_0", "nan(1)", "1,5", "--1", "e", "0x",
		"0x10", "-0X1.8", "-nan", "+NaN" };
	double v;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(num_parse(good[i].text, strlen(good[i].text), &v), 0);
		assert_true(v == good[i].value);
	}
	assert_int_equal(num_parse("NaN", 3, &v), 0);
	assert_true(isnan(v));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(num_parse(bad[i], strlen(bad[i]), &v) < 0);
}

/* The short way and strtod() must never differ, not by a bit. */
static void short_numbers_are_read_to_the_last_bit(void **state)
{
	static const char *const odd[] = { "-0", "0.0", "1.", "9007199254740991",
		"9007199254740993", "1e22", "1e23", "7.6238e-05", "0.002389378", "1.9429106442e+10",
		"123456789012345678", "8.999999999999998", "4.35", "0.1", "1e-22", "1e-23",
		"00000000000000000000001" };
	static const char *const bad[] = { "1e", "1e+", "1.2.3", ".", "-", "e5", "1e5x", "" };
	uint64_t random = 88172645463325252ull;
	char text[64];
	double v, exact;

	for (size_t i = 0; i < 20000 + ARRAY_SIZE(odd); i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		snprintf(text, sizeof(text), "%s%llu.%02llue%d", random & 1 ? "-" : "",
			(unsigned long long)(random >> 12) % (1ull << (10 + i % 50)),
			(unsigned long long)random % 100, (int)(random >> 40) % 30);
		if (i >= 20000)
			snprintf(text, sizeof(text), "%s", odd[i - 20000]);
		assert_int_equal(num_parse(text, strlen(text), &v), 0);
		exact = strtod(text, NULL);
		assert_memory_equal(&v, &exact, sizeof(v));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(num_parse(bad[i], strlen(bad[i]), &v) < 0);
}

static void prints_the_shortest_text(void **state)
{
	static const struct {
		double value;
		const char *json, *go, *e;
	} rows[] = {
		{ 0, "0", "0", "0e+00" },
		{ 1, "1", "1", "1e+00" },
		{ -2.5, "-2.5", "-2.5", "-2.5e+00" },
		{ 1e6, "1000000", "1e+06", "1e+06" },
		{ 200000, "200000", "200000", "2e+05" },
		{ 0.1, "0.1", "0.1", "1e-01" },
		{ 1e-7, "1e-07", "1e-07", "1e-07" },
		{ 1e21, "1e+21", "1e+21", "1e+21" },
		{ 999999.5, "999999.5", "999999.5", "9.999995e+05" },
		{ 1234.5678, "1234.5678", "1234.5678", "1.2345678e+03" },
		{ 0.00001, "0.00001", "1e-05", "1e-05" },
		{ INFINITY, "+Inf", "+Inf", "+Inf" },
		{ -INFINITY, "-Inf", "-Inf", "-Inf" },
		{ 5e-324, "5e-324", "5e-324", "5e-324" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308",
			"1.7976931348623157e+308" },
		{ 0.1 + 0.2, "0.30000000000000004", "0.30000000000000004",
			"3.0000000000000004e-01" },
		{ 1.0 / 3, "0.3333333333333333", "0.3333333333333333", "3.333333333333333e-01" },
		{ 123456789, "123456789", "1.23456789e+08", "1.23456789e+08" },
		{ NAN, "NaN", "NaN", "NaN" },
	};
	char text[NUM_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		num_format(text, rows[i].value);
		assert_string_equal(text, rows[i].json);
		num_format_go(text, rows[i].value);
		assert_string_equal(text, rows[i].go);
		num_format_e(text, rows[i].value);
		assert_string_equal(text, rows[i].e);
	}
}

static void prints_decimals_of_any_length(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1e21, "1000000000000000000000" },
		{ -2.5, "-2.5" },
		{ 1e-9, "0.000000001" },
		{ INFINITY, "+Inf" },
		{ NAN, "NaN" },
	};
	struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		strbuf_reset(&text);
		num_format_decimal(&text, rows[i].value);
		assert_string_equal(text.s, rows[i].text);
	}
	strbuf_reset(&text);
	num_format_decimal(&text, -1.7976931348623157e308);
	assert_int_equal(text.len, 310);
	strbuf_reset(&text);
	num_format_decimal(&text, -2.2250738585072014e-308);
	assert_int_equal(text.len, 3 + 307 + 17);
	strbuf_release(&text);
}

static void whole_numbers_have_bounds(void **state)
{
	int64_t v;

	assert_int_equal(num_parse_int("42", 0, 100, &v), 0);
	assert_int_equal(v, 42);
	assert_int_equal(num_parse_int("101", 0, 100, &v), -ERANGE);
	assert_int_equal(num_parse_int("99999999999999999999", 0, INT64_MAX, &v), -ERANGE);
	assert_int_equal(num_parse_int("4x", 0, 100, &v), -EINVAL);
	assert_int_equal(num_parse_int("", 0, 100, &v), -EINVAL);
}

/* By trying: one digit more until the text reads back as the same number. */
static void shortest_by_trying(char *out, size_t size, double v)
{
	for (int decimals = 0; decimals <= 16; decimals++) {
		snprintf(out, size, "%.*e", decimals, v);
		if (strtod(out, NULL) == v)
			return;
	}
}

static void whole_numbers_are_printed_as_all_others(void **state)
{
	static const double odd[] = { 0, -0.0, 1, -1, 9, 10, 11, 99, 100, 101, 999999, 1000000,
		12300, 1e14, 1e15, 1e16, 999999999999999, 999999999999998, 123456789012345,
		1e15 + 1 };
	uint64_t random = 88172645463325252ull;
	char text[NUM_MAX], wanted[NUM_MAX];

	for (size_t i = 0; i < 20000 + ARRAY_SIZE(odd); i++) {
		double v;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		v = (double)(int64_t)((random >> 10) % (1ull << (1 + i % 53)));
		v *= random & 1 ? -1 : 1;
		if (i >= 20000)
			v = odd[i - 20000];
		shortest_by_trying(wanted, sizeof(wanted), v);
		num_format_e(text, v);
		assert_string_equal(text, wanted);
	}
}

/* Digit by digit, as by trying; a power of two has its neighbour below nearer than the one above. */
static void fractions_are_printed_as_all_others(void **state)
{
	static const double odd[] = { 0.1, 0.5, 0.25, 1.5, 2.5, 0.3, 1.0 / 3, 2.0 / 3, 1e-5, 1e-6,
		1.1e-7, 8.5e-22, 4.2e-22, 1e-70, 9007199254740991.0, 4503599627370495.5,
		4503599627370497.5, 2251799813685248.25, 0.1 + 0.2, 123456.789, 99999.99999999999,
		0.9999999999999999, 9.5367431640625e-07, 1e15 + 0.5, 1e23, 5e-324 };
	uint64_t random = 88172645463325252ull, bits;
	char text[NUM_MAX], wanted[NUM_MAX];

	for (size_t i = 0; i < 200000 + ARRAY_SIZE(odd); i++) {
		double v;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		/* Exponents from -80 to 60, and as many digits as there may be, or few. */
		bits = (random & 0x800fffffffffffffull) | (uint64_t)(1023 - 80 + i % 140) << 52;
		memcpy(&v, &bits, sizeof(v));
		if (i % 3 == 0)
			v = (double)(random >> 40) / (double)(1 + random % 1000);
		if (i >= 200000)
			v = odd[i - 200000];
		shortest_by_trying(wanted, sizeof(wanted), v);
		num_format_e(text, v);
		assert_string_equal(text, wanted);
	}
	/* Of one digit fewer than trying finds: it is nearer than the half way above, not than that below. */
	num_format_e(text, 0x1p-44);
	assert_string_equal(text, "5.684341886080802e-14");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers_are_printed_as_all_others),
		cmocka_unit_test(fractions_are_printed_as_all_others),
		cmocka_unit_test(reads_what_parse_float_reads),
		cmocka_unit_test(short_numbers_are_read_to_the_last_bit),
		cmocka_unit_test(prints_the_shortest_text),
		cmocka_unit_test(prints_decimals_of_any_length),
		cmocka_unit_test(whole_numbers_have_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
