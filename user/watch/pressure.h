/*
 * pressure.h - how long tasks had to wait because something was short (PSI), of the machine or of a cgroup.
 */
#ifndef TOLLD_WATCH_PRESSURE_H
#define TOLLD_WATCH_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

enum pressure_resource { PRESSURE_CPU, PRESSURE_MEMORY, PRESSURE_IO, PRESSURE_RESOURCES };

/* Totals since the machine started, or the cgroup was made. */
struct pressure {
	bool has_some, has_full;
	uint64_t some_ns; /* at least one task waited */
	uint64_t full_ns; /* no task could go on */
};

/* Takes the text of a file. False where neither line is in it. */
bool pressure_parse(const char *text, struct pressure *ret);
/* 0; -ENOENT or -EOPNOTSUPP where this kernel does not tell of pressure; -EBADMSG. */
int pressure_read(const char *path, struct pressure *ret);
int pressure_read_at(int dir_fd, const char *name, struct pressure *ret);

#endif
