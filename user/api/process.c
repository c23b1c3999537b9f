/*
 * process.c - what this process costs, from /proc/self.
 */
#include "api/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
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

static double count_entries(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	double n = 0;

	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
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
	/* The directory that is being read is one of them, and closed again. */
	ret->open_fds = count_entries("/proc/self/fd") - 1;
	ret->threads = count_entries("/proc/self/task");
}
