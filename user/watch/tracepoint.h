/*
 * tracepoint.h - what this kernel's tracepoints are like, asked of its type information.
 */
#ifndef TOLLD_WATCH_TRACEPOINT_H
#define TOLLD_WATCH_TRACEPOINT_H

#include <stdbool.h>

struct tracepoints {
	/*
	 * Whether sched_process_exit has the argument group_dead (since 6.16). Asked here and not by CO-RE: the
	 * structure that would tell is not there in older kernels, and libbpf would then look for it in
	 * every module, which takes CAP_SYS_ADMIN.
	 */
	bool exit_tells_group_dead;
	bool has_block_rq_error;     /* since 5.18 */
	bool has_sched_process_hang; /* with CONFIG_DETECT_HUNG_TASK */
};

void tracepoints_ask(struct tracepoints *ret);

#endif
