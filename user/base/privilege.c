/*
 * privilege.c - users from their files, capabilities by the system calls themselves.
 */
#include "base/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* A line of these files; a group of thousands fits. */
#define LINE_MAX_BYTES 65536

/* -- users ---------------------------------------------------------------------------------- */

static void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static int find_user(const char *name, char *line, struct account *ret)
{
	scoped(fclosep) FILE *f = fopen("/etc/passwd", "re");
	struct passwd entry, *found;
	int err;

	if (!f)
		return -errno;
	while (!(err = fgetpwent_r(f, &entry, line, LINE_MAX_BYTES, &found))) {
		if (!streq(found->pw_name, name))
			continue;
		ret->uid = found->pw_uid;
		ret->gid = found->pw_gid;
		snprintf(ret->name, sizeof(ret->name), "%s", name);
		return 0;
	}
	return -err;
}

static void find_groups(char *line, struct account *account)
{
	scoped(fclosep) FILE *f = fopen("/etc/group", "re");
	struct group entry, *found;

	while (f && account->n_groups < ACCOUNT_MAX_GROUPS &&
		!fgetgrent_r(f, &entry, line, LINE_MAX_BYTES, &found)) {
		for (char **member = found->gr_mem; *member; member++) {
			if (streq(*member, account->name) && found->gr_gid != account->gid) {
				account->groups[account->n_groups++] = found->gr_gid;
				break;
			}
		}
	}
}

int account_find(const char *name, struct account *ret)
{
	scoped(freep) char *line = malloc(LINE_MAX_BYTES);
	struct account account = { 0 };
	int err = line ? find_user(name, line, &account) : -ENOMEM;

	if (err)
		return err;
	find_groups(line, &account);
	*ret = account;
	return 0;
}

/* -- capabilities --------------------------------------------------------------------------- */

struct capabilities {
	uint64_t effective, permitted;
};

static int capabilities_get(struct capabilities *ret)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	ret->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	ret->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

/* With none to inherit: that empties the ambient set, too. */
static int capabilities_set(struct capabilities set)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = (uint32_t)set.effective, .permitted = (uint32_t)set.permitted },
		{ .effective = (uint32_t)(set.effective >> 32),
			.permitted = (uint32_t)(set.permitted >> 32) },
	};

	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

uint64_t privileges_held(void)
{
	struct capabilities now = { 0 };

	return capabilities_get(&now) ? 0 : now.permitted;
}

int privileges_use(uint64_t effective)
{
	struct capabilities now = { 0 };
	int err = capabilities_get(&now);

	now.effective = effective;
	return err ? err : capabilities_set(now);
}

/* Only with CAP_SETPCAP, which a service manager that set the bounds itself need not give. */
static void empty_bounding_set(void)
{
	for (unsigned long i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
}

static int become(const struct account *account)
{
	int death_signal = 0;

	/* The kernel forgets it when the user changes; whoever started us counts on it. */
	prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(account->n_groups, account->groups) ||
		setresgid(account->gid, account->gid, account->gid) ||
		setresuid(account->uid, account->uid, account->uid) ||
		prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
		return -errno;
	if (death_signal && prctl(PR_SET_PDEATHSIG, (unsigned long)death_signal, 0, 0, 0))
		return -errno;
	return 0;
}

int privileges_give_up(const struct account *account, uint64_t keep)
{
	struct capabilities now;
	int err = capabilities_get(&now);

	if (err)
		return err;
	empty_bounding_set();
	err = account ? become(account) : 0;
	keep &= now.permitted;
	if (!err)
		err = capabilities_set((struct capabilities){ keep, keep });
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	return err;
}

void privileges_format(uint64_t set, struct strbuf *out)
{
	/* Those that somebody here asks for; the others by number. */
	static const char *const names[] = {
		[CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
		[CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
		[CAP_BPF] = "CAP_BPF",
	};
	const char *between = "";

	if (!set)
		strbuf_adds(out, "no capability");
	for (unsigned i = 0; i < 64; i++) {
		uint64_t rest = set >> i;

		if (!(rest & 1))
			continue;
		rest &= ~UINT64_C(1);
		strbuf_adds(out, between);
		if (i < ARRAY_SIZE(names) && names[i])
			strbuf_adds(out, names[i]);
		else
			strbuf_addf(out, "capability %u", i);
		between = rest & (rest - 1) ? ", " : " and ";
	}
}
