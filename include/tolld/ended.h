/*
 * ended.h - the kernel's record of a thread that ends (taskstats), as far as both sides read it.
 *
 * Source: Documentation/accounting/taskstats.rst and taskstats-struct.rst. Lengths and places are in bytes.
 */
#ifndef TOLLD_ENDED_H
#define TOLLD_ENDED_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

struct ended_attribute {
	__u16 length; /* with these four bytes */
	__u16 type;
};

/* How it begins: the headers of netlink and of generic netlink, then an attribute that holds all others. */
struct ended_head {
	__u32 length;
	__u16 type;
	__u16 flags;
	__u32 sequence, port;
	__u8 command, version;
	__u16 reserved;
	struct ended_attribute all;
	struct ended_attribute pid;
	__u32 thread; /* its number in the first pid namespace */
	/* The figures; on some machines an empty one comes before, so that they begin at an even place. */
	struct ended_attribute next;
};

_Static_assert(sizeof(struct ended_head) == 36, "as it comes over netlink");

/* How the figures begin. */
struct ended_figures {
	__u16 version;
	__u16 gap;
	__u32 exit_code; /* as waitpid() gives it; of the leader only */
	__u8 flags;
};

/* From the begin of the figures. */
#define ENDED_PEAK_KB_PLACE 200	 /* __u64: the most that its memory was */
#define ENDED_GROUP_PLACE   368	 /* __u32: the process that it was of, since ENDED_GROUP_VERSION */
#define ENDED_GROUP_VERSION 12	 /* Linux 5.19 */
#define ENDED_LAST	    0x20 /* of `flags`, since then: all of the process is dead */

#define ENDED_TYPE_FIGURES 3
#define ENDED_TYPE_THREAD  4
#define ENDED_TYPE_PROCESS 5 /* beside it, for the last thread of a process that had several */
#define ENDED_TYPE_EMPTY   6

#endif
