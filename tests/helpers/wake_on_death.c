/*
 * wake_on_death.c - how soon the simplest program hears of a death: the machine's own part of that time.
 *
 *   wake_on_death PID
 *
 * Waits for the process by epoll on its pidfd and prints the boot time in nanoseconds at which it woke up. "ready"
 * comes first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct timespec ts;
	int loop = epoll_create1(EPOLL_CLOEXEC);
	int fd = argc == 2 ? (int)syscall(SYS_pidfd_open, (pid_t)strtol(argv[1], NULL, 10), 0) : -1;

	if (loop < 0 || fd < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) < 0) {
		perror("wake_on_death PID");
		return 2;
	}
	puts("ready");
	fflush(stdout);
	while (epoll_wait(loop, &event, 1, -1) < 0 && errno == EINTR)
		;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	printf("%lld\n", ts.tv_sec * 1000000000ll + ts.tv_nsec);
	return 0;
}
