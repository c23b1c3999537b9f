/* Blocks of Snappy's: what they hold, and what is none. */
#include "harness.h"

#include "base/snappy.h"

#define HUNDRED                                                                                    \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"890123456789"

static void a_block_is_unpacked(void **state)
{
	static const struct {
		const char *packed;
		size_t len;
		const char *text;
	} rows[] = {
		{ "\0", 1, "" },
		{ "\x03\x08"
		  "abc",
			5, "abc" },
		/* Copies with offsets of one, two and four bytes; one that reads what it writes. */
		{ "\x08\x08"
		  "abc\x05\x03",
			7, "abcabcab" },
		{ "\x06\x08"
		  "abc\x0a\x03\x00",
			8, "abcabc" },
		{ "\x06\x08"
		  "abc\x0b\x03\x00\x00\x00",
			10, "abcabc" },
		{ "\x07\x00"
		  "a\x16\x01\x00",
			6, "aaaaaaa" },
		/* Literals whose length stands in one byte, and in two, behind the tag. */
		{ "\x64\xf0\x63" HUNDRED, 103, HUNDRED },
		{ "\x64\xf4\x63\x00" HUNDRED, 104, HUNDRED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text = NULL;
		size_t len = 0;
		int err = snappy_decode(rows[i].packed, rows[i].len, 1000, &text, &len);

		if (err || len != strlen(rows[i].text) || !streq(text, rows[i].text))
			fail_msg("row %zu: %d, '%s'", i, err, text ? text : "");
		free(text);
	}
}

static void what_is_no_block_is_refused(void **state)
{
	static const struct {
		const char *packed;
		size_t len;
		int err;
	} rows[] = {
		{ "", 0, -EBADMSG },
		{ "\x80", 1, -EBADMSG },
		{ "\x80\x80\x80\x80\x80\x01", 6, -EBADMSG },
		{ "\x03", 1, -EBADMSG }, /* less than it says */
		{ "\x02\x08"
		  "abc",
			5, -EBADMSG }, /* more than it says */
		{ "\x03\x08"
		  "ab",
			4, -EBADMSG },	     /* the literal is cut off */
		{ "\x03\xf0", 2, -EBADMSG }, /* its length is */
		{ "\x03\xfc\xff\xff\xff\xff", 6, -EBADMSG },
		{ "\x06\x08"
		  "abc\x0a\x00\x00",
			8, -EBADMSG }, /* a copy of what comes */
		{ "\x06\x08"
		  "abc\x0a\x04\x00",
			8, -EBADMSG }, /* of what came before all */
		{ "\x06\x08"
		  "abc\x0a\x03",
			7, -EBADMSG },
		{ "\x05\x08"
		  "abc\x0a\x03\x00",
			8, -EBADMSG }, /* it goes past the end */
		{ "\xe9\x07\x08"
		  "abc",
			6, -EMSGSIZE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text = NULL;
		size_t len = 0;
		int err = snappy_decode(rows[i].packed, rows[i].len, 1000, &text, &len);

		if (err != rows[i].err || text)
			fail_msg("row %zu: %d", i, err);
	}
}

static int unpack(void *userdata)
{
	char *text;
	size_t len;
	int err = snappy_decode("\x03\x08"
				"abc",
		5, 1000, &text, &len);

	if (!err)
		free(text);
	return err;
}

static void survives_memory_running_out(void **state)
{
	with_failing_allocations(unpack, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_unpacked),
		cmocka_unit_test(what_is_no_block_is_refused),
		cmocka_unit_test(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
