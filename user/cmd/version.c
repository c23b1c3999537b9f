/*
 * version.c - tolld version.
 */
#include "cmd/cmd.h"

#include <stdio.h>

int cmd_version(int argc, char **argv)
{
	printf("tolld, version %s (revision: %s)\n", TOLLD_VERSION, TOLLD_REVISION);
	return 0;
}
