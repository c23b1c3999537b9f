/*
 * process.c - what this process costs, from /proc/self.
 */
#include "api/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "base/util.h"

static void read_small(const char *path, char *buf, size_t size)
{
	scoped(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n < 0 ? 0 : n] = '\0';
}

static void read_memory(struct process_usage *ret)
{
	unsigned long total = 0, resident = 0;
	char text[256];

	read_small("/proc/self/statm", text, sizeof(text));
	if (sscanf(text, "%lu %lu", &total, &resident) == 2) {
		ret->virtual_bytes = (double)total * (double)sysconf(_SC_PAGESIZE);
		ret->resident_bytes = (double)resident * (double)sysconf(_SC_PAGESIZE);
	}
}

static double count_descriptors(void)
{
	const struct dirent *entry;
	struct stat st;
	double n = 0;
	DIR *dir;

	/* Since 6.2 the kernel tells their number without making a list of them. */
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (double)st.st_size;
	dir = opendir("/proc/self/fd");
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (!dir)
		return 0;
	closedir(dir);
	/* That of the list itself was one of them. */
	return n - 1;
}

/* A folder has a link from its parent, one from itself, and one from each folder in it. */
static double count_threads(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 && st.st_nlink > 2 ? (double)st.st_nlink - 2 : 0;
}

void process_usage(struct process_usage *ret)
{
	struct rusage usage;
	struct rlimit limit;

	*ret = (struct process_usage){ 0 };
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		ret->cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
				   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		ret->max_fds = (double)limit.rlim_cur;
	read_memory(ret);
	ret->open_fds = count_descriptors();
	ret->threads = count_threads();
}
