/*
 * check.c - tolld check FILE...: all faults of settings and rule files, as the daemon would find them;
 * and whether what an exporter writes is OpenMetrics to the letter.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include "config/config.h"
#include "deliver/deliver.h"
#include "rules/rules.h"
#include "scrape/scrape.h"
#include "scrape/strict.h"

static void print(FILE *to, const struct diag *diag)
{
	struct strbuf text = STRBUF_INIT;

	diag_print(diag, &text);
	fwrite(text.s, 1, text.len, to);
	strbuf_release(&text);
}

static void summary(const char *path, const struct config *config)
{
	size_t rules = 0, targets = 0;

	for (size_t i = 0; i < config->n_groups; i++)
		rules += config->groups[i].n_rules;
	for (size_t i = 0; i < config->n_scrapes; i++)
		targets += config->scrapes[i].n_targets;
	printf("%s: ok: %zu targets, %zu rules in %zu groups, %zu receivers\n", path, targets,
		rules, config->n_groups, config->n_receivers);
}

static bool check_one(const char *path)
{
	scoped(config_unrefp) struct config *config = NULL, *salvaged = NULL;
	struct diag diag = DIAG_INIT;
	int err, other;

	err = config_check_file(path, &config, &diag);
	if (!err) {
		err = rules_check(config, &diag);
		other = scrape_check(config, &diag);
		err = err ? err : other;
		other = deliver_check(config, &diag);
		err = err ? err : other;
		if (!err)
			err = rules_hints(config, &diag);
	} else if (!config_salvage(&path, 1, &salvaged)) {
		rules_check(salvaged, &diag);
	}
	print(stderr, &diag);
	if (err && !diag.errors)
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
	if (!err)
		summary(path, config);
	diag_release(&diag);
	return !err;
}

static int read_text(const char *path, struct strbuf *out)
{
	FILE *f = streq(path, "-") ? stdin : fopen(path, "re");
	char bytes[8192];
	size_t n;
	int err = 0;

	if (!f)
		return -errno;
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		strbuf_add(out, bytes, n);
	if (ferror(f))
		err = -EIO;
	if (f != stdin)
		fclose(f);
	return err ? err : out->err;
}

/* All of the standard, more than a scrape asks for. */
static bool check_openmetrics(const char *path)
{
	const char *name = streq(path, "-") ? "standard input" : path;
	struct strbuf text = STRBUF_INIT;
	struct strict_counts counts;
	char error[300] = "";
	int err = read_text(path, &text);

	if (!err)
		err = strict_check(text.s, text.len, &counts, error, sizeof(error));
	strbuf_release(&text);
	if (!err)
		printf("%s: ok: %zu families, %zu samples\n", name, counts.families,
			counts.samples);
	else
		fprintf(stderr, "%s: %s\n", name, error[0] ? error : strerror(-err));
	return !err;
}

int cmd_check(int argc, char **argv)
{
	static const char usage[] =
		"usage: tolld check FILE...\n"
		"       tolld check --openmetrics FILE...\n\n"
		"Shows all faults of settings and rule files, each with its place and a cure; or the\n"
		"first one of texts (- is standard input) that are to be OpenMetrics to the letter.\n"
		"Exit status: 0 none, 1 faults, 2 called wrongly.\n";
	bool good = true, openmetrics = argc > 1 && streq(argv[1], "--openmetrics");

	if (argc == 2 && (streq(argv[1], "--help") || streq(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	for (int i = 1 + openmetrics; i < argc; i++) {
		if (argv[i][0] != '-' || (openmetrics && streq(argv[i], "-")))
			continue;
		fprintf(stderr,
			"tolld check: '%s' is not a file; its only flag is --openmetrics, before "
			"the files\n",
			argv[i]);
		return EXIT_USAGE;
	}
	if (argc < 2 + openmetrics) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	for (int i = 1 + openmetrics; i < argc; i++)
		good = (openmetrics ? check_openmetrics : check_one)(argv[i]) && good;
	return good ? 0 : 1;
}
