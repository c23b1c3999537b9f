/*
 * machine.bpf.h - what happens to the machine, whoever it is about.
 */
#ifndef TOLLD_MACHINE_BPF_H
#define TOLLD_MACHINE_BPF_H

#include "common.bpf.h"

/* A request to a disk failed. Rare, so it costs nothing; which process it was for nobody knows by then. */
TRACEPOINT("block_rq_error")
int tolld_blkerr(__u64 *ctx)
{
	__u32 zero = 0;
	struct event_counts *counts = bpf_map_lookup_elem(&tolld_counts, &zero);

	if (counts)
		counts->block_errors++;
	return 0;
}

#endif
