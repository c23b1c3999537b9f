/*
 * test_file.c - rule unit tests, read by tables of their keys.
 *
 * The rule files they name become the groups of a configuration, so that the rules are the very ones
 * that the daemon would run.
 */
#include "config/test_file.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include "base/num.h"
#include "config/schema.h"
#include "model/timestamp.h"

#define DEFAULT_INTERVAL_MS (60 * 1000ll)
/* As nanoseconds, a start must fit 64 bits. */
#define MAX_START_S 9000000000ll

/* What is read beside the struct, and where the texts go. */
struct file_reader {
	struct reader r; /* the first: readers of keys get only this */
	struct test_file *file;
	const struct tree_node *eval_order;
};

static struct file_reader *file_reader(struct reader *r)
{
	return container_of(r, struct file_reader, r);
}

/* Room for one more in an array of the file's arena, or false with memory out remembered. */
#define reserve(r_, items_, n_, cap_)                                                              \
	(arena_reserve(&(r_)->config->arena, items_, n_, cap_) || (reader_no_memory(r_), false))

/*
 * Calls read_one for each mapping of a list, with `schema` read into a zeroed struct by it. Items that
 * are no mappings are told and left out; `{}` is one.
 */
typedef void item_fn(struct reader *r, const struct tree_node *node, void *out);

static void each_mapping(
	struct reader *r, const struct tree_pair *pair, const char *what, item_fn *fn, void *out)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++) {
		const struct tree_node *item = pair->value->items[i];

		if (item->kind == TREE_MAP || item->null)
			fn(r, item, out);
		else
			diag_error(r->diag, item->pos, "%s must be a mapping, not %s", what,
				tree_describe(item));
	}
}

/* Numbers as YAML writes them: also .inf and .nan. */
static void read_value(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct test_sample *sample = out;
	const char *s = pair->value->kind == TREE_SCALAR ? pair->value->text.s : NULL;
	char word[8] = "";
	size_t sign;

	if (pair->value->null)
		return;
	if (s && pair->value->plain) {
		sign = *s == '-' || *s == '+';
		if (s[sign] == '.' && strlen(s) == sign + 4) {
			memcpy(word, s, sign);
			memcpy(word + sign, s + sign + 1, 4);
			s = word;
		}
		if (!num_parse(s, strlen(s), &sample->value))
			return;
	}
	diag_error(r->diag, pair->value->pos, "'value' must be a number, not %s%s",
		s && !pair->value->plain ? "a number in quotes: " : "",
		s ? pair->value->text.s : tree_describe(pair->value));
}

static const struct schema_key sample_keys[] = {
	SERVED("labels", S_TEXT, struct test_sample, labels),
	CUSTOM("value", read_value),
	SERVED("histogram", S_TEXT, struct test_sample, histogram),
};
static const struct schema sample_schema = SCHEMA("an item of exp_samples", sample_keys, NULL);

static void read_sample(struct reader *r, const struct tree_node *node, void *out)
{
	struct test_expr_case *expr = out;
	struct test_sample sample = { .pos = node->pos };

	schema_read(r, &sample_schema, node, &sample);
	if (reserve(r, expr->samples, expr->n, expr->cap))
		expr->samples[expr->n++] = sample;
}

static void read_samples(struct reader *r, const struct tree_pair *pair, void *out)
{
	each_mapping(r, pair, sample_schema.what, read_sample, out);
}

static const struct schema_key expr_case_keys[] = {
	SERVED("expr", S_TEXT, struct test_expr_case, expr),
	SERVED("eval_time", S_DURATION, struct test_expr_case, eval_time_ms),
	CUSTOM("exp_samples", read_samples),
};
static const struct schema expr_case_schema =
	SCHEMA("an item of promql_expr_test", expr_case_keys, NULL);

static void read_expr_case(struct reader *r, const struct tree_node *node, void *out)
{
	struct test_group *test = out;
	struct test_expr_case expr = { .pos = node->pos };

	schema_read(r, &expr_case_schema, node, &expr);
	if (!text_set(&expr.expr))
		diag_error(r->diag, node->pos, "an item of promql_expr_test needs an 'expr'");
	if (reserve(r, test->expr_cases, test->n_expr_cases, test->cap_expr_cases))
		test->expr_cases[test->n_expr_cases++] = expr;
}

static void read_expr_cases(struct reader *r, const struct tree_pair *pair, void *out)
{
	each_mapping(r, pair, expr_case_schema.what, read_expr_case, out);
}

static const struct schema_key alert_keys[] = {
	SERVED("exp_labels", S_PAIRS, struct test_alert, labels),
	SERVED("exp_annotations", S_PAIRS, struct test_alert, annotations),
};
static const struct schema alert_schema = SCHEMA("an item of exp_alerts", alert_keys, NULL);

static void read_alert(struct reader *r, const struct tree_node *node, void *out)
{
	struct test_alert_case *alert_case = out;
	struct test_alert alert = { .pos = node->pos };

	schema_read(r, &alert_schema, node, &alert);
	if (reserve(r, alert_case->alerts, alert_case->n, alert_case->cap))
		alert_case->alerts[alert_case->n++] = alert;
}

static void read_alerts(struct reader *r, const struct tree_pair *pair, void *out)
{
	each_mapping(r, pair, alert_schema.what, read_alert, out);
}

static const struct schema_key alert_case_keys[] = {
	SERVED("eval_time", S_DURATION, struct test_alert_case, eval_time_ms),
	SERVED("alertname", S_TEXT, struct test_alert_case, alertname),
	CUSTOM("exp_alerts", read_alerts),
};
static const struct schema alert_case_schema =
	SCHEMA("an item of alert_rule_test", alert_case_keys, NULL);

static void read_alert_case(struct reader *r, const struct tree_node *node, void *out)
{
	struct test_group *test = out;
	struct test_alert_case alert = { .pos = node->pos };

	schema_read(r, &alert_case_schema, node, &alert);
	if (!text_set(&alert.alertname))
		diag_error(r->diag, node->pos, "an item of alert_rule_test needs an 'alertname'");
	if (reserve(r, test->alert_cases, test->n_alert_cases, test->cap_alert_cases))
		test->alert_cases[test->n_alert_cases++] = alert;
}

static void read_alert_cases(struct reader *r, const struct tree_pair *pair, void *out)
{
	each_mapping(r, pair, alert_case_schema.what, read_alert_case, out);
}

static const struct schema_key series_keys[] = {
	SERVED("series", S_TEXT, struct test_series, series),
	SERVED("values", S_TEXT, struct test_series, values),
};
static const struct schema series_schema = SCHEMA("an item of input_series", series_keys, NULL);

static void read_one_series(struct reader *r, const struct tree_node *node, void *out)
{
	struct test_group *test = out;
	struct test_series series = { .pos = node->pos };

	schema_read(r, &series_schema, node, &series);
	if (!text_set(&series.series))
		diag_error(r->diag, node->pos, "an item of input_series needs a 'series'");
	if (reserve(r, test->series, test->n_series, test->cap_series))
		test->series[test->n_series++] = series;
}

static void read_series(struct reader *r, const struct tree_pair *pair, void *out)
{
	each_mapping(r, pair, series_schema.what, read_one_series, out);
}

/* Unix seconds or RFC 3339. */
static void read_start(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct test_group *test = out;
	struct config_text text;
	double seconds;
	int64_t ms;

	if (pair->value->null || !reader_text(r, pair, &text))
		return;
	if (timestamp_parse_rfc3339(text.s, strlen(text.s), &ms)) {
		if (num_parse(text.s, strlen(text.s), &seconds) || !(fabs(seconds) < MAX_START_S))
			ms = INT64_MAX;
		else
			ms = (int64_t)(seconds * 1000);
	}
	if (ms >= -MAX_START_S * 1000 && ms <= MAX_START_S * 1000)
		test->start_wall_ms = ms;
	else
		diag_error(r->diag, text.pos,
			"'start_timestamp' must be seconds since 1970 or a time like "
			"2024-01-01T00:00:00Z, within 280 years of 1970");
}

static const struct schema_key test_keys[] = {
	SERVED("name", S_TEXT, struct test_group, name),
	SERVED("interval", S_DURATION, struct test_group, interval_ms),
	CUSTOM("input_series", read_series),
	CUSTOM("alert_rule_test", read_alert_cases),
	CUSTOM("promql_expr_test", read_expr_cases),
	SERVED("external_labels", S_PAIRS, struct test_group, external_labels),
	SERVED("external_url", S_TEXT, struct test_group, external_url),
	CUSTOM("start_timestamp", read_start),
};
static const struct schema test_schema = SCHEMA("an item of tests", test_keys, NULL);

static void read_test(struct reader *r, const struct tree_node *node, void *out)
{
	struct test_file *file = out;
	struct test_group test = { .pos = node->pos };

	schema_read(r, &test_schema, node, &test);
	if (!text_set(&test.name))
		test.name.s = NULL;
	if (reserve(r, file->tests, file->n_tests, file->cap_tests))
		file->tests[file->n_tests++] = test;
}

static void read_tests(struct reader *r, const struct tree_pair *pair, void *out)
{
	each_mapping(r, pair, test_schema.what, read_test, out);
}

static void read_rule_file(struct reader *r, const char *path, const struct tree_node *node)
{
	struct source *source;

	if (map_gets(&r->read_files, path))
		return;
	if (map_puts(&r->read_files, path, r))
		reader_no_memory(r);
	else if (reader_open(r, path, node->pos, &source))
		config_read_rule_source(r, source);
}

/* Patterns may have their stars anywhere, which settings do not allow. */
static void read_rule_pattern(struct reader *r, const struct tree_node *node)
{
	struct config_text text;
	glob_t found = { 0 };
	char *path;
	int err;

	if (!reader_item_text(r, "rule_files", node, &text))
		return;
	path = reader_path(r, node);
	if (!path)
		return;
	err = glob(path, 0, NULL, &found);
	if (err == GLOB_NOSPACE)
		reader_no_memory(r);
	else if (err == GLOB_NOMATCH)
		diag_warning(r->diag, node->pos, "no rule file matches '%s'", path);
	else if (err)
		diag_error(r->diag, node->pos, "cannot search '%s': %s", path, strerror(errno));
	for (size_t i = 0; !err && i < found.gl_pathc; i++)
		read_rule_file(r, found.gl_pathv[i], node);
	globfree(&found);
}

static void read_rule_files(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++)
		read_rule_pattern(r, pair->value->items[i]);
}

static void read_eval_order(struct reader *r, const struct tree_pair *pair, void *out)
{
	if (reader_list(r, pair))
		file_reader(r)->eval_order = pair->value;
}

static const struct schema_key file_keys[] = {
	CUSTOM("rule_files", read_rule_files),
	SERVED("evaluation_interval", S_DURATION, struct test_file, evaluation_interval_ms),
	CUSTOM("group_eval_order", read_eval_order),
	SERVED("fuzzy_compare", S_BOOL, struct test_file, fuzzy_compare),
	CUSTOM("tests", read_tests),
};
static const struct schema file_schema = SCHEMA("a file of rule unit tests", file_keys, NULL);

/* Where a group stands in group_eval_order; those that it does not name come with the first. */
static size_t order_of(const struct tree_node *order, const struct config_group *group)
{
	for (size_t i = 0; i < order->n; i++) {
		if (order->items[i]->kind == TREE_SCALAR &&
			streq(order->items[i]->text.s, group->name.s))
			return i;
	}
	return 0;
}

static void check_order(struct reader *r, const struct tree_node *order)
{
	const struct config *c = r->config;
	struct config_text text;

	for (size_t i = 0; i < order->n; i++) {
		bool known = false;

		if (!reader_item_text(r, "group_eval_order", order->items[i], &text))
			continue;
		for (size_t k = 0; k < i; k++) {
			if (tree_equal(order->items[i], order->items[k]))
				diag_error(r->diag, text.pos,
					"group name repeated in evaluation order: %s", text.s);
		}
		for (size_t g = 0; g < c->n_groups; g++)
			known = known || streq(c->groups[g].name.s, text.s);
		if (!known)
			diag_warning(r->diag, text.pos, "no rule file has a group '%s'", text.s);
	}
}

/* An insertion sort, because equal ones must stay in the order of the files. */
static void sort_groups(struct reader *r, const struct tree_node *order)
{
	struct config_group *groups = r->config->groups;

	for (size_t i = 1; i < r->config->n_groups; i++) {
		struct config_group group = groups[i];
		size_t k = i;

		for (; k && order_of(order, &groups[k - 1]) > order_of(order, &group); k--)
			groups[k] = groups[k - 1];
		groups[k] = group;
	}
}

static void set_defaults(struct test_file *file)
{
	if (!file->evaluation_interval_ms)
		file->evaluation_interval_ms = DEFAULT_INTERVAL_MS;
	/* The tests' interval rules: as in promtool, a group's own has no say. */
	for (size_t i = 0; i < file->config->n_groups; i++)
		file->config->groups[i].interval_ms = DEFAULT_INTERVAL_MS;
	for (size_t i = 0; i < file->n_tests; i++) {
		if (!file->tests[i].interval_ms)
			file->tests[i].interval_ms = file->evaluation_interval_ms;
	}
}

static void read_file(struct file_reader *f, const char *path)
{
	struct reader *r = &f->r;
	struct tree_node *root = NULL;
	struct source *source;
	int err;

	if (!reader_open(r, path, (struct pos){ 0 }, &source))
		return;
	err = tree_parse(source, &r->trees, r->diag, &root);
	if (err == -ENOMEM)
		reader_no_memory(r);
	if (err)
		return;
	if (root)
		schema_read(r, &file_schema, root, f->file);
	if (f->eval_order) {
		check_order(r, f->eval_order);
		sort_groups(r, f->eval_order);
	}
	set_defaults(f->file);
}

static struct config *config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config)
		config->refs = 1;
	return config;
}

int test_file_load(const char *path, struct test_file **ret, struct diag *diag)
{
	scoped(test_file_freep) struct test_file *file = calloc(1, sizeof(*file));
	struct file_reader f = { .r.diag = diag, .file = file };
	size_t errors = diag->errors;

	if (!file || !(file->config = config_new()))
		return -ENOMEM;
	f.r.config = file->config;
	read_file(&f, path);
	arena_release(&f.r.trees);
	map_release(&f.r.read_files);
	if (f.r.err)
		return f.r.err;
	if (diag->errors > errors)
		return -EINVAL;
	*ret = TAKE(file);
	return 0;
}

void test_file_free(struct test_file *file)
{
	if (!file)
		return;
	config_unref(file->config);
	free(file);
}

int test_file_config(
	const struct test_file *file, const struct test_group *test, struct config **ret)
{
	struct config *config = config_new();

	if (!config)
		return -ENOMEM;
	config->global.evaluation_interval_ms = file->evaluation_interval_ms;
	config->global.external_labels = test->external_labels;
	config->groups = file->config->groups;
	config->n_groups = file->config->n_groups;
	*ret = config;
	return 0;
}
