/* Files of names and numbers. */
#include "harness.h"

#include <fcntl.h>
#include "watch/lines.h"

static void finds_the_number_of_a_name(void **state)
{
	static const struct {
		const char *text, *name;
		bool found;
		uint64_t value;
	} rows[] = {
		{ "low 0\nhigh 3\nmax 4\noom 5\noom_kill 6\noom_group_kill 7\n", "oom_kill", true,
			6 },
		{ "low 0\nhigh 3\nmax 4\noom 5\noom_kill 6\noom_group_kill 7\n", "oom", true, 5 },
		{ "high 3\n", "high", true, 3 },
		{ "high 3", "high", true, 3 },
		{ "rchar: 1\nread_bytes: 4096\nwrite_bytes: 0\n", "read_bytes", true, 4096 },
		{ "rchar: 1\nread_bytes: 4096\nwrite_bytes: 0\n", "write_bytes", true, 0 },
		{ "Max open files            1024                 1048576   files\n",
			"Max open files", true, 1024 },
		{ "nonvoluntary_ctxt_switches:\t9\n", "nonvoluntary_ctxt_switches", true, 9 },
		{ "nonvoluntary_ctxt_switches:\t9\n", "voluntary_ctxt_switches", false, 0 },
		{ "n 18446744073709551615\n", "n", true, UINT64_MAX },
		{ "n 99999999999999999999999\n", "n", true, UINT64_MAX },
		{ "oom_kill_all 3\n", "oom_kill", false, 0 },
		{ "high max\n", "high", false, 0 },
		{ "high -1\n", "high", false, 0 },
		{ "high\n", "high", false, 0 },
		{ "high\n3\n", "high", false, 0 },
		{ "\n\nhigh 1\n\n", "high", true, 1 },
		{ "", "high", false, 0 },
		{ "\n", "high", false, 0 },
		{ "hig", "high", false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t value = 0;

		if (lines_number(rows[i].text, rows[i].name, &value) != rows[i].found ||
			value != rows[i].value)
			fail_msg("%s in '%s': %llu", rows[i].name, rows[i].text,
				(unsigned long long)value);
	}
}

static void reads_what_fits(void **state)
{
	char text[8], path[] = "/tmp/lines-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(lines_read(path, text, sizeof(text)), 0);
	assert_string_equal(text, "0123456");
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lines_read(path, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	unlink(path);
	close(fd);
	assert_int_equal(lines_read(path, text, sizeof(text)), -ENOENT);
	assert_int_equal(lines_read("/", text, sizeof(text)), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_number_of_a_name),
		cmocka_unit_test(reads_what_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
