/*
 * pidfd.c - the system calls of pidfds that the C library does not have yet.
 */
#include "watch/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * From include/uapi/linux/pidfd.h of Linux 6.15, which is newer than the headers that we are built
 * with. Later kernels append fields; the size, which is part of the request, says which we know.
 */
struct pidfd_info_v0 {
	uint64_t mask; /* in: what is wanted; out: what is there */
	uint64_t cgroup_id;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code; /* with INFO_EXIT, as from waitpid() */
};

_Static_assert(sizeof(struct pidfd_info_v0) == 64, "the kernel's PIDFD_INFO_SIZE_VER0");

#define INFO_EXIT (UINT64_C(1) << 3)
#define GET_INFO  _IOWR(0xFF, 11, struct pidfd_info_v0)

int pidfd_new(pid_t pid)
{
	/* Closed on exec always. */
	long fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : (int)fd;
}

bool pidfd_is_dead(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, 0) > 0;
}

int pidfd_wait_status(int fd, uint32_t *ret)
{
	struct pidfd_info_v0 info = { .mask = INFO_EXIT };

	/* -ESRCH comes from 6.13 and 6.14, which have the request and forget who was reaped. */
	if (ioctl(fd, GET_INFO, &info))
		return -ENOTSUP;
	if (!(info.mask & INFO_EXIT))
		return -EAGAIN;
	*ret = (uint32_t)info.exit_code;
	return 0;
}

bool pidfd_tells_wait_status(void)
{
	scoped(closep) int fd = -1;
	uint32_t status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(42);
	if (pid < 0)
		return false;
	fd = pidfd_new(pid);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd >= 0 && pidfd_wait_status(fd, &status) == 0 && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 42;
}
