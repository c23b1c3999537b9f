/* A text in the same place of a terminal, again and again. */
#include "harness.h"

#include "cmd/redraw.h"

static void nothing_is_wider_or_longer_than_the_terminal(void **state)
{
	static const struct {
		const char *text;
		size_t columns, rows;
		const char *frame;
	} rows[] = {
		{ "", 10, 5, "\033[H\033[J" },
		{ "a\nb\n", 10, 5, "\033[Ha\033[K\r\nb\033[K\033[J" },
		{ "a\nb", 10, 5, "\033[Ha\033[K\r\nb\033[K\033[J" },
		{ "a\nb\nc\n", 10, 2, "\033[Ha\033[K\r\nb\033[K\033[J" },
		{ "abcdef\n\n", 3, 5, "\033[Habc\033[K\r\n\033[K\033[J" },
		/* Characters count, not bytes. */
		{ "\xc3\xa9\xe2\x96\x81x", 2, 5, "\033[H\xc3\xa9\xe2\x96\x81\033[K\033[J" },
		{ "\xff\xff\xff", 2, 5, "\033[H\xff\xff\033[K\033[J" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf out = STRBUF_INIT;

		redraw_frame(&out, rows[i].text, rows[i].columns, rows[i].rows);
		assert_string_equal(out.s, rows[i].frame);
		strbuf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_wider_or_longer_than_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
