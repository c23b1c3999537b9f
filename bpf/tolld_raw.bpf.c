/*
 * tolld_raw.bpf.c - the same programs for a kernel that does not know its own types: a file says them.
 *
 * Raw tracepoints in place of typed ones, and all is read by a helper. What only typed programs can do is
 * missing, iterators above all: user space reads /proc there.
 */
#define WITHOUT_KERNEL_BTF
#include "process.bpf.h"
#include "signal.bpf.h"
#include "listen.bpf.h"
#include "hang.bpf.h"
#include "machine.bpf.h"
#include "tolld/self.h"

struct tolld_self self;

/*
 * Not attached: user space runs it before all others are. A file of another kernel is not noticed by the loader
 * where its types have the same fields in other places.
 */
SEC("raw_tp")
int tolld_self(void *ctx)
{
	struct task_struct *task = CURRENT_TASK();

	self.pid = READ(task, tgid);
	self.parent_pid = READ(task, real_parent, tgid);
	self.threads = READ(task, signal, nr_threads);
	self.start_boottime_ns = start_of(task);
	READ_COMM(self.comm, task);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
