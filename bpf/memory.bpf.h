/*
 * memory.bpf.h - how much of a process's memory is in RAM.
 */
#ifndef TOLLD_MEMORY_BPF_H
#define TOLLD_MEMORY_BPF_H

#include "common.bpf.h"

#define MM_FILEPAGES  0
#define MM_ANONPAGES  1
#define MM_SHMEMPAGES 3

/*
 * Set before loading. Most is read through typed pointers. What is not, descriptors and before 6.2 resident
 * memory, takes a helper that lockdown=confidentiality withdraws.
 */
#ifndef WITHOUT_KERNEL_BTF
const volatile bool memory_is_readable = true;
#else
#define memory_is_readable true
#endif

/* Its types have a name too much for the verifiers of those kernels. */
static __always_inline __s64 pages_before_6_2(struct mm_struct *mm, int kind)
{
	struct mm_struct___before_6_2 *old = (void *)mm;
	__u32 size = bpf_core_field_size(old->rss_stat.count[0].counter);
	__s64 pages = 0;

	bpf_core_read(&pages, size, &old->rss_stat.count[kind].counter);
	return size == sizeof(__s32) ? (__s32)pages : pages;
}

/* Negative: not known. */
static __always_inline __s64 resident_pages(struct mm_struct *mm)
{
	struct mm_struct___since_6_2 *new = (void *)mm;
	__s64 file, anon, shmem;

	/* What CPUs have counted and not handed in is missing: up to 64 pages each. */
	if (bpf_core_field_exists(new->rss_stat[0].count)) {
		file = READ(new, rss_stat[MM_FILEPAGES].count);
		anon = READ(new, rss_stat[MM_ANONPAGES].count);
		shmem = READ(new, rss_stat[MM_SHMEMPAGES].count);
	} else if (memory_is_readable) {
		file = pages_before_6_2(mm, MM_FILEPAGES);
		anon = pages_before_6_2(mm, MM_ANONPAGES);
		shmem = pages_before_6_2(mm, MM_SHMEMPAGES);
	} else {
		return -1;
	}
	/* Each may be a little below zero for a moment. */
	return (file > 0 ? file : 0) + (anon > 0 ? anon : 0) + (shmem > 0 ? shmem : 0);
}

#endif
