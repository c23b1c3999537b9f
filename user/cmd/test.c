/*
 * test.c - tolld test FILE...: rule unit tests in promtool's format.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include "cmd/test_run.h"
#include "rules/rules.h"

static const char usage_text[] =
	"usage: tolld test FILE... [--run REGEX] [--junit FILE]\n\n"
	"  --run REGEX   only tests whose name the expression matches, anywhere in it;\n"
	"                may be given several times\n"
	"  --junit FILE  write the result as JUnit's XML too\n";

struct arguments {
	struct strbuf pattern;
	struct regex *run; /* NULL: all */
	const char *junit_path;
	struct strbuf junit;
};

/* One file, tested. */
struct session {
	const struct arguments *arguments;
	const char *path;
	struct test_file *file;
	struct test_plan **plans;
	struct test_report *reports; /* one for each plan */
	size_t n;
	struct diag diag;
};

static char *make_title(const struct test_group *test, size_t number)
{
	char *title = NULL;

	if (test->name.s)
		return strdup(test->name.s);
	return asprintf(&title, "#%zu", number) < 0 ? NULL : title;
}

static bool chosen(const struct session *s, const struct test_group *test)
{
	const char *name = test->name.s ? test->name.s : "";

	return !s->arguments->run || regex_matches(s->arguments->run, name, strlen(name));
}

/* All faults of the file, of its rules and of its tests. */
static int prepare(struct session *s)
{
	int err, one;

	err = test_file_load(s->path, &s->file, &s->diag);
	if (err)
		return err;
	err = rules_check(s->file->config, &s->diag);
	s->plans = calloc(s->file->n_tests + 1, sizeof(*s->plans));
	s->reports = calloc(s->file->n_tests + 1, sizeof(*s->reports));
	if (!s->plans || !s->reports)
		return -ENOMEM;
	for (size_t i = 0; i < s->file->n_tests && err != -ENOMEM; i++) {
		if (!chosen(s, &s->file->tests[i]))
			continue;
		one = test_plan_new(s->file, &s->file->tests[i], &s->plans[s->n], &s->diag);
		err = one ? one : err;
		if (one)
			continue;
		s->reports[s->n].title = make_title(&s->file->tests[i], i + 1);
		if (!s->reports[s->n++].title)
			return -ENOMEM;
	}
	return err;
}

static void session_release(struct session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		test_report_release(&s->reports[i]);
		test_plan_free(s->plans[i]);
	}
	free(s->plans);
	free(s->reports);
	test_file_free(s->file);
	diag_release(&s->diag);
}

static void summary(const struct session *s)
{
	size_t checks = 0, unserved = 0, faults = 0, failed = 0;

	for (size_t i = 0; i < s->n; i++) {
		checks += s->reports[i].checks;
		unserved += s->reports[i].unserved;
		faults += s->reports[i].n;
		failed += s->reports[i].n > 0;
	}
	if (failed)
		printf("%s: FAILED: tests: %zu of %zu; checks: %zu; faults: %zu", s->path, failed,
			s->n, checks, faults);
	else
		printf("%s: ok: tests: %zu; checks: %zu", s->path, s->n, checks);
	if (unserved)
		printf("; left out, because native histograms are not served: %zu", unserved);
	printf("\n");
	fflush(stdout);
}

static bool run_all(struct session *s, struct strbuf *out)
{
	bool good = true;
	int err;

	for (size_t i = 0; i < s->n; i++) {
		err = test_run(s->file, s->plans[i], &s->reports[i]);
		if (err) {
			strbuf_addf(out, "%s: test '%s' could not be run: %s\n", s->path,
				s->reports[i].title, strerror(-err));
			good = false;
		}
		test_report_print(&s->reports[i], out);
		good = good && !s->reports[i].n;
	}
	return good;
}

static bool test_one(struct arguments *arguments, const char *path)
{
	struct session s = { .arguments = arguments, .path = path, .diag = DIAG_INIT };
	struct strbuf out = STRBUF_INIT;
	bool good;
	int err;

	err = prepare(&s);
	diag_print(&s.diag, &out);
	if (err && !s.diag.errors)
		strbuf_addf(&out, "%s: %s\n", path, strerror(-err));
	good = !err && run_all(&s, &out);
	junit_suite(&arguments->junit, path, s.reports, err ? 0 : s.n, err ? out.s : NULL);
	fwrite(out.s, 1, out.len, stderr);
	strbuf_release(&out);
	if (err)
		printf("%s: FAILED: it has faults, and no test was run\n", path);
	else
		summary(&s);
	session_release(&s);
	return good;
}

/* Several expressions are one with alternatives. */
static void add_pattern(struct strbuf *pattern, const char *text)
{
	strbuf_addf(pattern, "%s(?:%s)", pattern->len ? "|" : "", text);
}

/* 0, EXIT_USAGE, or -1 for "help was shown". */
static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option table[] = {
		{ "run", required_argument, NULL, 'r' },
		{ "junit", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char error[200];
	int c;

	optind = 0; /* begin anew: one process may be given several calls */
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'r') {
			add_pattern(&a->pattern, optarg);
		} else if (c == 'j') {
			a->junit_path = optarg;
		} else if (c == 'h') {
			fputs(usage_text, stdout);
			return -1;
		} else {
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		fprintf(stderr, "tolld test: no file is named\n");
		return EXIT_USAGE;
	}
	if (a->pattern.len && regex_new_search(a->pattern.s, &a->run, error, sizeof(error))) {
		fprintf(stderr, "tolld test: --run: %s\n", error);
		return EXIT_USAGE;
	}
	return 0;
}

int cmd_test(int argc, char **argv)
{
	struct arguments a = { .pattern = STRBUF_INIT, .junit = STRBUF_INIT };
	bool good = true;
	int err = parse(argc, argv, &a);

	if (err == EXIT_USAGE)
		fprintf(stderr, "see tolld test --help\n");
	for (int i = optind; i < argc && !err; i++)
		good = test_one(&a, argv[i]) && good;
	if (!err && a.junit_path && (err = junit_write(a.junit_path, &a.junit))) {
		fprintf(stderr, "tolld test: cannot write '%s': %s\n", a.junit_path,
			strerror(-err));
		err = 1;
	}
	regex_free(a.run);
	strbuf_release(&a.pattern);
	strbuf_release(&a.junit);
	return err > 0 ? err : good ? 0 : 1;
}
