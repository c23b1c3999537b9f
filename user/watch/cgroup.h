/*
 * cgroup.h - in which group of processes one lives: how it is told to which unit it belongs.
 *
 * Paths are those of the hierarchy that systemd keeps its units in: that of version 2 where there is
 * one, else that of version 1 called "systemd". They begin with a slash, "/" being all processes.
 */
#ifndef TOLLD_WATCH_CGROUP_H
#define TOLLD_WATCH_CGROUP_H

#include <sys/types.h>
#include "base/strbuf.h"

/* Adds the path. 0, -ESRCH where the process is gone, -ENOENT where there are no cgroups. */
int process_cgroup(pid_t pid, struct strbuf *out);
/* Takes the text of /proc/PID/cgroup. 0, or -ENOENT where no line is for that hierarchy. */
int cgroup_parse(const char *text, struct strbuf *out);
/*
 * The name of the service that a path belongs to, from the heap: "nginx.service" for
 * "/system.slice/nginx.service/workers"; of units in units the outer one, as in
 * "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service". NULL: none, or no memory.
 */
char *cgroup_unit(const char *path);
/* Whether a path is that of `group`, or below it. */
bool cgroup_is_in(const char *path, const char *group);

#endif
