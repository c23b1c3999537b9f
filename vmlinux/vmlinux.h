/*
 * vmlinux.h - the kernel types that tolld's programs read, and of each only the fields they read.
 *
 * Written by hand, so that one file serves every architecture and every kernel: the loader moves
 * each access to where the running kernel keeps the field (CO-RE). Order and size here mean nothing,
 * names and types do. "optional" marks what a kernel may lack: programs ask whether it is there.
 * `make vmlinux-check` compares all of it with the running kernel.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;

typedef __u16 __be16;
typedef __u16 __le16;
typedef __u32 __be32;
typedef __u32 __le32;
typedef __u64 __be64;
typedef __u64 __le64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef int pid_t;

typedef _Bool bool;
enum { false = 0, true = 1 };

/* From the kernel's stable interface (include/uapi/linux/bpf.h): these numbers never change. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
};

enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1024,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic64_t;

struct rlimit {
	unsigned long rlim_cur;
};

struct task_io_accounting {
	__u64 read_bytes;		/* optional: a kernel may not account for I/O */
	__u64 write_bytes;		/* optional: likewise */
};

struct signal_struct {
	atomic_t live;			/* threads that have not begun to exit */
	int group_exit_code;
	unsigned int flags;		/* SIGNAL_STOP_STOPPED, SIGNAL_GROUP_EXIT */
	int nr_threads;			/* with those that ended and are not taken out yet */
	/* Of the threads that were taken out: */
	unsigned long min_flt;
	unsigned long maj_flt;
	unsigned long long sum_sched_runtime;
	struct task_io_accounting ioac;
	unsigned long maxrss;		/* pages; final once the last thread has begun to exit */
	struct rlimit rlim[16];
};

struct sched_entity {
	__u64 sum_exec_runtime;
};

struct percpu_counter {
	__s64 count;			/* what the CPUs have not handed in yet is missing */
};

/* Its rss_stat became what it is in 6.2; before, it was as wide as the machine's numbers. */
struct mm_struct;

struct mm_struct___since_6_2 {
	struct percpu_counter rss_stat[4];	/* optional: since 6.2 */
};

struct mm_rss_stat {
	atomic64_t count[4];		/* optional: before 6.2 */
};

struct mm_struct___before_6_2 {
	struct mm_rss_stat rss_stat;	/* optional: before 6.2 */
};

struct fdtable {
	unsigned int max_fds;
	unsigned long *open_fds;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	unsigned int __state;		/* optional: since 5.14 */
	unsigned int flags;		/* PF_KTHREAD */
	struct sched_entity se;
	struct mm_struct *mm;
	unsigned long jobctl;		/* JOBCTL_TRAP_FREEZE */
	int exit_code;
	pid_t pid;			/* of the thread */
	pid_t tgid;			/* of the process */
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	struct files_struct *files;
	struct signal_struct *signal;
	struct task_io_accounting ioac;
	__u64 start_boottime;
	char comm[16];
};

struct task_struct___before_5_14 {
	unsigned long state;		/* optional: before 5.14 */
};

/* What is being started. */
struct linux_binprm {
	struct file *file;		/* the program, or the interpreter of a script */
};

struct kernel_siginfo {
	int si_signo;
	int si_code;
};

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;			/* optional: a kernel may have no network namespaces */
} possible_net_t;

struct sock_common {
	__be32 skc_rcv_saddr;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_ipv6only: 1;
	possible_net_t skc_net;
	struct in6_addr skc_v6_rcv_saddr;	/* optional: a kernel may have no IPv6 */
	atomic64_t skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct inet_sock {
	__be16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
};

struct socket {
	struct sock *sk;
};

struct inode {
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

/* Only asked whether a field is there: it tells which arguments the tracepoint has. */
struct trace_event_raw_sched_process_exit {
	bool group_dead;		/* optional: since 6.16 */
};

struct trace_event_raw_mark_victim {
	unsigned int uid;		/* optional: since 6.9, and in older stable kernels */
};

#pragma clang attribute pop

#endif
