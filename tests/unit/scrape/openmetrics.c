/* OpenMetrics: what Prometheus reads of it is read, what it refuses is refused with a place. */
#include "scrape/cases.h"

#include <math.h>
#include "scrape/openmetrics.h"

/* What was read, a line for each entry; a fault's text at the end. The heap's. */
static char *told(const char *text, size_t len)
{
	struct strbuf out = STRBUF_INIT;
	struct exposition_entry e;
	struct exposition p;
	char *ret = NULL;
	int kind;

	openmetrics_init(&p, text, len);
	while ((kind = openmetrics_next(&p, &e)) > EXPOSITION_END) {
		if (kind == EXPOSITION_SAMPLE) {
			strbuf_add(&out, e.series, e.series_len);
			strbuf_addf(&out, "=%d", isnan(e.value) ? -1 : (int)(e.value * 100));
			if (e.has_time)
				strbuf_addf(&out, "@%lld", (long long)e.wall_ms);
		} else {
			strbuf_addf(&out, "%c:", "  HTU"[kind]);
			strbuf_add(&out, e.name, e.name_len);
			strbuf_addch(&out, ':');
			strbuf_add(&out, e.text, e.text_len);
		}
		strbuf_addch(&out, '\n');
	}
	if (kind < 0) {
		assert_in_range(p.fault_at - text, 0, len);
		strbuf_adds(&out, p.error);
	}
	strbuf_adds(&out, "");
	assert_int_equal(strbuf_finish(&out, &ret), 0);
	return ret;
}

struct row {
	const char *text, *wanted;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* The exact length on the heap, so that a sanitizer sees a byte too far. */
		size_t len = strlen(rows[i].text);
		scoped(freep) char *exact = malloc(len + !len);
		scoped(freep) char *got = NULL;

		memcpy(exact, rows[i].text, len);
		got = told(exact, len);
		if (strcmp(got, rows[i].wanted))
			fail_msg("%s\nwanted %s\ngot %s", rows[i].text, rows[i].wanted, got);
	}
}

static void reads_what_prometheus_reads(void **state)
{
	static const struct row rows[] = {
		{ "# EOF", "" },
		{ "# EOF\n", "" },
		{ "a 1\n# EOF\n", "a=100\n" },
		{ "a{} 1.5\n# EOF\n", "a{}=150\n" },
		{ "a:b{c=\"d\",e=\"\"} 1e2 1\n# EOF\n", "a:b{c=\"d\",e=\"\"}=10000@1000\n" },
		{ "a{c=\"}, # {\\\"\\\\\"} 1\n# EOF\n", "a{c=\"}, # {\\\"\\\\\"}=100\n" },
		{ "a{c=\"d\",} 1\n# EOF\n", "a{c=\"d\",}=100\n" },
		{ "{\"a.b\"} 1\n{\"a.b\",\"c.d\"=\"e\"} 2\n# EOF\n",
			"{\"a.b\"}=100\n{\"a.b\",\"c.d\"=\"e\"}=200\n" },
		/* Seconds with a point, before 1970, and milliseconds cut off. */
		{ "a 1 1.2345\na 1 -1.5\na 1 1.5e3\na 1 000\n# EOF\n",
			"a=100@1234\na=100@-1500\na=100@1500000\na=100@0\n" },
		{ "a 1 12345678901234567890.1\na 1 -1e300\n# EOF\n",
			"a=100@9223372036854775807\na=100@-9223372036854775808\n" },
		{ "a NaN\n# EOF\n", "a=-1\n" },
		/* Exemplars are read and let go. */
		{ "a_total 1 # {} 1\na_total 1 2 # {a=\"b\",c=\"# {\"} 0.5 1.5\n# EOF\n",
			"a_total=100\na_total=100@2000\n" },
		{ "a_total 1\na_created 5\n# EOF\n", "a_total=100\na_created=500\n" },
		{ "# TYPE a counter\n# HELP a b \\n \n# UNIT a_s s\n# UNIT a \n# TYPE \"b.c\" "
		  "stateset\n# TYPE d unknown\n# HELP a \n# EOF\n",
			"T:a:counter\nH:a:b \\n \nU:a_s:s\nU:a:\nT:b.c:stateset\nT:d:unknown\nH:a:"
			"\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void refuses_what_prometheus_refuses_and_says_where(void **state)
{
	static const struct row rows[] = {
		{ "", "line 1, column 1: the text must end with # EOF, got the end" },
		{ "a 1\n", "a=100\nline 2, column 1: the text must end with # EOF, got the end" },
		{ "a 1", "line 1, column 4: expected the line's end, got the end" },
		{ "# EOF\n\n", "line 2, column 1: expected nothing after # EOF, got \"\\n\"" },
		{ "# EOFx", "line 1, column 6: expected nothing after # EOF, got \"x\"" },
		{ "\n# EOF\n", "line 1, column 1: expected a metric name or a comment, got "
			       "\"\\n# EOF\\n\"" },
		{ "# a\n", "line 1, column 1: expected # HELP, # TYPE, # UNIT or # EOF, got "
			   "\"# a\\n\"" },
		{ "#TYPE a gauge\n", "line 1, column 1: expected # HELP, # TYPE, # UNIT or # EOF, "
				     "got \"#TYPE a gauge\\n\"" },
		{ "a  1\n", "line 1, column 3: expected a value, got \" 1\\n\"" },
		{ "a 1 \n", "line 1, column 5: expected a timestamp, got \"\\n\"" },
		{ "a\t1\n", "line 1, column 2: expected a space and a value, got \"\\t1\\n\"" },
		{ "a {b=\"c\"} 1\n", "line 1, column 3: not a number, got \"{b=\\\"c\\\"} 1\\n\"" },
		{ "a{ b=\"c\"} 1\n", "line 1, column 3: expected a label name, got \" b=\\\"c\\\"} "
				     "1\\n\"" },
		{ "a{b=\"c\" } 1\n", "line 1, column 8: expected ',' or '}', got \" } 1\\n\"" },
		{ "a{,} 1\n", "line 1, column 3: expected a label name, got \",} 1\\n\"" },
		{ "a{b=\"c\n\"} 1\n", "line 1, column 5: expected a label value in double quotes, "
				      "got \"\\\"c\\n\\\"} 1\\n\"" },
		{ "a{\"b\"} 1\n",
			"line 1, column 3: a second metric name, got \"\\\"b\\\"} 1\\n\"" },
		{ "{b=\"c\"} 1\n", "line 1, column 1: a sample without a metric name, got "
				   "\"{b=\\\"c\\\"} 1\\n\"" },
		{ "a{b=\"\xff\"} 1\n",
			"line 1, column 5: a label value that is not valid UTF-8, got "
			"\"\\\"\xef\xbf\xbd\\\"} 1\\n\"" },
		{ "a 1_0\n", "line 1, column 3: not a number, got \"1_0\\n\"" },
		{ "a 0x1\n", "line 1, column 3: not a number, got \"0x1\\n\"" },
		{ "a 1 Inf\n", "line 1, column 5: not a timestamp, got \"Inf\\n\"" },
		{ "a 1 NaN\n", "line 1, column 5: not a timestamp, got \"NaN\\n\"" },
		{ "a 1 #\n", "line 1, column 4: expected the line's end, got \" #\\n\"" },
		{ "a 1 # {\"b\"} 1\n", "line 1, column 11: expected '=', got \"} 1\\n\"" },
		{ "a 1 # {}1\n", "line 1, column 9: expected a space and the exemplar's value, got "
				 "\"1\\n\"" },
		{ "a 1 # {} 1 Inf\n", "line 1, column 12: not a timestamp, got \"Inf\\n\"" },
		{ "a 1 # {} 1 1 1\n", "line 1, column 13: expected the line's end, got \" 1\\n\"" },
		{ "# TYPE a untyped\n", "line 1, column 10: unknown metric type, got "
					"\"untyped\\n\"" },
		{ "# TYPE a\n",
			"line 1, column 9: expected a space, a text and the line's end, got "
			"\"\\n\"" },
		{ "# HELP a b", "line 1, column 10: expected a space, a text and the line's end, "
				"got \"b\"" },
		{ "# HELP 0a b\n", "line 1, column 8: expected a metric name, got \"0a b\\n\"" },
		{ "# HELP a \xff\n", "line 1, column 10: a help text that is not valid UTF-8, got "
				     "\"\xef\xbf\xbd\\n\"" },
		{ "# UNIT as s\n", "line 1, column 11: a unit in which the metric's name does not "
				   "end, got \"s\\n\"" },
		{ "# UNIT s s\n", "line 1, column 10: a unit in which the metric's name does not "
				  "end, got \"s\\n\"" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void an_expected_series_is_told_from_others_that_begin_alike(void **state)
{
	static const struct {
		const char *series, *text;
		int wanted;
	} rows[] = {
		{ "a", "a 1 # {} 1\n", 1 },
		{ "a{b=\"c\"}", "a{b=\"c\"} 1 5\n", 1 },
		{ "a", "ab 1\n", 0 },
		{ "a", "a{} 1\n", 0 },
		{ "a", "a", 0 },
		{ "a", "a {} 1\n", -EINVAL },
		{ "a", "a 1", -EINVAL },
	};
	struct exposition_entry entry;
	struct exposition p;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		openmetrics_init(&p, rows[i].text, strlen(rows[i].text));
		assert_int_equal(
			openmetrics_expect(&p, rows[i].series, strlen(rows[i].series), &entry),
			rows[i].wanted);
		if (rows[i].wanted == 1)
			assert_true(entry.value == 1 && p.at == p.end);
		if (!rows[i].wanted)
			assert_ptr_equal(p.at, p.text);
	}
}

/* -1 for a text that is refused; else its samples. */
static long samples_in(const char *text, size_t len)
{
	struct exposition_entry entry;
	struct exposition p;
	long n = 0;
	int kind;

	openmetrics_init(&p, text, len);
	while ((kind = openmetrics_next(&p, &entry)) > EXPOSITION_END)
		n += kind == EXPOSITION_SAMPLE;
	return kind < 0 ? -1 : n;
}

static long samples_of(const char *file)
{
	char path[512], *text;
	size_t len;
	long n;

	snprintf(path, sizeof(path), "%s/exposition/%s", conformance_dir(), file);
	text = read_file(path, &len);
	n = samples_in(text, len);
	free(text);
	return n;
}

/*
 * Rules of OpenMetrics about what samples mean together, which Prometheus does not enforce: a target
 * that is up there must not be down here. What is left of a name is its number.
 */
static const char *const taken_as_prometheus_does[] = { "bad_clashing_names_",
	"bad_counter_values_", "bad_exemplar_complex_chars", "bad_exemplars_on_unallowed_",
	"bad_grouping_or_ordering_", "bad_histograms_", "bad_info_and_stateset_values_",
	"bad_invalid_labels_5", "bad_metadata_in_wrong_place_", "bad_missing_or_extra_commas_2",
	"bad_missing_or_invalid_labels_for_a_type_", "bad_repeated_metadata_",
	"bad_stateset_info_values_", "bad_unit_6" };

static bool is_taken(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(taken_as_prometheus_does); i++) {
		if (starts_with(name, taken_as_prometheus_does[i]))
			return true;
	}
	return false;
}

struct tally {
	unsigned good, refused, taken, wrong;
};

static void count_case(const char *name, const char *text, size_t len, void *userdata)
{
	struct tally *tally = userdata;
	bool bad = starts_with(name, "bad_"), must_fail = bad && !is_taken(name);
	long n = samples_in(text, len);

	tally->good += !bad && n > 0;
	tally->refused += bad && n < 0;
	tally->taken += bad && n >= 0;
	if (must_fail != (n < 0) && !(bad && n < 0)) {
		printf("%s: %s\n", n < 0 ? "refused" : "taken", name);
		tally->wrong++;
	}
}

static void the_collected_cases_fare_as_with_prometheus(void **state)
{
	struct tally tally = { 0 };

	each_case(count_case, &tally);
	printf("openmetrics: %u good, %u bad refused, %u bad taken as Prometheus takes them, %u "
	       "wrong\n",
		tally.good, tally.refused, tally.taken, tally.wrong);
	assert_int_equal(tally.wrong, 0);
	assert_true(tally.good >= 22 && tally.refused >= 38);
	assert_true(samples_of("1histogram.om.txt") > 0);
	assert_true(samples_of("alltypes.5mfs.om.txt") > 0);
}

/* Cut and damaged texts: whatever comes, it ends, and faults have a place. */
static void damaged_texts_end(void **state)
{
	static const char text[] =
		"# TYPE a histogram\na{le=\"1\",b=\"\\\"x\\n\"} 1.5e3 12 # {c=\"d\"} 1\n"
		"{\"q.x\",c=\"h\xc3\xa9\"} NaN\n# UNIT b_s s\n# EOF\n";

	for (size_t place = 0; place < sizeof(text) - 1; place++) {
		for (int byte = 0; byte < 256; byte += 3) {
			char *exact = malloc(sizeof(text) - 1);

			memcpy(exact, text, sizeof(text) - 1);
			exact[place] = (char)byte;
			free(told(exact, sizeof(text) - 1));
			free(exact);
			exact = malloc(place + !place);
			memcpy(exact, text, place);
			free(told(exact, place));
			free(exact);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_prometheus_reads),
		cmocka_unit_test(refuses_what_prometheus_refuses_and_says_where),
		cmocka_unit_test(an_expected_series_is_told_from_others_that_begin_alike),
		cmocka_unit_test(the_collected_cases_fare_as_with_prometheus),
		cmocka_unit_test(damaged_texts_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
