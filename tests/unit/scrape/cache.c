/* From text to samples: labels, staleness, and all or nothing. */
#include "harness.h"

#include "model/intern.h"
#include "model/matcher.h"
#include "scrape/cache.h"
#include "scrape/scrape.h"

#define T0   1700000000000ll
#define STEP 15000ll

struct world {
	struct tsdb *db;
	struct scrape_cache cache;
	struct ingest_settings settings;
	struct labels *target;
	struct ingest_counts counts;
	char error[200];
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &w->db), 0);
	w->target =
		labels_new(2, (const char *const[][2]){ { "job", "j" }, { "instance", "i:1" } });
	w->settings = (struct ingest_settings){
		.target_labels = w->target, .honor_timestamps = true, .max_samples = 1000
	};
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	scrape_cache_release(&w->cache);
	tsdb_free(w->db);
	labels_unref(w->target);
	free(w);
	return 0;
}

/* A scrape as scrape.c does it. */
static int scrape_at(struct world *w, int64_t wall_ms, const char *text)
{
	int err = scrape_cache_read(&w->cache, w->db, &w->settings, text, strlen(text), &w->counts,
		w->error, sizeof(w->error));

	if (err)
		scrape_cache_end(&w->cache, w->db, wall_ms);
	else
		scrape_cache_commit(&w->cache, w->db, wall_ms, &w->counts);
	return err;
}

/*
 * All samples of the store as text, series by series: "a@0=1,@1=2 b@0=stale"; times in steps
 * since T0 (or as they are, where they are no whole steps), the target's own labels left out.
 */
static char *dump(struct world *w)
{
	struct strbuf out = STRBUF_INIT;
	struct tsdb_selection all;
	struct series_iter it;
	struct sample sample;
	char *text;

	assert_int_equal(tsdb_select(w->db, NULL, 0, INT64_MIN, INT64_MAX, &all), 0);
	for (size_t i = 0; i < all.n; i++) {
		struct labels_builder b = LABELS_BUILDER_INIT;
		scoped(labels_unrefp) struct labels *labels = NULL;
		const char *separator = "";

		labels_builder_add(&b, series_labels(all.series[i]));
		for (unsigned k = 0; k < w->target->n; k++) {
			const char *value = labels_builder_get(&b, w->target->v[k].name);

			if (value && streq(value, w->target->v[k].value))
				labels_builder_del(&b, w->target->v[k].name);
		}
		assert_int_equal(labels_build(&b, &labels), 0);
		strbuf_adds(&out, i ? " " : "");
		labels_format(labels, &out);
		series_iter_init(&it, all.series[i], INT64_MIN, INT64_MAX);
		while (series_iter_next(&it, &sample)) {
			int64_t steps = (sample.wall_ms - T0) / STEP;
			bool even = T0 + steps * STEP == sample.wall_ms;

			strbuf_addf(&out, "%s@%lld=", separator,
				(long long)(even ? steps : sample.wall_ms));
			if (is_stale_nan(sample.value))
				strbuf_adds(&out, "stale");
			else
				strbuf_addf(&out, "%d", (int)sample.value);
			separator = ",";
		}
	}
	tsdb_selection_release(&all);
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

static void assert_dump(struct world *w, const char *wanted)
{
	scoped(freep) char *got = dump(w);

	assert_string_equal(got, wanted);
}

static void samples_carry_the_scrapes_time(void **state)
{
	struct world *w = *state;

	assert_int_equal(scrape_at(w, T0, "a 1\nb{x=\"y\"} 2\n"), 0);
	assert_int_equal(w->counts.scraped, 2);
	assert_int_equal(w->counts.added, 2);
	assert_int_equal(w->counts.series_added, 2);
	assert_int_equal(scrape_at(w, T0 + STEP, "a 3\nb{x=\"y\"} 4\n"), 0);
	assert_int_equal(w->counts.series_added, 0);
	assert_dump(w, "a@0=1,@1=3 b{x=\"y\"}@0=2,@1=4");
}

static void what_vanishes_ends_and_may_come_back(void **state)
{
	struct world *w = *state;

	scrape_at(w, T0, "a 1\nb 1\nc 1\n");
	scrape_at(w, T0 + STEP, "c 2\na 2\n");
	scrape_at(w, T0 + 2 * STEP, "a 3\n");
	scrape_at(w, T0 + 3 * STEP, "a 4\nb 4\n");
	assert_int_equal(w->counts.series_added, 1);
	scrape_at(w, T0 + 4 * STEP, "");
	assert_dump(w,
		"a@0=1,@1=2,@2=3,@3=4,@4=stale b@0=1,@1=stale,@3=4,@4=stale c@0=1,@1=2,@2=stale");
}

static void the_order_of_lines_does_not_matter(void **state)
{
	struct world *w = *state;

	scrape_at(w, T0, "a 1\nb 1\nc 1\nd 1\n");
	scrape_at(w, T0 + STEP, "d 2\nc 2\nb 2\na 2\n");
	scrape_at(w, T0 + 2 * STEP, "# HELP b x\nb 3\nd 3\nnew 3\na 3\nc 3\n");
	assert_dump(w, "a@0=1,@1=2,@2=3 b@0=1,@1=2,@2=3 c@0=1,@1=2,@2=3 d@0=1,@1=2,@2=3 new@2=3");
}

static void a_fault_writes_nothing_of_the_body_and_ends_all(void **state)
{
	struct world *w = *state;
	size_t texts;

	scrape_at(w, T0, "a 1\nb 1\n");
	texts = intern_count();
	assert_int_equal(scrape_at(w, T0 + STEP, "a 2\nnew{label=\"fresh\"} 2\n7&-\n"), -EINVAL);
	assert_string_equal(w->error,
		"line 3, column 1: expected a metric name, a comment or an empty line, got \"7&-\\n\"");
	assert_int_equal(w->counts.scraped, 2);
	assert_int_equal(intern_count(), texts);
	/* A second failure does not end them again. */
	assert_int_equal(scrape_at(w, T0 + 2 * STEP, "7&-\n"), -EINVAL);
	assert_int_equal(scrape_at(w, T0 + 3 * STEP, "a 4\nb 4\n"), 0);
	assert_int_equal(w->counts.series_added, 0);
	assert_dump(w, "a@0=1,@1=stale,@3=4 b@0=1,@1=stale,@3=4");
}

static void own_timestamps_are_kept_and_get_no_stale_marker(void **state)
{
	struct world *w = *state;
	char text[200];

	snprintf(text, sizeof(text), "a 1 %lld\nb 1\n", (long long)(T0 - STEP));
	scrape_at(w, T0, text);
	scrape_at(w, T0 + STEP, "b 2\n");
	/* One that had no time and now has one ends: nothing tells when it will go on. */
	snprintf(text, sizeof(text), "b 3 %lld\n", (long long)(T0 + STEP + 1));
	scrape_at(w, T0 + 2 * STEP, text);
	scrape_at(w, T0 + 3 * STEP, "");
	assert_dump(w, "a@-1=1 b@0=1,@1=2,@1700000015001=3,@2=stale");
}

static void timestamps_are_ignored_where_the_file_says_so(void **state)
{
	struct world *w = *state;

	w->settings.honor_timestamps = false;
	scrape_at(w, T0, "a 1 5\n");
	scrape_at(w, T0 + STEP, "");
	assert_dump(w, "a@0=1,@1=stale");
}

static void samples_far_ahead_or_out_of_order_are_dropped_alone(void **state)
{
	struct world *w = *state;
	char text[200];

	snprintf(text, sizeof(text), "a 1 %lld\nb 1 %lld\nc 1 99999999999999999\nd 1\n",
		(long long)(T0 + SCRAPE_MAX_AHEAD_MS), (long long)(T0 + SCRAPE_MAX_AHEAD_MS + 1));
	assert_int_equal(scrape_at(w, T0, text), 0);
	assert_int_equal(w->counts.dropped, 2);
	assert_int_equal(w->counts.added, 4);
	snprintf(text, sizeof(text), "a 2 %lld\nd 2\n", (long long)T0);
	assert_int_equal(scrape_at(w, T0 + STEP, text), 0);
	assert_int_equal(w->counts.dropped, 1);
	assert_dump(w, "a@40=1 d@0=1,@1=2");
}

static void the_same_line_twice_counts_once(void **state)
{
	struct world *w = *state;
	char text[200];

	scrape_at(w, T0, "a 1\na 2\nb{x=\"1\",y=\"2\"} 1\nb{y=\"2\",x=\"1\"} 2\n");
	assert_int_equal(w->counts.scraped, 4);
	assert_int_equal(w->counts.dropped, 2);
	snprintf(text, sizeof(text), "c 1 %lld\nc 2 %lld\nb{y=\"2\",x=\"1\"} 3\n", (long long)T0,
		(long long)(T0 + STEP));
	scrape_at(w, T0 + STEP, text);
	assert_int_equal(w->counts.dropped, 0);
	/* The other spelling of b is gone, but the series is there: no marker hides it. */
	assert_dump(w, "a@0=1,@1=stale b{x=\"1\", y=\"2\"}@0=1,@1=3 c@0=1,@1=2");
}

static void the_targets_labels_win_unless_honor_labels(void **state)
{
	static const struct {
		bool honor;
		const char *text, *wanted;
	} rows[] = {
		{ false, "a{job=\"x\"} 1", "a{exported_job=\"x\"}@0=1" },
		{ false, "a{job=\"x\",exported_job=\"y\"} 1",
			"a{exported_exported_job=\"x\", exported_job=\"y\"}@0=1" },
		{ false, "a{job=\"\"} 1", "a@0=1" },
		{ false, "a{job=\"x\",instance=\"y\"} 1",
			"a{exported_instance=\"y\", exported_job=\"x\"}@0=1" },
		{ true, "a{job=\"x\"} 1", "a{job=\"x\"}@0=1" },
		{ true, "a 1", "a@0=1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		void *inner = NULL;
		struct world *w;

		set_up(&inner);
		w = inner;
		w->settings.honor_labels = rows[i].honor;
		assert_int_equal(scrape_at(w, T0, rows[i].text), 0);
		assert_dump(w, rows[i].wanted);
		tear_down(&inner);
	}
}

static void an_empty_label_keeps_the_targets_out_with_honor_labels(void **state)
{
	struct world *w = *state;
	scoped(matcher_freep) struct matcher *without = NULL;
	struct tsdb_selection found;

	w->settings.honor_labels = true;
	assert_int_equal(scrape_at(w, T0, "a{instance=\"\"} 1"), 0);
	assert_int_equal(
		matcher_new(MATCH_EQUAL, "instance", "", &without, w->error, sizeof(w->error)), 0);
	assert_int_equal(
		tsdb_select(w->db, (const struct matcher *const[]){ without }, 1, 0, T0, &found),
		0);
	assert_int_equal(found.n, 1);
	tsdb_selection_release(&found);
}

static void a_label_that_stands_twice_fails_the_scrape(void **state)
{
	struct world *w = *state;

	assert_int_equal(scrape_at(w, T0, "ok 1\na{b=\"1\",b=\"2\"} 1"), -EINVAL);
	assert_string_equal(w->error, "a label stands twice in a{b=\"1\",b=\"2\"}");
	assert_dump(w, "");
}

static void the_sample_limit_fails_the_scrape_and_counts_on(void **state)
{
	struct world *w = *state;

	w->settings.max_samples = 2;
	assert_int_equal(scrape_at(w, T0, "a 1\nb 1\n"), 0);
	assert_int_equal(scrape_at(w, T0 + STEP, "a 1\nb 1\nc 1\nd 1\n"), -EINVAL);
	assert_string_equal(w->error, "sample limit exceeded: 4 samples where 2 are allowed");
	assert_int_equal(w->counts.scraped, 4);
	/* A fault after the limit is told as the fault it is. */
	assert_int_equal(scrape_at(w, T0 + 2 * STEP, "a 1\nb 1\nc 1\n7&-\n"), -EINVAL);
	assert_true(starts_with(w->error, "line 4, column 1: expected a metric name"));
	assert_int_equal(w->counts.scraped, 3);
	assert_dump(w, "a@0=1,@1=stale b@0=1,@1=stale");
}

static void a_full_store_fails_the_scrape_as_a_whole(void **state)
{
	struct world *w = *state;
	struct tsdb_options options = TSDB_OPTIONS_DEFAULT;

	tsdb_free(w->db);
	options.max_series = 3;
	assert_int_equal(tsdb_new(&options, &w->db), 0);
	assert_int_equal(scrape_at(w, T0, "a 1\n"), 0);
	assert_int_equal(scrape_at(w, T0 + STEP, "a 2\nb 2\nc 2\nd 2\ne 2\n"), -ENOSPC);
	assert_string_equal(w->error, "the sample store takes no more series");
	assert_dump(w, "a@0=1,@1=stale");
	assert_int_equal(scrape_at(w, T0 + 2 * STEP, "a 3\n"), 0);
}

/* Metric relabelling as the settings' files bring it. */
static struct relabel_rule *rule(const char *action, const char *source, const char *regex,
	const char *target, const char *replacement)
{
	const struct relabel_settings settings = { .action = action,
		.source_labels = source ? &source : NULL,
		.n_source_labels = source != NULL,
		.regex = regex,
		.target_label = target,
		.replacement = replacement };
	struct relabel_rule *made = NULL;
	const char *key;
	char error[200] = "";

	if (relabel_rule_new(&settings, &made, &key, error, sizeof(error)))
		fail_msg("%s", error);
	return made;
}

static void relabelling_renames_and_drops_before_the_store(void **state)
{
	struct world *w = *state;
	struct relabel_rule *rules[] = {
		rule("drop", "__name__", "go_.*", NULL, NULL),
		rule("replace", "__name__", "old_(.*)", "__name__", "new_$1"),
		rule("labeldrop", NULL, "pod", NULL, NULL),
		/* The target's own labels can be seen and changed, too. */
		rule("replace", "instance", "i:(.*)", "port", "$1"),
	};
	static const char text[] = "go_a 1\nold_b{pod=\"x\"} 2\ngo_c 3\nd 4\n";

	w->settings.rules = rules;
	w->settings.n_rules = ARRAY_SIZE(rules);
	/* What is dropped does not count against the limit. */
	w->settings.max_samples = 2;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(scrape_at(w, T0 + i * STEP, text), 0);
		assert_int_equal(w->counts.scraped, 4);
		assert_int_equal(w->counts.added, 2);
		assert_int_equal(w->counts.series_added, i ? 0 : 2);
		assert_int_equal(w->counts.dropped, 0);
	}
	assert_int_equal(scrape_at(w, T0 + 3 * STEP, "go_c 3\nd 5\ngo_e 1\n"), 0);
	assert_int_equal(w->counts.added, 1);
	assert_dump(w, "d{port=\"1\"}@0=4,@1=4,@2=4,@3=5 new_b{port=\"1\"}@0=2,@1=2,@2=2,@3=stale");
	assert_int_equal(scrape_at(w, T0 + 4 * STEP, "a 1\nb 1\nc 1\n"), -EINVAL);
	assert_string_equal(w->error, "sample limit exceeded: 3 samples where 2 are allowed");
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		relabel_rule_free(rules[i]);
}

static void names_may_be_left_out(void **state)
{
	struct world *w = *state;

	w->settings.leave_out = "own_";
	assert_int_equal(scrape_at(w, T0, "own_a 1\nown_b{x=\"1\"} 2\nown 3\nb 4\n"), 0);
	assert_dump(w, "b@0=4 own@0=3");
	assert_int_equal(w->counts.scraped, 4);
	assert_int_equal(w->counts.added, 2);
	scrape_cache_retire(&w->cache);
	w->settings.leave_out = NULL;
	assert_int_equal(scrape_at(w, T0 + STEP, "own_a 1\nown 3\n"), 0);
	assert_dump(w, "b@0=4,@1=stale own@0=3,@1=3 own_a@1=1");
}

static void a_body_of_millions_is_refused_although_relabelling_might_drop_it(void **state)
{
	struct world *w = *state;
	struct relabel_rule *none = rule("drop", NULL, NULL, NULL, NULL);
	struct strbuf text = STRBUF_INIT;

	for (unsigned i = 0; i <= SCRAPE_MAX_SAMPLES; i++)
		strbuf_addf(&text, "a%u 1\n", i);
	w->settings.rules = &none;
	w->settings.n_rules = 1;
	assert_int_equal(scrape_at(w, T0, text.s), -EINVAL);
	assert_true(starts_with(w->error, "sample limit exceeded: 200001 samples"));
	assert_int_equal(w->cache.n, 0);
	strbuf_release(&text);
	relabel_rule_free(none);
}

static void a_sample_that_lost_its_name_fails_the_scrape(void **state)
{
	struct world *w = *state;
	struct relabel_rule *bad = rule("labeldrop", NULL, "__name__", NULL, NULL);

	w->settings.rules = &bad;
	w->settings.n_rules = 1;
	assert_int_equal(scrape_at(w, T0, "a 1\n"), -EINVAL);
	assert_string_equal(
		w->error, "missing metric name (__name__ label) after metric_relabel_configs");
	assert_dump(w, "");
	relabel_rule_free(bad);
}

static void two_lines_may_become_one_series(void **state)
{
	struct world *w = *state;
	struct relabel_rule *merge = rule("labeldrop", NULL, "cpu", NULL, NULL);

	w->settings.rules = &merge;
	w->settings.n_rules = 1;
	assert_int_equal(scrape_at(w, T0, "a{cpu=\"0\"} 1\na{cpu=\"1\"} 2\n"), 0);
	assert_int_equal(w->counts.added, 2);
	assert_int_equal(w->counts.dropped, 1);
	assert_dump(w, "a@0=1");
	relabel_rule_free(merge);
}

static void other_rules_end_what_they_no_longer_make(void **state)
{
	struct world *w = *state;
	struct relabel_rule *drop = rule("drop", "__name__", "b", NULL, NULL);

	scrape_at(w, T0, "a 1\nb 1\nc 1\n");
	w->settings.rules = &drop;
	w->settings.n_rules = 1;
	scrape_cache_retire(&w->cache);
	scrape_cache_retire(&w->cache);
	assert_int_equal(scrape_at(w, T0 + STEP, "a 2\nb 2\n7"), -EINVAL);
	assert_int_equal(scrape_at(w, T0 + 2 * STEP, "a 3\nb 3\nc 3\n"), 0);
	w->settings.n_rules = 0;
	scrape_cache_retire(&w->cache);
	assert_int_equal(scrape_at(w, T0 + 3 * STEP, "a 4\nb 4\n"), 0);
	assert_int_equal(scrape_at(w, T0 + 4 * STEP, "a 5\nb 5\n"), 0);
	assert_int_equal(w->counts.series_added, 0);
	assert_dump(w, "a@0=1,@1=stale,@2=3,@3=4,@4=5 b@0=1,@1=stale,@3=4,@4=5 "
		       "c@0=1,@1=stale,@2=3,@3=stale");
	scrape_cache_retire(&w->cache);
	relabel_rule_free(drop);
}

static void metadata_is_kept_and_forgotten(void **state)
{
	struct world *w = *state;
	const struct family *f;

	scrape_at(w, T0, "# HELP a one\\\\ \\n\"two\\\"\n# TYPE a counter\na 1\n# HELP {\n");
	assert_int_equal(scrape_at(w, T0, "# HELP a one\\\\ \\n\\\"\n# TYPE a counter\na 1\n"), 0);
	f = map_gets(&w->cache.families.map, "a");
	assert_non_null(f);
	assert_string_equal(f->help, "one\\ \n\\\"");
	assert_int_equal(f->type, METRIC_COUNTER);
	assert_int_equal(scrape_at(w, T0 + 1, "# HELP \"b.c\" x\n# TYPE a gauge\na 1\n"), 0);
	assert_int_equal(f->type, METRIC_GAUGE);
	assert_non_null(map_gets(&w->cache.families.map, "b.c"));
	for (int i = 2; i < 20; i++)
		scrape_at(w, T0 + i, "a 1\n");
	assert_int_equal(w->cache.families.map.n, 0);
}

static int build_and_scrape(void *userdata)
{
	struct labels *target = userdata;
	struct scrape_cache cache = SCRAPE_CACHE_INIT;
	struct ingest_settings settings = { .target_labels = target, .max_samples = 100 };
	static const char text[] = "# HELP a b\\\\\n# TYPE a counter\na{job=\"x\",l=\"\\\"\"} 1\n"
				   "{\"b.c\"} 2\n# TYPE \"d.e\" gauge\nd 1\n";
	scoped(tsdb_freep) struct tsdb *db = NULL;
	struct ingest_counts counts;
	char error[200];
	int err = tsdb_new(&TSDB_OPTIONS_DEFAULT, &db);

	if (!err)
		err = scrape_cache_read(&cache, db, &settings, text, sizeof(text) - 1, &counts,
			error, sizeof(error));
	if (!err) {
		scrape_cache_commit(&cache, db, T0, &counts);
		/* What an allocation cost is counted, not hidden. */
		if (counts.dropped)
			err = -ENOMEM;
	}
	scrape_cache_end(&cache, db, T0 + 1);
	scrape_cache_release(&cache);
	return err;
}

static void survives_memory_running_out(void **state)
{
	struct world *w = *state;
	size_t texts = intern_count();

	with_failing_allocations(build_and_scrape, w->target);
	assert_int_equal(intern_count(), texts);
}

static void labels_past_a_limit_fail_the_scrape(void **state)
{
	struct world *w = *state;
	static const struct {
		size_t labels, name, value;
		bool legacy;
		const char *error; /* NULL: it is fine */
	} rows[] = {
		/* a{long_name="long value"} with job and instance and its own name has four. */
		{ 4, 9, 10, false, NULL },
		{ 3, 0, 0, false,
			"label_limit exceeded (metric: a, number of labels: 4, limit: 3)" },
		{ 0, 8, 0, false,
			"label_name_length_limit exceeded (metric: a, label name: long_name, length: "
			"9, limit: 8)" },
		{ 0, 0, 9, false,
			"label_value_length_limit exceeded (metric: a, label name: long_name, value: "
			"\"long value\", length: 10, limit: 9)" },
		{ 0, 0, 0, true, "invalid metric name or label names: b.c" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int err;

		w->settings.max_labels = rows[i].labels;
		w->settings.max_label_name_bytes = rows[i].name;
		w->settings.max_label_value_bytes = rows[i].value;
		w->settings.legacy_names = rows[i].legacy;
		scrape_cache_retire(&w->cache);
		err = scrape_at(w, T0 + (int64_t)i * STEP,
			rows[i].legacy ? "a 1\n{\"b.c\"} 1\n" : "a{long_name=\"long value\"} 1\n");
		assert_int_equal(err, rows[i].error ? -EINVAL : 0);
		if (rows[i].error)
			assert_string_equal(w->error, rows[i].error);
	}
}

/* What relabelling takes away does not count, what it adds does. */
static void limits_are_for_what_relabelling_leaves(void **state)
{
	struct world *w = *state;

	w->settings.max_label_value_bytes = 3;
	assert_int_equal(scrape_at(w, T0, "a{x=\"long\"} 1\n"), -EINVAL);
	w->settings.max_label_value_bytes = 0;
	assert_int_equal(scrape_at(w, T0 + STEP, "a{x=\"long\"} 1\n"), 0);
}

static void timestamps_may_be_tracked_for_staleness(void **state)
{
	struct world *w = *state;
	char text[64];

	w->settings.track_timestamps = true;
	snprintf(text, sizeof(text), "a 1 %lld\n", (long long)T0);
	assert_int_equal(scrape_at(w, T0, text), 0);
	assert_int_equal(scrape_at(w, T0 + STEP, ""), 0);
	assert_dump(w, "a@0=1,@1=stale");
}

static void the_collected_text_is_read_the_same_again_and_again(void **state)
{
	struct world *w = *state;
	struct tsdb_stats stats;
	char path[512], *text;
	size_t len;

	if (!conformance_dir())
		return;
	snprintf(path, sizeof(path), "%s/exposition/alltypes.237mfs.prom.txt", conformance_dir());
	text = read_file(path, &len);
	w->settings.max_samples = 10000;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(scrape_at(w, T0 + i * STEP, text), 0);
		assert_int_equal(w->counts.scraped, 1857);
		assert_int_equal(w->counts.dropped, 0);
		assert_int_equal(w->counts.series_added, i ? 0 : 1857);
	}
	tsdb_stats(w->db, &stats);
	assert_int_equal(stats.series, 1857);
	assert_int_equal(stats.samples_appended, 18570);
	free(text);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(samples_carry_the_scrapes_time),
		WORLD_TEST(what_vanishes_ends_and_may_come_back),
		WORLD_TEST(the_order_of_lines_does_not_matter),
		WORLD_TEST(a_fault_writes_nothing_of_the_body_and_ends_all),
		WORLD_TEST(own_timestamps_are_kept_and_get_no_stale_marker),
		WORLD_TEST(timestamps_are_ignored_where_the_file_says_so),
		WORLD_TEST(samples_far_ahead_or_out_of_order_are_dropped_alone),
		WORLD_TEST(the_same_line_twice_counts_once),
		WORLD_TEST(the_targets_labels_win_unless_honor_labels),
		WORLD_TEST(an_empty_label_keeps_the_targets_out_with_honor_labels),
		WORLD_TEST(a_label_that_stands_twice_fails_the_scrape),
		WORLD_TEST(the_sample_limit_fails_the_scrape_and_counts_on),
		WORLD_TEST(labels_past_a_limit_fail_the_scrape),
		WORLD_TEST(limits_are_for_what_relabelling_leaves),
		WORLD_TEST(timestamps_may_be_tracked_for_staleness),
		WORLD_TEST(a_full_store_fails_the_scrape_as_a_whole),
		WORLD_TEST(relabelling_renames_and_drops_before_the_store),
		WORLD_TEST(names_may_be_left_out),
		WORLD_TEST(a_body_of_millions_is_refused_although_relabelling_might_drop_it),
		WORLD_TEST(a_sample_that_lost_its_name_fails_the_scrape),
		WORLD_TEST(two_lines_may_become_one_series),
		WORLD_TEST(other_rules_end_what_they_no_longer_make),
		WORLD_TEST(metadata_is_kept_and_forgotten),
		WORLD_TEST(survives_memory_running_out),
		WORLD_TEST(the_collected_text_is_read_the_same_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
