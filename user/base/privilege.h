/*
 * privilege.h - to become another user, and to keep no more capabilities than are needed; for good.
 *
 * Capabilities belong to a thread and go to those that it starts: all of this is for a process that has
 * only one thread as yet.
 */
#ifndef TOLLD_BASE_PRIVILEGE_H
#define TOLLD_BASE_PRIVILEGE_H

#include <sys/types.h>
#include "base/strbuf.h"

#define ACCOUNT_MAX_GROUPS 64

struct account {
	char name[64];
	uid_t uid;
	gid_t gid;
	gid_t groups[ACCOUNT_MAX_GROUPS]; /* those besides, as far as there is room */
	size_t n_groups;
};

/*
 * A user of /etc/passwd, with its groups of /etc/group. These files are read and nobody is asked for more:
 * the modules of the name service would take memory until the end. -ENOENT: there is no such user.
 */
int account_find(const char *name, struct account *ret);

/* One capability of <linux/capability.h> in a set of them. */
#define PRIVILEGE(capability) (UINT64_C(1) << (capability))

/* What this thread is permitted. */
uint64_t privileges_held(void);
/*
 * Becomes `account`, or with NULL stays who it is, and is permitted no more than `keep`, of what it held. Nothing
 * is left to pass on: the inheritable, ambient and, where that may be done, bounding sets are emptied, and
 * no program that is started gains rights. After an error it may be half done: the process is to end.
 */
int privileges_give_up(const struct account *account, uint64_t keep);
/* Which of those that are permitted count for now. */
int privileges_use(uint64_t effective);
/* "CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE", "no capability" */
void privileges_format(uint64_t set, struct strbuf *out);

#endif
