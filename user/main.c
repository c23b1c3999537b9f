/*
 * main.c - the table of subcommands.
 */
#include <stdio.h>
#include "base/util.h"

int main(int argc, char **argv)
{
	fprintf(stderr, "tolld %s: no subcommands are wired yet\n", TOLLD_VERSION);
	return 2;
}
