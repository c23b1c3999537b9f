/*
 * daemon_rights.c - from root to the user tolld, as soon as the last thing is done that takes root.
 *
 * That is: programs are loaded and attached, maps pinned, ports bound. The state is opened as the new user,
 * whose it is from then on; it also begins the first thread, and each would have to give up its own.
 */
#include "daemon_private.h"

#include <errno.h>
#include <linux/capability.h>

/* Of others: /proc/PID/exe, fd and io, which are their owners' (SYS_PTRACE) and closed to others by their mode. */
#define READING_OTHERS (PRIVILEGE(CAP_SYS_PTRACE) | PRIVILEGE(CAP_DAC_READ_SEARCH))
/* Kernels before 5.19 want it for maps that are open already. */
#define MAPS		 PRIVILEGE(CAP_BPF)
#define BECOMING_ANOTHER (PRIVILEGE(CAP_SETUID) | PRIVILEGE(CAP_SETGID) | PRIVILEGE(CAP_CHOWN))

static int find_asked(const char *name, struct account *ret)
{
	int err = account_find(name, ret);

	if (err == -ENOENT)
		log_error("--user %s: /etc/passwd has no such user", name);
	else if (err)
		log_error("--user %s: %s", name, strerror(-err));
	return err;
}

static int not_root(const char *asked)
{
	struct account account;

	if (!asked)
		return 0;
	if (find_asked(asked, &account))
		return -ENOENT;
	if (account.uid == geteuid())
		return 0;
	log_error("--user %s: only root becomes another user", asked);
	return -EPERM;
}

int rights_plan(struct daemon *d)
{
	const char *asked = d->options->user, *missing = NULL;
	struct account account;
	int err;

	if (geteuid() != 0)
		return not_root(asked);
	err = asked ? find_asked(asked, &account) : account_find(DAEMON_DEFAULT_USER, &account);
	if (err && asked)
		return err;
	if (err)
		missing = "there is no user " DAEMON_DEFAULT_USER
			  " (useradd --system " DAEMON_DEFAULT_USER ")";
	else if (account.uid == 0)
		missing = "--user says so";
	else if ((privileges_held() & BECOMING_ANOTHER) != BECOMING_ANOTHER)
		missing = "CAP_SETUID, CAP_SETGID or CAP_CHOWN is not there";
	if (missing) {
		log_info("stays root: %s", missing);
		return 0;
	}
	d->account = account;
	d->pins_owner = (struct pins_owner){ account.uid, account.gid };
	d->drops = true;
	return 0;
}

/* What it may do from now on: without the right to use maps, where this kernel does not ask for it. */
static int lower(struct daemon *d, uint64_t *ret)
{
	uint64_t least = privileges_held() & READING_OTHERS;
	int err = privileges_use(least);

	*ret = least;
	if (err || !(privileges_held() & MAPS))
		return err;
	if (!d->watch || watch_works(d->watch) != -EPERM)
		return privileges_give_up(NULL, least);
	*ret = least | MAPS;
	return privileges_use(*ret);
}

int rights_drop(struct daemon *d)
{
	struct strbuf kept = STRBUF_INIT;
	char error[300] = "";
	uint64_t keep = 0;
	int err;

	if (geteuid() == 0 && !d->drops)
		return 0;
	if (d->drops) {
		/* Where it may not be, opening says so, and whether that matters. A full disk does not. */
		err = store_give(daemon_storage(d->options), d->account.uid, d->account.gid, error,
			sizeof(error));
		if (err && err != -ENOSPC && err != -EDQUOT && d->options->storage_path) {
			log_error("--storage.path %s", error);
			return err;
		}
	}
	err = privileges_give_up(d->drops ? &d->account : NULL, READING_OTHERS | MAPS);
	if (!err)
		err = lower(d, &keep);
	if (err) {
		log_error("cannot give up the rights of root: %s", strerror(-err));
		return err;
	}
	privileges_format(keep, &kept);
	if (d->drops)
		log_info("runs as user %s from now on, with %s", d->account.name, kept.s);
	else if (keep)
		log_info("keeps %s, and no other right", kept.s);
	strbuf_release(&kept);
	return 0;
}
