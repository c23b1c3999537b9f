/*
 * read.bpf.h - how the programs read the kernel's memory and are attached: by the kernel's own types, or without.
 *
 * Where the kernel knows its types, pointers are typed and loads are plain. In the build WITHOUT_KERNEL_BTF
 * pointers are bare numbers to the kernel, and each load is a call of a helper, which lockdown=confidentiality
 * withdraws. In both the loader moves each access to where the kernel keeps the field (CO-RE).
 */
#ifndef TOLLD_READ_BPF_H
#define TOLLD_READ_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

/*
 * READ(task, signal, live.counter) is task->signal->live.counter. READ_COMM(to, task) copies a name, which
 * fits in `to`.
 */
#ifndef WITHOUT_KERNEL_BTF

#define TRACEPOINT(name)    SEC("tp_btf/" name)
#define READ(from, ...)	    ___arrow(from, __VA_ARGS__)
#define READ_BITFIELD	    BPF_CORE_READ_BITFIELD
#define READ_COMM(to, task) __builtin_memcpy(to, (task)->comm, sizeof(to))
#define CURRENT_TASK()	    bpf_get_current_task_btf()

#else

#define TRACEPOINT(name) SEC("raw_tp/" name)
/*
 * As wide as it is in the kernel: a pointer or a long of a machine of 32 bits takes half of what it does here. The
 * comma makes it a value, which is not const where the field is.
 */
#define READ_1(from, a)                                                                            \
	({                                                                                         \
		typeof(((void)0, (from)->a)) value_ = 0;                                           \
		bpf_core_read(&value_, bpf_core_field_size((from)->a), &(from)->a);                \
		value_;                                                                            \
	})
#define READ_2(from, a, b)                                                                         \
	({                                                                                         \
		typeof((from)->a) at_2_ = READ_1(from, a);                                         \
		READ_1(at_2_, b);                                                                  \
	})
#define READ_3(from, a, b, c)                                                                      \
	({                                                                                         \
		typeof((from)->a) at_3_ = READ_1(from, a);                                         \
		READ_2(at_3_, b, c);                                                               \
	})
#define READ(from, ...) ___apply(READ_, ___narg(__VA_ARGS__))(from, __VA_ARGS__)
#define READ_BITFIELD	BPF_CORE_READ_BITFIELD_PROBED
#define READ_COMM(to, task)                                                                        \
	({                                                                                         \
		const struct task_struct *named_ = (task);                                         \
		bpf_core_read(to, sizeof(to), &named_->comm);                                      \
	})
#define CURRENT_TASK() ((struct task_struct *)bpf_get_current_task())

#endif

#endif
