/* Charts of one line, and columns. */
#include "harness.h"

#include <math.h>
#include "cmd/chart.h"
#include "cmd/table.h"

static void a_chart_spans_from_the_lowest_column_to_the_highest(void **state)
{
	static const struct {
		size_t width;
		double values[8]; /* one a second; -1 is none */
		const char *line;
	} cases[] = {
		{ 8, { 0, 1, 2, 3, 4, 5, 6, 7 }, "_.-=+*#@" },
		{ 4, { 0, 0, 0, 0, 9, 9, 9, 9 }, "__@@" },
		{ 4, { 0, 2, 4, 6, 8, 10, 12, 14 }, "_-*@" },
		{ 8, { 5, 5, 5, 5, 5, 5, 5, 5 }, "________" },
		{ 8, { -1, 0, -1, -1, 7, -1, -1, -1 }, " _  @   " },
		{ 8, { 0, NAN, INFINITY, 4, 8, 8, 8, 8 }, "_??+@@@@" },
		/* Their difference is more than a number holds. */
		{ 4, { -1.7e308, -1.7e308, -1.7e308, -1.7e308, 1.7e308, 1.7e308, 1.7e308, 1.7e308 },
			"__@@" },
		{ 1, { 1, 2, 3, 4, 5, 6, 7, 8 }, "_" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct chart chart = { .start_wall_ms = 1700000000000,
			.end_wall_ms = 1700000007000,
			.width = cases[i].width,
			.ascii = true };
		struct strbuf out = STRBUF_INIT;
		struct sample points[8];
		size_t n = 0;

		for (unsigned k = 0; k < 8; k++) {
			if (cases[i].values[k] != -1)
				points[n++] = (struct sample){ 1700000000000 + k * 1000,
					cases[i].values[k] };
		}
		chart_line(&out, &chart, points, n);
		assert_string_equal(out.s, cases[i].line);
		strbuf_release(&out);
	}
}

static void a_terminal_of_unicode_gets_blocks(void **state)
{
	const struct chart chart = { .end_wall_ms = 1000, .width = 2 };
	const struct sample points[] = { { 0, 1 }, { 1000, 2 } };
	struct strbuf out = STRBUF_INIT;

	chart_line(&out, &chart, points, 2);
	assert_string_equal(out.s, "▁█");
	strbuf_release(&out);
}

static int print_table(void *userdata)
{
	static const char *const cells[] = { "a", "bb", "", "a\x1b[2J", "ü", "c", "long", "", "" };
	struct table table = { .columns = 3 };
	struct strbuf *out = userdata;
	int err;

	strbuf_reset(out);
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
		table_add(&table, cells[i]);
	err = table_print(&table, out);
	table_release(&table);
	return err;
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	struct strbuf out = STRBUF_INIT;

	assert_int_equal(print_table(&out), 0);
	assert_string_equal(out.s, "a         bb\n"
				   "a\\x1b[2J  ü   c\n"
				   "long\n");
	strbuf_release(&out);
}

static void running_out_of_memory_is_an_error(void **state)
{
	struct strbuf out = STRBUF_INIT;

	with_failing_allocations(print_table, &out);
	strbuf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chart_spans_from_the_lowest_column_to_the_highest),
		cmocka_unit_test(a_terminal_of_unicode_gets_blocks),
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(running_out_of_memory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
