/*
 * program.h - which program a process runs: the file of a path, told by device and inode.
 *
 * A name proves nothing, as any user may call a process what he likes; and the same path in a container
 * is another file. A file that was replaced while it runs, as by an update, is known by its path and
 * the file system that it was on.
 */
#ifndef TOLLD_WATCH_PROGRAM_H
#define TOLLD_WATCH_PROGRAM_H

#include <sys/types.h>
#include "base/strbuf.h"

struct program {
	char *path;  /* as the owner wrote it */
	char *real;  /* without symbolic links; NULL: there is no such file, or was none */
	dev_t dev;   /* of the file, or of the last one */
	ino_t inode; /* 0: there is no such file */
};

/* The path is absolute. A file that is not there may come. -ENOMEM. */
int program_init(struct program *program, const char *path);
void program_release(struct program *program);
/* Looks at the path anew. Returns whether it leads to another file than before. */
bool program_refresh(struct program *program);

/* What a process runs. */
struct running {
	dev_t dev;
	ino_t inode;
	char *link; /* as /proc/PID/exe says it, from the heap; "... (deleted)" where it was replaced */
};

/* 0, -ESRCH: there is no such process, or it is of the kernel's; -EACCES: it may not be asked. */
int running_read(pid_t pid, struct running *ret);
void running_release(struct running *running);
bool program_is(const struct program *program, const struct running *running);

#endif
