/*
 * nursery.c - many processes, all of which die at once.
 *
 *   nursery N [unwaited]
 *
 * Starts N children, each of which waits for its end, prints their numbers, one a line, and "ready". At
 * the next line on its standard input it kills them all, as fast as it can, reaps them and prints "reaped
 * N"; at the end of its input it ends, and whoever is left with it. Those that are "unwaited" for are gone as
 * soon as they are dead, as children of an init are. They call themselves "child-0" and so on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 0, reaped = 0;
	pid_t *children, self = getpid();
	char line[16], name[32];

	if (n <= 0) {
		fprintf(stderr, "usage: nursery N [unwaited]\n");
		return 2;
	}
	if (argc > 2)
		signal(SIGCHLD, SIG_IGN);
	children = calloc((size_t)n, sizeof(*children));
	if (!children)
		return 1;
	for (long i = 0; i < n; i++) {
		children[i] = fork();
		if (children[i] < 0) {
			perror("fork");
			return 1;
		}
		if (children[i] == 0) {
			snprintf(name, sizeof(name), "child-%ld", i);
			prctl(PR_SET_NAME, name);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (getppid() == self)
				pause();
			_exit(1);
		}
	}
	for (long i = 0; i < n; i++)
		printf("%d\n", children[i]);
	printf("ready\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 0;
	for (long i = 0; i < n; i++)
		kill(children[i], SIGKILL);
	while (reaped < n && wait(NULL) > 0)
		reaped++;
	printf("reaped %ld\n", reaped);
	return 0;
}
