/*
 * main.c - the table of subcommands.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "base/util.h"
#include "cmd/cmd.h"

#define EXIT_UNWRITTEN 1

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments, *help;
} commands[] = {
	{ "run", cmd_run, "[FLAG...]", "watch, evaluate, notify; --help shows the flags" },
	{ "check", cmd_check, "FILE...", "show all faults of settings and rule files" },
	{ "test", cmd_test, "FILE...",
		"run rule unit tests, in promtool's format; --help shows the flags" },
	{ "status", cmd_status, "[SERVICE]",
		"show the services of the running tolld; --help shows the flags" },
	{ "query", cmd_query, "EXPR",
		"ask the running tolld, at a time or over a range; --help shows the flags" },
	{ "history", cmd_history, "",
		"show which notifications were sent, failed or suppressed, and why; --help shows the flags" },
	{ "notify", cmd_notify, "RECEIVER",
		"send a test through a receiver, and show what was answered; --help shows the flags" },
	{ "metrics", cmd_metrics, "", "list what /metrics tells; --markdown for a README" },
	{ "version", cmd_version, "", "show the version" },
};

static void usage(FILE *to)
{
	fprintf(to, "tolld tells by mail, within moments, that a service is down and why.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  tolld %-8s %-10s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
}

/* What is opened first must not become somebody's log: whoever writes to it would write into a socket or a file. */
static void keep_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	closep(&fd);
}

/* getopt() begins what it has to say with argv[0]: with only "query" nobody would know who speaks. */
static int run_command(size_t i, int argc, char **argv)
{
	char name[32];
	int status;

	static char help[] = "--help";

	snprintf(name, sizeof(name), "tolld %s", commands[i].name);
	argv[0] = name;
	if (argc == 2 && streq(argv[1], "-h"))
		argv[1] = help;
	status = commands[i].run(argc, argv);
	/* A full disk: whoever reads the file later must not take half an answer for a whole one. */
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "%s: the output could not be written\n", name);
	return status ? status : EXIT_UNWRITTEN;
}

int main(int argc, char **argv)
{
	keep_standard_descriptors();
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (streq(argv[1], "--help") || streq(argv[1], "-h") || streq(argv[1], "help")) {
		usage(stdout);
		return 0;
	}
	if (streq(argv[1], "--version"))
		return cmd_version(argc - 1, argv + 1);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (streq(argv[1], commands[i].name))
			return run_command(i, argc - 1, argv + 1);
	}
	fprintf(stderr, "tolld: '%s' is not a command\n\n", argv[1]);
	usage(stderr);
	return EXIT_USAGE;
}
