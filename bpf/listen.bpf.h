/*
 * listen.bpf.h - TCP listeners that come and go on watched ports.
 */
#ifndef TOLLD_LISTEN_BPF_H
#define TOLLD_LISTEN_BPF_H

#include <bpf/bpf_endian.h>
#include "common.bpf.h"

#define TCP_CLOSE   7
#define TCP_LISTEN  10
#define AF_INET	    2
#define AF_INET6    10
#define IPPROTO_TCP 6

/* Another network namespace may use the same ports for other things. 0: no namespaces here. */
const volatile __u32 own_netns;

static __always_inline bool is_in_own_netns(const struct sock *sk)
{
	if (!bpf_core_field_exists(possible_net_t, net) || !own_netns)
		return true;
	return READ(sk, __sk_common.skc_net.net, ns.inum) == own_netns;
}

static __always_inline void fill_address(struct tolld_listen_event *e, const struct sock *sk)
{
	const struct sock_common *common = &sk->__sk_common;
	__u32 *words = (__u32 *)e->address;

	e->ipv6 = READ(common, skc_family) == AF_INET6;
	e->ipv6_only = READ_BITFIELD(common, skc_ipv6only);
	words[1] = words[2] = words[3] = 0;
	if (!e->ipv6) {
		words[0] = READ(common, skc_rcv_saddr);
		return;
	}
	if (!bpf_core_field_exists(common->skc_v6_rcv_saddr))
		return;
	words[0] = READ(common, skc_v6_rcv_saddr.in6_u.u6_addr32[0]);
	words[1] = READ(common, skc_v6_rcv_saddr.in6_u.u6_addr32[1]);
	words[2] = READ(common, skc_v6_rcv_saddr.in6_u.u6_addr32[2]);
	words[3] = READ(common, skc_v6_rcv_saddr.in6_u.u6_addr32[3]);
}

/*
 * Watched from the instant it listens: a process that dies before user space has read of its
 * listener is told of all the same.
 */
static __always_inline void watch_owner(const struct watched_port *port, struct task_struct *task)
{
	struct watched_process process = { .role = IS_WATCHED };
	struct process_key key = { .pid = READ(task, tgid) };
	struct watched_process *known = bpf_map_lookup_elem(&tolld_watch, &key);

	if (known && is_same_process(known, start_of(task))) {
		known->role = IS_WATCHED;
		return;
	}
	process.family_pid = key.pid;
	learn_process(&process, task);
	__builtin_memcpy(process.service, port->service, sizeof(process.service));
	watched_add(&key, &process);
}

#ifndef WITHOUT_KERNEL_BTF

static __always_inline struct tcp_sock *tcp_of(const struct sock *sk)
{
	return bpf_skc_to_tcp_sock((void *)sk);
}

static __always_inline __u64 cookie_of(const struct sock *sk)
{
	return bpf_get_socket_cookie((void *)sk);
}

#else

static __always_inline struct tcp_sock *tcp_of(const struct sock *sk)
{
	return (struct tcp_sock *)sk;
}

/* Sockets get one when somebody asks for it: sock_diag does, and until then it is 0. */
static __always_inline __u64 cookie_of(const struct sock *sk)
{
	return READ(sk, __sk_common.skc_cookie.counter);
}

#endif

static __always_inline bool is_service(struct task_struct *task)
{
	const struct watched_process *entry = watched(task);

	return entry && entry->role == IS_WATCHED;
}

TRACEPOINT("inet_sock_set_state")
int BPF_PROG(tolld_listen, const struct sock *sk, int oldstate, int newstate)
{
	struct watched_port *watched_port;
	struct tolld_listen_event *e;
	struct task_struct *task;
	struct port_key key = {};
	struct tcp_sock *tcp;

	/*
	 * Fires for every change of every TCP connection: this line is what most of them cost. A new
	 * connection begins as a copy of its listener, so it leaves TCP_LISTEN, too, but not to close.
	 */
	if (newstate != TCP_LISTEN && !(oldstate == TCP_LISTEN && newstate == TCP_CLOSE))
		return 0;
	if (READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	tcp = tcp_of(sk);
	if (!tcp)
		return 0;
	/* skc_num is already 0 when a port that was bound by itself closes. */
	key.port = bpf_ntohs(READ(tcp, inet_conn.icsk_inet.inet_sport));
	task = CURRENT_TASK();
	watched_port = bpf_map_lookup_elem(&tolld_ports, &key);
	/* A service that is a program and is to listen: on which port, it says itself. */
	if ((!watched_port && !(newstate == TCP_LISTEN && is_service(task))) ||
		!is_in_own_netns(sk))
		return 0;

	if (watched_port && newstate == TCP_LISTEN)
		watch_owner(watched_port, task);
	e = event_reserve(TOLLD_LISTEN, sizeof(*e), READ(task, tgid), start_of(task));
	if (!e)
		return 0;
	e->cookie = cookie_of(sk);
	e->port = key.port;
	e->opened = newstate == TCP_LISTEN;
	fill_address(e, sk);
	__builtin_memset(e->unused, 0, sizeof(e->unused));
	READ_COMM(e->comm, READ(task, group_leader));
	bpf_ringbuf_submit(e, 0);
	return 0;
}

#endif
