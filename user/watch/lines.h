/*
 * lines.h - the files of /proc and of control groups whose lines are a name and a number.
 */
#ifndef TOLLD_WATCH_LINES_H
#define TOLLD_WATCH_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What fits of a file, NUL-terminated. 0, or why it cannot be read. */
int lines_read(const char *path, char *to, size_t size);
/* The same, in a directory. */
int lines_read_at(int dir_fd, const char *name, char *to, size_t size);

/*
 * The number behind `name` on a line that begins with it ("oom_kill" finds "oom_kill 3", not "oom_kill_all 3").
 * False where there is none; a number that is too large is UINT64_MAX.
 */
bool lines_number(const char *text, const char *name, uint64_t *ret);

#endif
