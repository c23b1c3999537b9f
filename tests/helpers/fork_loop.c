/*
 * fork_loop.c - what it costs to start and end a process.
 *
 *   fork_loop N
 *
 * Forks N children that end at once, one after the other, and prints the nanoseconds that one took, as
 * a whole number. Static data and no library calls in the child: what is measured is the kernel's part.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	int64_t start;

	if (n <= 0) {
		fprintf(stderr, "usage: fork_loop N\n");
		return 2;
	}
	start = now_ns();
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("fork");
			return 1;
		}
		if (pid == 0)
			_exit(0);
		if (waitpid(pid, NULL, 0) != pid) {
			perror("waitpid");
			return 1;
		}
	}
	printf("%lld\n", (long long)((now_ns() - start) / n));
	return 0;
}
