/* Bytes as digits and back. */
#include "harness.h"

#include "base/hex.h"

static void every_byte_comes_back(void **state)
{
	struct strbuf digits = STRBUF_INIT, back = STRBUF_INIT;
	unsigned char bytes[256];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	hex_add(&digits, bytes, sizeof(bytes));
	assert_int_equal(digits.len, 2 * sizeof(bytes));
	assert_memory_equal(digits.s, "000102030405060708090a0b", 24);
	assert_int_equal(hex_read(digits.s, &back), 0);
	assert_int_equal(back.len, sizeof(bytes));
	assert_memory_equal(back.s, bytes, sizeof(bytes));
	strbuf_release(&digits);
	strbuf_release(&back);
}

static void what_is_not_hexadecimal_is_refused(void **state)
{
	static const char *const rows[] = { "0", "abc", "0g", "AB", "0x", " 00", "00 " };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;

		assert_int_equal(hex_read(rows[i], &out), -EINVAL);
		assert_int_equal(out.len, 0);
		strbuf_release(&out);
	}
}

static void a_number_has_all_its_digits(void **state)
{
	char text[17];

	hex_format64(text, 0x0123456789abcdefull);
	assert_string_equal(text, "0123456789abcdef");
	hex_format64(text, 7);
	assert_string_equal(text, "0000000000000007");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(what_is_not_hexadecimal_is_refused),
		cmocka_unit_test(a_number_has_all_its_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
