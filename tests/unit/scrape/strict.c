/* All rules of OpenMetrics: what the standard's own cases refuse is refused, with a place. */
#include "scrape/cases.h"

#include "scrape/strict.h"

static int check(const char *text, char error[300])
{
	struct strict_counts counts = { 0 };

	error[0] = '\0';
	return strict_check(text, strlen(text), &counts, error, 300);
}

static void what_samples_mean_together_is_checked(void **state)
{
	static const struct {
		const char *text, *fault; /* NULL: it is fine */
	} rows[] = {
		{ "# EOF\n", NULL },
		{ "a 1\na 2\n# EOF\n", NULL },
		{ "# TYPE a counter\n# HELP a x\na_total 1 # {t=\"1\"} 1\na_created 5\n# EOF\n",
			NULL },
		{ "# TYPE a counter\na 1\n# EOF\n", "line 2, column 1: this name was a family's" },
		{ "# TYPE a counter\na_total -1\n# EOF\n",
			"line 2, column 1: what is counted is not negative" },
		{ "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na 2\n# EOF\n",
			"line 5, column 1: this name was a family's before" },
		{ "# TYPE a gauge\n# TYPE a gauge\n# EOF\n", "line 2, column 8: this was said" },
		{ "# TYPE a gauge\na 1\n# HELP a x\n# EOF\n", "line 3, column 8: what is said" },
		{ "# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 1\na{x=\"1\"} 1\n# EOF\n",
			"line 4, column 1: a group's samples stand together" },
		{ "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2\na_count 2\n"
		  "a_sum 3\n# EOF\n",
			NULL },
		{ "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_count 2\na_sum 3\n# EOF\n",
			"a histogram without a bucket for +Inf" },
		{ "# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_count 3\na_sum 3\n# EOF\n",
			"whose count is not that of its +Inf bucket" },
		/* Two groups, each whole. */
		{ "# TYPE a histogram\na_bucket{x=\"1\",le=\"+Inf\"} 2\na_count{x=\"1\"} 2\n"
		  "a_sum{x=\"1\"} 3\na_bucket{x=\"2\",le=\"+Inf\"} 1\na_count{x=\"2\"} 1\n"
		  "a_sum{x=\"2\"} 3\n# EOF\n",
			NULL },
		{ "# TYPE a stateset\na{a=\"on\"} 1\na{a=\"off\"} 0\n# EOF\n", NULL },
		{ "# TYPE a info\na_info{v=\"1\"} 1\na_info{v=\"2\"} 1\n# EOF\n", NULL },
		{ "# TYPE a summary\na{quantile=\"0.5\"} 1\na_count 1\na_sum 1\n# EOF\n", NULL },
		{ "# TYPE a gauge\na{x=\"1\",} 1\n# EOF\n", "a comma behind the last label" },
		/* What no scrape takes is refused here as well. */
		{ "a 1\n", "line 2, column 1: the text must end with # EOF" },
	};
	char error[300];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int err = check(rows[i].text, error);

		if (err != (rows[i].fault ? -EINVAL : 0) ||
			(rows[i].fault && !strstr(error, rows[i].fault)))
			fail_msg("%s: %d %s", rows[i].text, err, error);
	}
}

struct tally {
	unsigned good, refused, wrong;
};

static void count_case(const char *name, const char *text, size_t len, void *userdata)
{
	struct tally *tally = userdata;
	struct strict_counts counts;
	bool bad = starts_with(name, "bad_");
	char error[300] = "";
	int err = strict_check(text, len, &counts, error, sizeof(error));

	tally->good += !err && !bad;
	tally->refused += err == -EINVAL && bad;
	if ((err == 0) == bad) {
		printf("%s: %s\n", name, err ? error : "taken");
		tally->wrong++;
	}
}

static void the_standards_own_cases_fare_as_it_says(void **state)
{
	struct tally tally = { 0 };

	each_case(count_case, &tally);
	printf("openmetrics: %u good, %u bad refused, %u wrong\n", tally.good, tally.refused,
		tally.wrong);
	assert_int_equal(tally.wrong, 0);
	assert_true(tally.good >= 22 && tally.refused >= 84);
}

static void damaged_texts_end(void **state)
{
	static const char text[] =
		"# TYPE a histogram\na_bucket{le=\"+Inf\",b=\"\\\"x\\n\"} 1 12 # {c=\"d\\\\\"} 1\n"
		"# TYPE s summary\ns{quantile=\"0.5\"} 1\n# EOF\n";

	for (size_t place = 0; place < sizeof(text) - 1; place++) {
		for (int byte = 0; byte < 256; byte += 3) {
			size_t len = sizeof(text) - 1;
			struct strict_counts counts;
			char error[300], *exact = malloc(len);

			memcpy(exact, text, len);
			exact[place] = (char)byte;
			strict_check(exact, len, &counts, error, sizeof(error));
			free(exact);
		}
	}
}

static int check_all(void *userdata)
{
	static const char text[] =
		"# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 1\na_sum 1\n"
		"# TYPE s info\ns_info{v=\"1\"} 1\nplain{x=\"y\"} 1\n# EOF\n";
	char error[300];

	return check(text, error);
}

static void survives_memory_running_out(void **state)
{
	with_failing_allocations(check_all, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_samples_mean_together_is_checked),
		cmocka_unit_test(the_standards_own_cases_fare_as_it_says),
		cmocka_unit_test(damaged_texts_end),
		cmocka_unit_test(survives_memory_running_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
