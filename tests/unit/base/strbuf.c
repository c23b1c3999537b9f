/* Text that grows up to a maximum, and remembers its first failure. */
#include "harness.h"

#include <inttypes.h>
#include "base/strbuf.h"

static void it_grows_and_stays_terminated(void **state)
{
	struct strbuf sb = STRBUF_INIT;

	assert_string_equal(sb.s, "");
	strbuf_adds(&sb, "up");
	strbuf_addch(&sb, '{');
	strbuf_addf(&sb, "%s=\"%d\"", "n", 7);
	strbuf_add(&sb, "}\0x", 3);
	assert_int_equal(sb.len, 11);
	assert_memory_equal(sb.s, "up{n=\"7\"}\0x", 12);
	strbuf_truncate(&sb, 2);
	assert_string_equal(sb.s, "up");
	strbuf_truncate(&sb, 5);
	assert_int_equal(sb.len, 2);
	strbuf_release(&sb);
	assert_string_equal(sb.s, "");
}

static void past_its_maximum_nothing_more_is_added(void **state)
{
	struct strbuf sb;
	char *text = (char *)"untouched";

	strbuf_init(&sb, 4);
	strbuf_adds(&sb, "abcd");
	assert_int_equal(sb.err, 0);
	strbuf_adds(&sb, "e");
	assert_int_equal(sb.err, -EMSGSIZE);
	strbuf_truncate(&sb, 0);
	strbuf_adds(&sb, "f");
	assert_int_equal(sb.len, 0);
	assert_int_equal(strbuf_finish(&sb, &text), -EMSGSIZE);
	assert_string_equal(text, "untouched");
	strbuf_adds(&sb, "ok");
	assert_int_equal(strbuf_finish(&sb, &text), 0);
	assert_string_equal(text, "ok");
	free(text);
}

static void finishing_an_empty_one_gives_an_empty_string(void **state)
{
	struct strbuf sb = STRBUF_INIT;
	char *text = NULL;

	assert_int_equal(strbuf_finish(&sb, &text), 0);
	assert_string_equal(text, "");
	free(text);
}

static int write_much(void *userdata)
{
	struct strbuf sb = STRBUF_INIT;
	char *text;
	int err;

	for (int i = 0; i < 100; i++)
		strbuf_addf(&sb, "line %d\n", i);
	err = strbuf_finish(&sb, &text);
	if (!err)
		free(text);
	return err;
}

static void it_survives_failing_allocations(void **state)
{
	with_failing_allocations(write_much, NULL);
}

static void whole_numbers_are_written_to_their_limits(void **state)
{
	static const int64_t numbers[] = { 0, 7, -7, 1234567890123, INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct strbuf sb = STRBUF_INIT, expected = STRBUF_INIT;

		strbuf_addi(&sb, numbers[i]);
		strbuf_addf(&expected, "%" PRId64, numbers[i]);
		assert_string_equal(sb.s, expected.s);
		strbuf_release(&sb);
		strbuf_release(&expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_and_stays_terminated),
		cmocka_unit_test(past_its_maximum_nothing_more_is_added),
		cmocka_unit_test(finishing_an_empty_one_gives_an_empty_string),
		cmocka_unit_test(it_survives_failing_allocations),
		cmocka_unit_test(whole_numbers_are_written_to_their_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
