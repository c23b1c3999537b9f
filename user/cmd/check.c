/*
 * check.c - tolld check FILE...: all faults of settings and rule files, as the daemon would find them.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include "config/config.h"
#include "deliver/deliver.h"
#include "rules/rules.h"
#include "scrape/scrape.h"

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

int cmd_check(int argc, char **argv)
{
	static const char usage[] =
		"usage: tolld check FILE...\n\n"
		"Shows all faults of settings and rule files, each with its place and a cure.\n"
		"Exit status: 0 none, 1 faults, 2 called wrongly.\n";
	bool good = true;

	if (argc == 2 && (streq(argv[1], "--help") || streq(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-')
			continue;
		fprintf(stderr, "tolld check: '%s' is not a file; it has no flags\n", argv[i]);
		return EXIT_USAGE;
	}
	if (argc < 2) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	for (int i = 1; i < argc; i++)
		good = check_one(argv[i]) && good;
	return good ? 0 : 1;
}
