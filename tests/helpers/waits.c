/*
 * waits.c - a service that does nothing.
 *
 *     waits SECONDS                waits so long, and exits with 0; with 1 where that is no number
 *     waits then PROGRAM ARGUMENT  waits for a byte, and becomes that program
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *end, byte;
	unsigned long seconds;

	if (argc == 4 && strcmp(argv[1], "then") == 0) {
		if (read(0, &byte, 1) == 1)
			execl(argv[2], argv[2], argv[3], (char *)NULL);
		return 127;
	}
	if (argc != 2)
		return 1;
	seconds = strtoul(argv[1], &end, 10);
	if (*end)
		return 1;
	sleep((unsigned)seconds);
	return 0;
}
