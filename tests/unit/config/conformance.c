/*
 * The settings and rule files of the systems that tolld follows: what they refuse is refused, and what
 * they take is taken, or told to be not served yet and nothing else.
 */
#include "harness.h"

#include <dirent.h>
#include "config/config.h"

static bool says(const struct diag *diag, const char *text)
{
	for (size_t i = 0; i < diag->n; i++) {
		if (strstr(diag->entries[i].text, text))
			return true;
	}
	return false;
}

/* Errors that are something else than "not served yet". */
static size_t real_errors(const struct diag *diag)
{
	size_t n = 0;

	for (size_t i = 0; i < diag->n; i++)
		n += diag->entries[i].severity == DIAG_ERROR &&
		     !strstr(diag->entries[i].text, "not served yet by this version of tolld");
	return n;
}

static void show(const char *path, const struct diag *diag)
{
	struct strbuf out = STRBUF_INIT;

	diag_print(diag, &out);
	printf("--- %s\n%s", path, out.s);
	strbuf_release(&out);
}

struct counts {
	unsigned refused, wording, accepted, unserved, wrong;
};

static void check_file(
	const char *path, bool must_fail, const char *expected, struct counts *counts)
{
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	int err;

	err = config_check_file(path, &config, &diag);
	if (must_fail && !real_errors(&diag)) {
		counts->wrong++;
		printf("taken, but must be refused: %s (%s)\n", path, expected);
		show(path, &diag);
	} else if (must_fail) {
		counts->refused++;
		if (*expected && says(&diag, expected))
			counts->wording++;
		else
			printf("other words than \"%s\": %s\n", expected, diag.entries[0].text);
	} else if (real_errors(&diag)) {
		counts->wrong++;
		printf("refused, but must be taken: %s\n", path);
		show(path, &diag);
	} else if (err) {
		counts->unserved++;
	} else {
		counts->accepted++;
	}
	config_unref(config);
	diag_release(&diag);
}

static void alertmanagers_files_fare_as_with_alertmanager(void **state)
{
	const char *dir = conformance_dir();
	struct counts counts = { 0 };
	char path[512], *table, *save = NULL;

	if (!dir)
		skip();
	snprintf(path, sizeof(path), "%s/alertmanager-config/EXPECTED.tsv", dir);
	table = read_file(path, NULL);
	strtok_r(table, "\n", &save);
	for (char *line; (line = strtok_r(NULL, "\n", &save));) {
		char *file = strsep(&line, "\t"), *result = strsep(&line, "\t");
		const char *expected = line ? line : "";

		snprintf(path, sizeof(path), "%s/alertmanager-config/%s", dir, file);
		if (streq(file, "(empty file)"))
			snprintf(path, sizeof(path), "/dev/null");
		/* "(contains) word [what it says]" */
		if (starts_with(expected, "(contains) "))
			expected = strsep((char *[]){ (char *)expected + 11 }, " ");
		check_file(path, streq(result, "err"), expected, &counts);
	}
	free(table);
	printf("alertmanager-config: %u refused, %u of them in Alertmanager's words; "
	       "%u taken, %u told to be not served yet; %u wrong\n",
		counts.refused, counts.wording, counts.accepted, counts.unserved, counts.wrong);
	assert_int_equal(counts.wrong, 0);
	assert_int_equal(counts.unserved, 0);
	assert_true(counts.refused >= 66 && counts.wording >= 64);
}

/* Faults that are not this reader's to find. */
static bool is_elsewhere(const char *name)
{
	/* An expression that does not parse: promql. */
	return streq(name, "bad_expr.bad.yaml") ||
	       /* Only bad under `metric_name_validation_scheme: legacy`; its twin is the .good one. */
	       streq(name, "legacy_validation_annotation.bad.yaml");
}

static void rule_files_fare_as_with_promtool(void **state)
{
	static const char *const folders[] = { "rule-syntax", "rule-files" };
	const char *dir = conformance_dir();
	struct counts counts = { 0 };
	char path[1024];
	struct dirent *e;
	DIR *d;

	if (!dir)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		d = opendir(path);
		assert_non_null(d);
		while ((e = readdir(d))) {
			if (!strstr(e->d_name, ".y"))
				continue;
			snprintf(path, sizeof(path), "%s/%s/%s", dir, folders[i], e->d_name);
			check_file(path, strstr(e->d_name, ".bad.") && !is_elsewhere(e->d_name), "",
				&counts);
		}
		closedir(d);
	}
	printf("rule-syntax and rule-files: %u refused, %u taken, %u wrong\n", counts.refused,
		counts.accepted, counts.wrong);
	assert_int_equal(counts.wrong + counts.unserved, 0);
	assert_int_equal(counts.refused, 9);
	assert_true(counts.accepted >= 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alertmanagers_files_fare_as_with_alertmanager),
		cmocka_unit_test(rule_files_fare_as_with_promtool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
