/*
 * tracepoint.c - reads the types of tracepoints: each is a function that begins with the tracer's own argument.
 */
#include "watch/tracepoint.h"

#include <bpf/btf.h>
#include <stdint.h>
#include <stdio.h>

/* How many arguments it has beside the tracer's own; -1: there is no such tracepoint. */
static int arguments_of(const struct btf *btf, const char *name)
{
	const struct btf_type *type;
	char typedef_name[64];
	int id;

	snprintf(typedef_name, sizeof(typedef_name), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, typedef_name, BTF_KIND_TYPEDEF);
	if (id <= 0)
		return -1;
	type = btf__type_by_id(btf, btf__type_by_id(btf, (uint32_t)id)->type);
	if (!type || !btf_is_ptr(type))
		return -1;
	type = btf__type_by_id(btf, type->type);
	return type && btf_is_func_proto(type) ? btf_vlen(type) - 1 : -1;
}

void tracepoints_ask(struct tracepoints *ret)
{
	struct btf *btf = btf__load_vmlinux_btf();

	*ret = (struct tracepoints){ 0 };
	if (!btf)
		return;
	ret->exit_tells_group_dead = arguments_of(btf, "sched_process_exit") == 2;
	ret->has_block_rq_error = arguments_of(btf, "block_rq_error") > 0;
	ret->has_sched_process_hang = arguments_of(btf, "sched_process_hang") > 0;
	btf__free(btf);
}
