/*
 * pidfile.h - the process that a file names, where it can be the one that the file means.
 *
 * Such a file outlives its process, and its number may long be another's. A process that started after
 * the file was written is not the one; nor is any, where the file is from before the machine started.
 */
#ifndef TOLLD_WATCH_PIDFILE_H
#define TOLLD_WATCH_PIDFILE_H

#include <sys/types.h>
#include "base/clock.h"
#include "base/util.h"

/*
 * 0 and the pid. -ENOENT: there is no file; -EBADMSG: it holds no number; -ESRCH: nobody has the
 * number; -ESTALE: another process has it; or what open() said.
 */
int pidfile_read(const char *path, struct instant now, pid_t *ret);
/*
 * Does it hold this number, whoever has that? Asked again and again, it is read when it is another file than it was, or
 * was changed: `mark`, 0 at first, remembers which one it was.
 */
bool pidfile_still_names(const char *path, pid_t pid, struct instant now, uint64_t *mark);
/* Takes the text of the file: a number, and whatever follows after white space. 0 or -EBADMSG. */
int pidfile_parse(const char *text, pid_t *ret);

struct pidfile_facts {
	int64_t written_wall_ms;
	int64_t started_boot_ns; /* of the process */
	bool is_volatile;	 /* the file cannot be older than the boot */
};

bool pidfile_is_stale(const struct pidfile_facts *facts, struct instant now);

#endif
