/*
 * tolld.bpf.c - the kernel side: sees deaths, signals and listeners of watched processes, without policy.
 *
 * One object for every kernel since 5.12 that has BTF: what differs between kernels is asked for by
 * field, never by version. Typed tracepoints only, and plain loads through BTF pointers, so that it
 * loads under lockdown=confidentiality, too.
 */
#include "process.bpf.h"
#include "signal.bpf.h"
#include "listen.bpf.h"
#include "usage.bpf.h"
#include "hang.bpf.h"
#include "machine.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
