/* Strings, characters and numbers, as Go reads and writes them. */
#include "harness.h"

#include <math.h>
#include "promql/literal.h"

static void unquotes_what_it_scans(void **state)
{
	static const struct {
		const char *text, *value;
		size_t value_len;
	} cases[] = {
		{ "\"\"", "", 0 },
		{ "'a\"b'", "a\"b", 3 },
		{ "`a\\n\n\r`", "a\\n\n", 4 },
		{ "\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\"", "\a\b\f\n\r\t\v\\\"", 9 },
		{ "'\\x41\\101\\u00e9\\U0001F514'", "AA\xc3\xa9\xf0\x9f\x94\x94", 8 },
		{ "'\\xff\\377'", "\xff\xff", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf value = STRBUF_INIT;
		size_t len = 0, at;

		assert_int_equal(
			literal_scan_string(cases[i].text, strlen(cases[i].text), &len, &at),
			LITERAL_OK);
		assert_int_equal(len, strlen(cases[i].text));
		literal_unquote(&value, cases[i].text, len);
		assert_int_equal(value.len, cases[i].value_len);
		assert_memory_equal(value.s, cases[i].value, value.len);
		strbuf_release(&value);
	}
}

static void tells_a_strings_fault_and_its_place(void **state)
{
	static const struct {
		const char *text;
		enum literal_fault fault;
		size_t at;
	} cases[] = {
		{ "\"a", LITERAL_UNTERMINATED, 0 },
		{ "'a\nb'", LITERAL_UNTERMINATED, 0 },
		{ "`a", LITERAL_UNTERMINATED_RAW, 0 },
		{ "'\xc3'", LITERAL_UTF8, 1 },
		{ "'a\\c'", LITERAL_ESCAPE, 3 },
		{ "'\\'", LITERAL_UNTERMINATED, 0 },
		{ "'\\xg0'", LITERAL_ESCAPE_DIGIT, 3 },
		{ "'\\u12", LITERAL_ESCAPE_END, 5 },
		{ "'\\ud800'", LITERAL_ESCAPE_RANGE, 2 },
		{ "'\\777'", LITERAL_ESCAPE_RANGE, 2 },
		{ "'\\U00110000'", LITERAL_ESCAPE_RANGE, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len, at = 0;

		assert_int_equal(
			literal_scan_string(cases[i].text, strlen(cases[i].text), &len, &at),
			cases[i].fault);
		assert_int_equal(at, cases[i].at);
	}
}

static void quotes_any_bytes_so_that_they_read_back(void **state)
{
	struct strbuf quoted = STRBUF_INIT, again = STRBUF_INIT;
	char bytes[3];
	size_t len, at;

	for (unsigned a = 1; a < 256; a++) {
		for (unsigned b = 1; b < 256; b++) {
			snprintf(bytes, sizeof(bytes), "%c%c", (int)a, (int)b);
			strbuf_reset(&quoted);
			strbuf_reset(&again);
			literal_quote(&quoted, bytes, 2);
			assert_int_equal(literal_scan_string(quoted.s, quoted.len, &len, &at), 0);
			assert_int_equal(len, quoted.len);
			literal_unquote(&again, quoted.s, quoted.len);
			assert_string_equal(again.s, bytes);
		}
	}
	strbuf_release(&quoted);
	strbuf_release(&again);
}

static void reads_numbers_as_go_does(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{ "0", 0 },
		{ "017", 15 },
		{ "08", 8 },
		{ "0x1F", 31 },
		{ "0X_1f", 31 },
		{ "1_000", 1000 },
		{ "1.5e3", 1500 },
		{ ".5", 0.5 },
		{ "5.", 5 },
		{ "Inf", INFINITY },
		{ "1.7976931348623157e308", 1.7976931348623157e308 },
		{ "0_7", 7 },
	};
	static const char *const bad[] = { "", "_1", "1_", "1__0", "0x", "1e", "e5", "1.2.3",
		"0x.5e" };
	double v;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(literal_number(good[i].text, strlen(good[i].text), &v), 0);
		assert_true(v == good[i].value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(literal_number(bad[i], strlen(bad[i]), &v), -EINVAL);
	/* No literal is infinite but by its name. */
	assert_int_equal(literal_number("1e400", 5, &v), -ERANGE);
	assert_int_equal(literal_number("0x1p+1024", 9, &v), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unquotes_what_it_scans),
		cmocka_unit_test(tells_a_strings_fault_and_its_place),
		cmocka_unit_test(quotes_any_bytes_so_that_they_read_back),
		cmocka_unit_test(reads_numbers_as_go_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
