/*
 * metrics.c - tolld metrics: what every figure is called, and what it means.
 */
#include "cmd/cmd.h"

#include <stdio.h>
#include "api/metric_table.h"

static void usage(void)
{
	printf("usage: tolld metrics [--markdown]\n\n"
	       "  lists the metrics of services, of the machine and of tolld, as /metrics has them\n"
	       "  --markdown\n"
	       "        as the README has it\n");
}

int cmd_metrics(int argc, char **argv)
{
	bool markdown = argc == 2 && streq(argv[1], "--markdown");
	struct strbuf out = STRBUF_INIT;
	int status;

	if (argc == 2 && streq(argv[1], "--help")) {
		usage();
		return 0;
	}
	if (argc > 2 || (argc == 2 && !markdown)) {
		fprintf(stderr, "tolld metrics: it takes only --markdown, not '%s'\n",
			argv[argc > 2 && streq(argv[1], "--markdown") ? 2 : 1]);
		return EXIT_USAGE;
	}
	metric_table_print(&out, markdown);
	status = out.err || fputs(out.s, stdout) == EOF || fflush(stdout) == EOF;
	strbuf_release(&out);
	return status;
}
