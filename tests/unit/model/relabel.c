/* Relabelling: what each action does, what a rule must not say, and memory that runs out. */
#include "harness.h"

#include "model/intern.h"
#include "model/relabel.h"

#define MAX_RULES 3
#define SOURCES(...)                                                                               \
	.source_labels = (const char *const[]){ __VA_ARGS__ },                                     \
	.n_source_labels = ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ }))

/* "a=1,b=2" */
static void add_labels(struct labels_builder *b, const char *text)
{
	for (const char *end; *text; text = *end ? end + 1 : end) {
		const char *equals = strchr(text, '=');

		end = text + strcspn(text, ",");
		labels_builder_setn(
			b, text, (size_t)(equals - text), equals + 1, (size_t)(end - equals - 1));
	}
}

static void format_labels(const struct labels *labels, struct strbuf *out)
{
	for (unsigned i = 0; i < labels->n; i++)
		strbuf_addf(out, "%s%s=%s", i ? "," : "", labels->v[i].name, labels->v[i].value);
}

static struct relabel_rule *rule(const struct relabel_settings *settings)
{
	struct relabel_rule *made = NULL;
	const char *key = NULL;
	char error[300] = "";

	if (relabel_rule_new(settings, &made, &key, error, sizeof(error)))
		fail_msg("%s: %s", key, error);
	return made;
}

struct row {
	const char *in, *out; /* out NULL: dropped */
	struct relabel_settings rules[MAX_RULES];
	size_t n;
};

static void check_row(const struct row *row)
{
	struct relabel_rule *rules[MAX_RULES] = { 0 };
	struct labels_builder b = LABELS_BUILDER_INIT;
	scoped(labels_unrefp) struct labels *labels = NULL;
	struct strbuf out = STRBUF_INIT;
	size_t n = row->n ? row->n : 1;
	bool kept;

	for (size_t i = 0; i < n; i++)
		rules[i] = rule(&row->rules[i]);
	add_labels(&b, row->in);
	kept = relabel_apply(rules, n, &b);
	assert_int_equal(labels_build(&b, &labels), 0);
	format_labels(labels, &out);
	if (kept != (row->out != NULL) || (kept && !streq(out.s, row->out)))
		fail_msg("%s: wanted %s, got %s", row->in, row->out ? row->out : "a drop",
			kept ? out.s : "a drop");
	strbuf_release(&out);
	for (size_t i = 0; i < n; i++)
		relabel_rule_free(rules[i]);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);
}

static void replace_writes_what_the_expression_found(void **state)
{
	const struct row rows[] = {
		/* The defaults: all of the joined values, as they are. */
		{ "a=1,b=2", "a=1,b=2,c=1;2", { { SOURCES("a", "b"), .target_label = "c" } }, 0 },
		{ "a=1", "a=1,c=1//1",
			{ { SOURCES("a", "none", "a"), .separator = "/", .target_label = "c" } },
			0 },
		{ "a=1", "a=1,c=11",
			{ { SOURCES("a", "a"), .separator = "", .target_label = "c" } }, 0 },
		/* A constant. */
		{ "a=1", "a=1,c=x", { { .target_label = "c", .replacement = "x" } }, 0 },
		{ "a=host:9100", "a=host",
			{ { SOURCES("a"), .regex = "([^:]+):.*", .target_label = "a" } }, 0 },
		{ "a=x-y", "a=x-y,b=y/x/y",
			{ { SOURCES("a"), .regex = "(?P<l>.)-(.)", .target_label = "b",
				.replacement = "$2/${l}/${2}" } },
			0 },
		/* Anchored at both ends, and a dot is a newline too. */
		{ "a=xay", "a=xay", { { SOURCES("a"), .regex = "a", .target_label = "b" } }, 0 },
		{ "a=x\ny", "a=x\ny,b=1",
			{ { SOURCES("a"), .regex = "x.y", .target_label = "b",
				.replacement = "1" } },
			0 },
		/* Nothing found to write: the label goes. */
		{ "a=1,b=2", "a=1", { { SOURCES("a"), .target_label = "b", .replacement = "" } },
			0 },
		{ "a=1,b=2", "a=1", { { SOURCES("none"), .target_label = "b" } }, 0 },
		/* An empty expression matches the empty text only. */
		{ "a=1", "a=1",
			{ { SOURCES("a"), .regex = "", .target_label = "b", .replacement = "x" } },
			0 },
		/* A label's name from the value. */
		{ "a=k=v", "a=k=v,pre_k=v",
			{ { SOURCES("a"), .regex = "(.*)=(.*)", .target_label = "pre_$1",
				.replacement = "$2" } },
			0 },
		/* A name that comes out empty: nothing happens. */
		{ "a=1", "a=1",
			{ { SOURCES("a"), .regex = "(x)?1", .target_label = "$1",
				.replacement = "y" } },
			0 },
		{ "a=1", "a=1,my.label=1", { { SOURCES("a"), .target_label = "my.label" } }, 0 },
		/* Rules see what those before them did. */
		{ "a=1", "a=1,b=1,c=1",
			{ { SOURCES("a"), .target_label = "b" },
				{ SOURCES("b"), .target_label = "c" } },
			2 },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void sets_are_kept_and_dropped(void **state)
{
	const struct row rows[] = {
		{ "a=foo", "a=foo", { { SOURCES("a"), .regex = "f.*", .action = "keep" } }, 0 },
		{ "a=foo", NULL, { { SOURCES("a"), .regex = "f", .action = "keep" } }, 0 },
		{ "a=foo", NULL, { { SOURCES("a"), .regex = "foo|bar", .action = "drop" } }, 0 },
		{ "a=foo", "a=foo", { { SOURCES("a"), .regex = "o", .action = "drop" } }, 0 },
		/* The defaults match everything. */
		{ "a=foo", NULL, { { .action = "drop" } }, 0 },
		{ "a=foo", "a=foo", { { .action = "Keep" } }, 0 },
		/* A label that is missing is empty. */
		{ "a=foo", NULL, { { SOURCES("b"), .regex = ".+", .action = "keep" } }, 0 },
		/* What was dropped stays dropped. */
		{ "a=1", NULL,
			{ { SOURCES("a"), .action = "drop" },
				{ SOURCES("a"), .target_label = "b" } },
			2 },
		{ "a=1,b=1", "a=1,b=1",
			{ { SOURCES("a"), .target_label = "b", .action = "keepequal" } }, 0 },
		{ "a=1,b=2", NULL, { { SOURCES("a"), .target_label = "b", .action = "keepequal" } },
			0 },
		{ "a=1,b=1", NULL, { { SOURCES("a"), .target_label = "b", .action = "dropequal" } },
			0 },
		{ "a=1,b=2,c=1;2", NULL,
			{ { SOURCES("a", "b"), .target_label = "c", .action = "dropequal" } }, 0 },
		{ "a=1", "a=1", { { SOURCES("a"), .target_label = "b", .action = "dropequal" } },
			0 },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void names_are_mapped_dropped_and_kept(void **state)
{
	const struct row rows[] = {
		{ "__meta_x=1,__meta_y=2,z=3", "__meta_x=1,__meta_y=2,x=1,y=2,z=3",
			{ { .regex = "__meta_(.+)", .action = "labelmap" } }, 0 },
		/* What is mapped is not mapped again. */
		{ "a=1", "a=1,aa=1",
			{ { .regex = "(a+)", .replacement = "a$1", .action = "labelmap" } }, 0 },
		/* Of two the later in the order of names wins, wherever it stood. */
		{ "y2=2,y1=1", "n=2,y1=1,y2=2",
			{ { .regex = "y.", .replacement = "n", .action = "labelmap" } }, 0 },
		{ "a=1,b1=2,b2=3", "a=1", { { .regex = "b.*", .action = "labeldrop" } }, 0 },
		{ "a=1,b1=2,b2=3", "b1=2,b2=3", { { .regex = "b.", .action = "labelkeep" } }, 0 },
		{ "a=1,b=2", "", { { .action = "labeldrop" } }, 0 },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void values_change_their_case(void **state)
{
	const struct row rows[] = {
		{ "a=bAr1", "a=bAr1,b=bar1",
			{ { SOURCES("a"), .target_label = "b", .action = "lowercase" } }, 0 },
		{ "a=bAr1,c=x", "a=BAR1;X,c=x",
			{ { SOURCES("a", "c"), .target_label = "a", .action = "UPPERCASE" } }, 0 },
		{ "a=\xc3\x84gir \xce\xa3", "a=\xc3\xa4gir \xcf\x83",
			{ { SOURCES("a"), .target_label = "a", .action = "lowercase" } }, 0 },
		{ "a=\xff", "a=\xef\xbf\xbd",
			{ { SOURCES("a"), .target_label = "a", .action = "lowercase" } }, 0 },
		{ "a=1,b=2", "a=1",
			{ { SOURCES("none"), .target_label = "b", .action = "uppercase" } }, 0 },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

/* The numbers are those of Python's hashlib. */
static void shards_are_those_of_prometheus(void **state)
{
	const struct row rows[] = {
		{ "a=10.0.0.1:9100", "a=10.0.0.1:9100,s=5",
			{ { SOURCES("a"), .target_label = "s", .modulus = 8,
				.action = "hashmod" } },
			0 },
		{ "a=1", "a=1,s=958",
			{ { .target_label = "s", .modulus = 1000, .action = "hashmod" } }, 0 },
		{ "a=node,b=x\ny", "a=node,b=x\ny,s=7528149482198876929",
			{ { SOURCES("a", "b"), .target_label = "s", .modulus = INT64_MAX,
				.action = "hashmod" } },
			0 },
		{ "a=\xc3\xa4", "a=\xc3\xa4,s=39",
			{ { SOURCES("a"), .target_label = "s", .modulus = 97,
				.action = "hashmod" } },
			0 },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void what_a_rule_must_not_say_is_told(void **state)
{
	const struct {
		struct relabel_settings settings;
		const char *key, *wanted;
	} rows[] = {
		{ { .action = "" }, "action", "relabel action cannot be empty" },
		{ { .action = "kep" }, "action", "unknown relabel action \"kep\"" },
		{ { 0 }, "action",
			"relabel configuration for replace action requires 'target_label' value" },
		{ { .action = "Lowercase" }, "action",
			"relabel configuration for lowercase action requires 'target_label' value" },
		{ { .action = "hashmod", .target_label = "a" }, "modulus",
			"relabel configuration for hashmod requires non-zero modulus" },
		{ { .target_label = "${" }, "target_label",
			"\"${\" is invalid 'target_label' for replace action" },
		{ { .target_label = "a\xff" }, "target_label",
			"is invalid 'target_label' for replace" },
		{ { .action = "uppercase", .target_label = "\xff" }, "target_label",
			"is invalid 'target_label' for uppercase action" },
		{ { .action = "keepequal", .target_label = "a", .replacement = "x" }, "replacement",
			"'replacement' can not be set for keepequal action" },
		{ { .action = "labelmap", .replacement = "$" }, "replacement",
			"\"$\" is invalid 'replacement' for labelmap action" },
		{ { .action = "dropequal", .target_label = "a", .regex = "(.*)" }, "action",
			"dropequal action requires only 'source_labels' and `target_label`, and no "
			"other fields" },
		{ { .action = "keepequal", .target_label = "a", .modulus = 2 }, "action",
			"keepequal action requires only" },
		{ { .action = "labeldrop", SOURCES("a") }, "action",
			"labeldrop action requires only 'regex', and no other fields" },
		{ { .action = "labelkeep", .separator = "," }, "action",
			"labelkeep action requires only 'regex', and no other fields" },
		{ { .action = "keep", .regex = "(a" }, "regex", "error parsing regexp: " },
		{ { .action = "keep", .regex = "(?=a)" }, "regex", "look-around" },
		{ { .action = "keep", SOURCES("a", "") }, "source_labels",
			"\"\" is not a valid label name" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct relabel_rule *made = NULL;
		const char *key = "";
		char error[300] = "";

		assert_int_equal(
			relabel_rule_new(&rows[i].settings, &made, &key, error, sizeof(error)),
			-EINVAL);
		assert_null(made);
		assert_string_equal(key, rows[i].key);
		if (!strstr(error, rows[i].wanted))
			fail_msg("wanted %s, got %s", rows[i].wanted, error);
	}
}

static void variables_stand_in_names_only_where_they_can(void **state)
{
	const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{ "label", true },
		{ "${1}", true },
		{ "l${1}_x", true },
		{ "$1", true },
		{ "l$1", true },
		{ "my.${name}-x", true },
		{ "$", false },
		{ "${", false },
		{ "${}", false },
		{ "a$$", false },
		{ "a$1}", false },
		{ "a{b}$1", false },
		{ "${a$b}", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct relabel_settings settings = { .action = "labelmap",
			.replacement = rows[i].text };
		struct relabel_rule *made = NULL;
		const char *key;
		char error[300];
		int err = relabel_rule_new(&settings, &made, &key, error, sizeof(error));

		if (err != (rows[i].valid ? 0 : -EINVAL))
			fail_msg("%s: %d", rows[i].text, err);
		relabel_rule_free(made);
	}
}

static void lists_are_compared_setting_by_setting(void **state)
{
	const struct relabel_settings all[] = {
		{ SOURCES("a"), .target_label = "b" },
		{ SOURCES("b"), .target_label = "b" },
		{ SOURCES("a", "b"), .target_label = "b" },
		{ SOURCES("a"), .target_label = "c" },
		{ SOURCES("a"), .target_label = "b", .regex = "x" },
		{ SOURCES("a"), .target_label = "b", .separator = "" },
		{ SOURCES("a"), .target_label = "b", .replacement = "x" },
		{ SOURCES("a"), .target_label = "b", .modulus = 1 },
		{ SOURCES("a"), .target_label = "b", .action = "hashmod", .modulus = 1 },
	};
	struct relabel_rule *rules[ARRAY_SIZE(all)];
	/* The defaults, written out. */
	struct relabel_rule *same =
		rule(&(struct relabel_settings){ SOURCES("a"), .target_label = "b", .regex = "(.*)",
			.separator = ";", .replacement = "$1", .action = "replace" });

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		rules[i] = rule(&all[i]);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			assert_int_equal(relabel_rules_equal(&rules[i], 1, &rules[k], 1), i == k);
	}
	assert_true(relabel_rules_equal(&rules[0], 1, &same, 1));
	assert_false(relabel_rules_equal(rules, 2, rules, 1));
	assert_true(relabel_rules_equal(NULL, 0, NULL, 0));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		relabel_rule_free(rules[i]);
	relabel_rule_free(same);
}

static int make_and_apply(void *userdata)
{
	const struct relabel_settings settings[] = {
		{ SOURCES("a", "b"), .target_label = "c_${1}", .regex = "(.*);.*" },
		{ .action = "labelmap", .regex = "(a|b)", .replacement = "m_$1" },
		{ SOURCES("a"), .target_label = "u", .action = "uppercase" },
		{ SOURCES("a"), .target_label = "s", .action = "hashmod", .modulus = 7 },
		{ .action = "labeldrop", .regex = "b" },
	};
	struct relabel_rule *rules[ARRAY_SIZE(settings)] = { 0 };
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels = NULL;
	const char *key;
	char error[300];
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(settings); i++)
		err = relabel_rule_new(&settings[i], &rules[i], &key, error, sizeof(error));
	if (!err) {
		add_labels(&b, "a=x,b=y");
		relabel_apply(rules, ARRAY_SIZE(rules), &b);
		err = labels_build(&b, &labels);
	}
	if (!err) {
		struct strbuf out = STRBUF_INIT;

		format_labels(labels, &out);
		if (!out.err)
			assert_string_equal(out.s, "a=x,c_x=x,m_a=x,m_b=y,s=4,u=X");
		err = out.err;
		strbuf_release(&out);
	}
	labels_unref(labels);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		relabel_rule_free(rules[i]);
	return err;
}

static void memory_may_run_out(void **state)
{
	size_t before = intern_count();

	assert_int_equal(make_and_apply(NULL), 0);
	with_failing_allocations(make_and_apply, NULL);
	assert_int_equal(intern_count(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replace_writes_what_the_expression_found),
		cmocka_unit_test(sets_are_kept_and_dropped),
		cmocka_unit_test(names_are_mapped_dropped_and_kept),
		cmocka_unit_test(values_change_their_case),
		cmocka_unit_test(shards_are_those_of_prometheus),
		cmocka_unit_test(what_a_rule_must_not_say_is_told),
		cmocka_unit_test(variables_stand_in_names_only_where_they_can),
		cmocka_unit_test(lists_are_compared_setting_by_setting),
		cmocka_unit_test(memory_may_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
