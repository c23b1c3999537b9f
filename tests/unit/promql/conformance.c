/*
 * Runs Prometheus's own query tests (promql/promqltest/testdata) on the real sample store.
 *
 * Every instant query is run a second time as the middle step of a range query. Skipped, counted
 * and told: queries that read a native histogram that the file loads or expects one, and those
 * that promql_check_evaluable() refuses. Names are dropped at once, as Prometheus does by default;
 * the files that assume it to be delayed are not among the data.
 */
#include "harness.h"

#include <ctype.h>
#include <glob.h>
#include <math.h>
#include "base/num.h"
#include "model/duration.h"
#include "promql/promql.h"

#define TOLERANCE      1e-6
#define LOOK_AROUND_MS 60000

struct values {
	double *v; /* the stale marker where the file says _ */
	bool *omitted;
	size_t n, cap, omitted_cap;
	bool histogram;
};

struct series_def {
	struct labels *labels;
	struct values values;
};

struct series_defs {
	struct series_def *v;
	size_t n, cap;
};

struct block {
	bool range, ordered, fails, no_info, no_warn, info, warn, has_scalar, has_string, histogram;
	int64_t start_ms, end_ms, step_ms;
	const char *expr;
	char fail_msg[400];
	double scalar;
	char string[200];
	struct series_defs expected;
	unsigned line;
};

struct run {
	const char *file;
	struct tsdb *db;
	struct series_defs histograms; /* native ones that were loaded */
	size_t passed, failed, skipped_histogram, skipped_experimental;
};

/* -- reading --------------------------------------------------------------------------------- */

static int64_t read_time(const char *s)
{
	size_t len = strcspn(s, " \t");
	double seconds;
	int64_t ms;

	if (!duration_parse(s + (*s == '-'), len - (*s == '-'), &ms))
		return *s == '-' ? -ms : ms;
	assert_int_equal(num_parse(s, len, &seconds), 0);
	return llround(seconds * 1000);
}

static void add_value(struct values *values, double v, bool omitted)
{
	assert_true(vec_reserve(values->v, values->n, values->cap));
	assert_true(vec_reserve(values->omitted, values->n, values->omitted_cap));
	values->v[values->n] = v;
	values->omitted[values->n++] = omitted;
}

/* A number at s; *ret_len tells how long it was. */
static double read_number(const char *s, size_t *ret_len)
{
	double v = 0;

	/* The longest that is one: in 1e+2x3 and 1+2x3 the signs mean different things. */
	for (size_t len = strcspn(s, " \tx"); len > 0; len--) {
		if (!num_parse(s, len, &v)) {
			*ret_len = len;
			return v;
		}
	}
	fail_msg("no number: %s", s);
	return 0;
}

/* One item: 1, 1x3, 1+2x3, _, _x3, stale. */
static void read_item(const char *s, struct values *values)
{
	double v, increment = 0;
	size_t len;
	long times = 0;

	if (*s == '_') {
		times = s[1] == 'x' ? strtol(s + 2, NULL, 10) : 1;
		for (long i = 0; i < times; i++)
			add_value(values, 0, true);
		return;
	}
	if (starts_with(s, "stale")) {
		add_value(values, stale_nan(), false);
		return;
	}
	v = read_number(s, &len);
	s += len;
	if (*s == '+' || *s == '-') {
		increment = read_number(s, &len);
		s += len;
	}
	if (*s == 'x')
		times = strtol(s + 1, NULL, 10);
	for (long i = 0; i <= times; i++) {
		add_value(values, v, false);
		v += increment;
	}
}

static void read_values(const char *s, struct values *values)
{
	values->histogram = strstr(s, "{{") != NULL;
	while (!values->histogram) {
		s += strspn(s, " \t");
		if (!*s)
			return;
		read_item(s, values);
		s += strcspn(s, " \t");
	}
}

static void take_matchers(const struct matcher *const *matchers, size_t n, void *userdata)
{
	struct labels_builder *b = userdata;

	for (size_t i = 0; i < n; i++)
		labels_builder_set(b, matchers[i]->name, matchers[i]->value);
}

/* A series is written as a selector is. */
static struct labels *read_labels(const char *text)
{
	scoped(promql_freep) struct promql_expr *expr = NULL;
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct promql_error err;
	struct labels *labels;

	if (streq(text, "{}"))
		return labels_empty();
	if (promql_parse(text, &expr, &err))
		fail_msg("%s: %s", text, err.text);
	promql_selectors(expr, take_matchers, &b);
	assert_int_equal(labels_build(&b, &labels), 0);
	return labels;
}

/* Where the series ends and its values begin. */
static size_t series_len(const char *s)
{
	char quote = '\0';
	bool braces = false;
	size_t i;

	for (i = 0; s[i]; i++) {
		if (quote) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == quote)
				quote = '\0';
		} else if (braces && (s[i] == '"' || s[i] == '\'' || s[i] == '`')) {
			quote = s[i];
		} else if (s[i] == '{' && s[i + 1] != '{') {
			braces = true;
		} else if (s[i] == '}') {
			braces = false;
		} else if (!braces && isspace((unsigned char)s[i])) {
			break;
		}
	}
	return i;
}

/* Of two lines with one series in a block the later counts. */
static void add_def(struct series_defs *defs, const char *line)
{
	size_t len = series_len(line), i;
	char *name = strndup(line, len);
	struct series_def def = { 0 };

	assert_non_null(name);
	def.labels = read_labels(name);
	free(name);
	read_values(line + len, &def.values);
	for (i = 0; i < defs->n; i++) {
		if (labels_equal(defs->v[i].labels, def.labels))
			break;
	}
	if (i == defs->n) {
		assert_true(vec_reserve(defs->v, defs->n, defs->cap));
		defs->n++;
	} else {
		labels_unref(defs->v[i].labels);
		free(defs->v[i].values.v);
		free(defs->v[i].values.omitted);
	}
	defs->v[i] = def;
}

static void release_defs(struct series_defs *defs)
{
	for (size_t i = 0; i < defs->n; i++) {
		labels_unref(defs->v[i].labels);
		free(defs->v[i].values.v);
		free(defs->v[i].values.omitted);
	}
	free(defs->v);
	*defs = (struct series_defs){ 0 };
}

/* -- load ------------------------------------------------------------------------------------ */

static void note_histogram(struct run *run, const struct labels *labels)
{
	struct series_defs *h = &run->histograms;

	assert_true(vec_reserve(h->v, h->n, h->cap));
	h->v[h->n++] = (struct series_def){ .labels = labels_ref(labels) };
}

/* load_with_nhcb also makes a native histogram of the buckets. */
static void note_custom_buckets(struct run *run, const struct labels *labels)
{
	const char *name = labels_get(labels, LABEL_NAME);
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *made;
	size_t len = name ? strlen(name) : 0;

	if (len < 7 || !streq(name + len - 7, "_bucket"))
		return;
	labels_builder_add(&b, labels);
	labels_builder_setn(&b, LABEL_NAME, strlen(LABEL_NAME), name, len - 7);
	labels_builder_del(&b, "le");
	assert_int_equal(labels_build(&b, &made), 0);
	note_histogram(run, made);
	labels_unref(made);
}

static void load(struct run *run, struct series_defs *defs, int64_t step_ms, bool nhcb)
{
	for (size_t i = 0; i < defs->n; i++) {
		const struct series_def *def = &defs->v[i];
		struct series *series;

		if (nhcb)
			note_custom_buckets(run, def->labels);
		if (def->values.histogram) {
			note_histogram(run, def->labels);
			continue;
		}
		assert_int_equal(tsdb_series(run->db, def->labels, &series), 0);
		for (size_t k = 0; k < def->values.n; k++) {
			if (!def->values.omitted[k])
				assert_int_equal(tsdb_append(run->db, series, (int64_t)k * step_ms,
							 def->values.v[k]),
					0);
		}
		series_unref(series);
	}
	release_defs(defs);
}

static void clear(struct run *run)
{
	tsdb_free(run->db);
	run->db = NULL;
	assert_int_equal(tsdb_new(&TSDB_OPTIONS_DEFAULT, &run->db), 0);
	release_defs(&run->histograms);
}

/* -- eval ------------------------------------------------------------------------------------ */

static bool almost_equal(double a, double b)
{
	const double smallest = 2.2250738585072014e-308;
	double sum = fabs(a) + fabs(b), difference = fabs(a - b);

	if ((isnan(a) && isnan(b)) || a == b)
		return true;
	if (a == 0 || b == 0 || sum < smallest)
		return difference < TOLERANCE * smallest;
	return difference / fmin(sum, 1.7976931348623157e308) < TOLERANCE;
}

static bool points_equal(const struct block *b, const struct series_def *expected,
	const struct promql_series *got, int64_t at_ms)
{
	size_t k = 0;

	if (!b->range) {
		for (k = 0; k < got->n && got->points[k].wall_ms != at_ms; k++)
			;
		return k < got->n && expected->values.n == 1 &&
		       almost_equal(expected->values.v[0], got->points[k].value);
	}
	for (size_t i = 0; i < expected->values.n; i++) {
		int64_t t = b->start_ms + (int64_t)i * b->step_ms;

		if (t > b->end_ms || expected->values.omitted[i])
			continue;
		if (k == got->n || got->points[k].wall_ms != t ||
			!almost_equal(expected->values.v[i], got->points[k].value))
			return false;
		k++;
	}
	return k == got->n;
}

/* Series of the answer that have a value at that time. */
static bool present(const struct block *b, const struct promql_series *s, int64_t at_ms)
{
	for (size_t k = 0; k < s->n; k++) {
		if (b->range || s->points[k].wall_ms == at_ms)
			return true;
	}
	return false;
}

static bool matches(const struct block *b, const struct promql_result *r, int64_t at_ms)
{
	const struct series_defs *e = &b->expected;
	size_t n = 0, i;

	for (size_t s = 0; s < r->n; s++) {
		if (!present(b, &r->series[s], at_ms))
			continue;
		for (i = b->ordered ? n : 0; i < e->n; i++) {
			if (labels_equal(e->v[i].labels, r->series[s].labels))
				break;
			if (b->ordered)
				return false;
		}
		if (i >= e->n || !points_equal(b, &e->v[i], &r->series[s], at_ms))
			return false;
		n++;
	}
	return n == e->n;
}

static bool answers_as_expected(const struct block *b, const struct promql_result *r, int64_t at_ms)
{
	if (b->has_string)
		return r->type == PROMQL_STRING && streq(r->text, b->string);
	if (b->has_scalar && !b->range) {
		for (size_t k = 0; r->n == 1 && k < r->series[0].n; k++) {
			if (r->series[0].points[k].wall_ms == at_ms)
				return almost_equal(r->series[0].points[k].value, b->scalar);
		}
		return false;
	}
	return matches(b, r, at_ms);
}

static bool notes_as_expected(const struct block *b, const struct promql_result *r)
{
	if ((b->no_info && r->n_infos) || (b->no_warn && r->n_warnings))
		return false;
	return !(b->info && !r->n_infos) && !(b->warn && !r->n_warnings);
}

static void describe(const struct promql_result *r)
{
	for (size_t s = 0; s < r->n; s++) {
		struct strbuf text = STRBUF_INIT;

		labels_format(r->series[s].labels, &text);
		for (size_t k = 0; k < r->series[s].n; k++) {
			char number[NUM_MAX];

			num_format(number, r->series[s].points[k].value);
			strbuf_addf(&text, " %s@%lld", number,
				(long long)r->series[s].points[k].wall_ms);
		}
		printf("    got %s\n", text.s);
		strbuf_release(&text);
	}
	for (size_t i = 0; i < r->n_infos; i++)
		printf("    %s\n", r->infos[i]);
	for (size_t i = 0; i < r->n_warnings; i++)
		printf("    %s\n", r->warnings[i]);
}

/* As promqltest does: the instant in the middle of a range gives the same values. */
static bool range_agrees(
	const struct run *run, const struct block *b, const struct promql_expr *expr)
{
	struct promql_result result;
	struct promql_error err;
	bool good;
	int status;

	if (b->range || b->ordered || promql_type(expr) == PROMQL_STRING ||
		promql_type(expr) == PROMQL_MATRIX)
		return true;
	status = promql_eval_range(expr, run->db, b->start_ms - LOOK_AROUND_MS,
		b->start_ms + LOOK_AROUND_MS, LOOK_AROUND_MS, NULL, &result, &err);
	if (status) {
		printf("    as a range: %s\n", err.text);
		return false;
	}
	good = answers_as_expected(b, &result, b->start_ms);
	if (!good) {
		printf("    as a range:\n");
		describe(&result);
	}
	promql_result_release(&result);
	return good;
}

static bool eval_agrees(
	const struct run *run, const struct block *b, const struct promql_expr *expr)
{
	struct promql_result result;
	struct promql_error err;
	bool good;
	int status;

	if (b->range)
		status = promql_eval_range(
			expr, run->db, b->start_ms, b->end_ms, b->step_ms, NULL, &result, &err);
	else
		status = promql_eval(expr, run->db, b->start_ms, NULL, &result, &err);
	if (status) {
		good = b->fails && (!*b->fail_msg || strstr(err.text, b->fail_msg));
		if (!good)
			printf("    error: %s\n", err.text);
		return good;
	}
	good = !b->fails && answers_as_expected(b, &result, b->start_ms) &&
	       notes_as_expected(b, &result);
	if (!good)
		describe(&result);
	promql_result_release(&result);
	return good && range_agrees(run, b, expr);
}

struct histogram_search {
	const struct run *run;
	bool found;
};

static void find_histogram(const struct matcher *const *matchers, size_t n, void *userdata)
{
	struct histogram_search *search = userdata;

	for (size_t i = 0; i < search->run->histograms.n; i++)
		search->found |= matchers_match(matchers, n, search->run->histograms.v[i].labels);
}

static void eval_block(struct run *run, const struct block *b)
{
	scoped(promql_freep) struct promql_expr *expr = NULL;
	struct histogram_search search = { .run = run, .found = b->histogram };
	struct promql_error err;
	bool good;

	if (promql_parse(b->expr, &expr, &err)) {
		good = b->fails;
		if (!good)
			printf("    %s\n", err.text);
	} else {
		promql_selectors(expr, find_histogram, &search);
		if (search.found) {
			run->skipped_histogram++;
			return;
		}
		if (promql_check_evaluable(expr, &err)) {
			run->skipped_experimental++;
			return;
		}
		good = eval_agrees(run, b, expr);
	}
	run->passed += good;
	run->failed += !good;
	if (!good)
		printf("FAILED %s:%u: %s\n", run->file, b->line, b->expr);
}

/* -- the file -------------------------------------------------------------------------------- */

static char *next_word(char **s)
{
	char *word = *s + strspn(*s, " \t");

	*s = word + strcspn(word, " \t");
	if (**s)
		*(*s)++ = '\0';
	*s += strspn(*s, " \t");
	return word;
}

/* instant at 5m EXPR, or: range from 0 to 5m step 1m EXPR */
static void read_eval(char *s, struct block *b)
{
	b->range = streq(next_word(&s), "range");
	next_word(&s);
	b->start_ms = read_time(next_word(&s));
	if (b->range) {
		next_word(&s);
		b->end_ms = read_time(next_word(&s));
		next_word(&s);
		b->step_ms = read_time(next_word(&s));
	}
	b->expr = s;
}

static void read_expectation(char *s, struct block *b)
{
	char *word = next_word(&s);
	size_t len = strlen(s);

	b->fails |= streq(word, "fail");
	b->ordered |= streq(word, "ordered");
	b->info |= streq(word, "info");
	b->warn |= streq(word, "warn");
	b->no_info |= streq(word, "no_info");
	b->no_warn |= streq(word, "no_warn");
	if (b->fails && starts_with(s, "msg:"))
		snprintf(b->fail_msg, sizeof(b->fail_msg), "%s", s + 4 + strspn(s + 4, " "));
	if (streq(word, "string")) {
		b->has_string = true;
		snprintf(b->string, sizeof(b->string), "%.*s", (int)len - 2, s + 1);
	}
}

static void read_expected(char *line, struct block *b)
{
	if (starts_with(line, "expect ")) {
		read_expectation(line + 7, b);
	} else if (!num_parse(line, strlen(line), &b->scalar)) {
		b->has_scalar = true;
	} else {
		add_def(&b->expected, line);
		b->histogram |= b->expected.v[b->expected.n - 1].values.histogram;
	}
}

struct reader {
	char *at;
	unsigned line;
};

/*
 * The next line without blanks at its ends; NULL at the file's end. A comment is an empty line, and
 * ends a block as one does.
 */
static char *next_line(struct reader *r, bool *ret_empty)
{
	char *line, *end;

	if (!*r->at)
		return NULL;
	line = r->at + strspn(r->at, " \t");
	end = line + strcspn(line, "\n");
	r->at = end + (*end != '\0');
	r->line++;
	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	*ret_empty = !*line || *line == '#';
	return line;
}

static void run_block(struct run *run, struct reader *reader, char *line)
{
	struct block b = { .line = reader->line };
	struct series_defs defs = { 0 };
	bool empty = false, is_load = starts_with(line, "load");
	char *command = next_word(&line), *item;

	if (streq(command, "clear")) {
		clear(run);
		return;
	}
	b.fails = streq(command, "eval_fail");
	b.ordered = streq(command, "eval_ordered");
	if (!is_load)
		read_eval(line, &b);
	while ((item = next_line(reader, &empty)) && !empty) {
		if (is_load)
			add_def(&defs, item);
		else
			read_expected(item, &b);
	}
	if (is_load)
		load(run, &defs, read_time(line), streq(command, "load_with_nhcb"));
	else
		eval_block(run, &b);
	release_defs(&b.expected);
}

static void run_file(const char *path, struct run *total)
{
	struct run run = { .file = strrchr(path, '/') + 1 };
	char *text = read_file(path, NULL), *line;
	struct reader reader = { .at = text };
	bool empty;

	clear(&run);
	while ((line = next_line(&reader, &empty))) {
		if (!empty)
			run_block(&run, &reader, line);
	}
	printf("%-22s %4zu passed, %zu failed; skipped: %zu native histograms, %zu not evaluated\n",
		run.file, run.passed, run.failed, run.skipped_histogram, run.skipped_experimental);
	total->passed += run.passed;
	total->failed += run.failed;
	total->skipped_histogram += run.skipped_histogram;
	total->skipped_experimental += run.skipped_experimental;
	release_defs(&run.histograms);
	tsdb_free(run.db);
	free(text);
}

static void answers_as_prometheus_does(void **state)
{
	const char *dir = conformance_dir();
	struct run total = { 0 };
	char pattern[512];
	glob_t files;

	if (!dir)
		skip();
	snprintf(pattern, sizeof(pattern), "%s/promql/*.test", dir);
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		run_file(files.gl_pathv[i], &total);
	globfree(&files);
	printf("all: %zu passed, %zu failed; skipped: %zu native histograms, %zu not evaluated\n",
		total.passed, total.failed, total.skipped_histogram, total.skipped_experimental);
	assert_int_equal(total.failed, 0);
	assert_true(total.passed > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_as_prometheus_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
