/*
 * check.c - tolld check FILE...: all faults of settings and rule files, as the daemon would find them;
 * and whether what an exporter writes is OpenMetrics to the letter.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include "cmd/feature.h"
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
	printf("%s: ok: %zu target%s, %zu rule%s in %zu group%s, %zu receiver%s\n", path, targets,
		targets == 1 ? "" : "s", rules, rules == 1 ? "" : "s", config->n_groups,
		config->n_groups == 1 ? "" : "s", config->n_receivers,
		config->n_receivers == 1 ? "" : "s");
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

/* 0 or a negative errno; -EMSGSIZE where it is more than a strbuf holds: what never ends is not read on. */
static int read_text(const char *path, struct strbuf *out)
{
	FILE *f = streq(path, "-") ? stdin : fopen(path, "re");
	char bytes[8192];
	size_t n;
	int err = 0;

	if (!f)
		return -errno;
	errno = 0;
	while (!out->err && (n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		strbuf_add(out, bytes, n);
	if (ferror(f))
		err = errno ? -errno : -EIO;
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

	if (err == -EMSGSIZE)
		snprintf(error, sizeof(error), "too large: a text may have %zu MiB",
			STRBUF_MAX_DEFAULT >> 20);
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

static const char usage_text[] =
	"usage: tolld check [--enable-feature NAME] FILE...\n"
	"       tolld check --openmetrics FILE...\n\n"
	"Shows all faults of settings and rule files, each with its place and a cure; or the\n"
	"first one of texts (- is standard input) that are to be OpenMetrics to the letter.\n"
	"Each file is checked by itself; tolld run merges those that it is given.\n"
	"Exit status: 0 none, 1 faults, 2 called wrongly.\n\n"
	"  --enable-feature NAME  classic-mode or utf8-strict-mode, as tolld run is given it\n";

static int called_wrongly(const char *what)
{
	fprintf(stderr, "tolld check: %s\nsee tolld check --help\n", what);
	return EXIT_USAGE;
}

/* 0, EXIT_USAGE, or -1 for "help was shown"; optind is where the files begin. */
static int parse(int argc, char **argv, bool *ret_openmetrics)
{
	static const struct option table[] = {
		{ "openmetrics", no_argument, NULL, 'o' },
		{ "enable-feature", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char error[100];
	int c;

	optind = 0; /* begin anew: one process may be given several calls */
	while ((c = getopt_long(argc, argv, "h", table, NULL)) != -1) {
		if (c == 'o') {
			*ret_openmetrics = true;
		} else if (c == 'f') {
			if (!feature_enable(optarg, error, sizeof(error)))
				continue;
			fprintf(stderr, "tolld check: --enable-feature '%s': %s\n", optarg, error);
			return EXIT_USAGE;
		} else if (c == 'h') {
			fputs(usage_text, stdout);
			return -1;
		} else {
			fputs("see tolld check --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return called_wrongly("no file is named");
	for (int i = optind; i < argc && !*ret_openmetrics; i++) {
		if (streq(argv[i], "-"))
			return called_wrongly("settings are read from files; only texts of "
					      "--openmetrics may come from standard input");
	}
	return 0;
}

int cmd_check(int argc, char **argv)
{
	bool good = true, openmetrics = false;
	int status = parse(argc, argv, &openmetrics);

	if (status)
		return status < 0 ? 0 : status;
	for (int i = optind; i < argc; i++)
		good = (openmetrics ? check_openmetrics : check_one)(argv[i]) && good;
	return good ? 0 : 1;
}
