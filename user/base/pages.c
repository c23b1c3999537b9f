/*
 * pages.c - lets go of what is mapped and not used.
 */
#include "base/pages.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include "base/util.h"

/* Far more than tolld's libraries have; what is beyond is kept. */
#define RANGES_MAX 256

struct ranges {
	struct {
		uintptr_t from, to;
	} items[RANGES_MAX];
	size_t n;
};

/* Segments that cannot be written: they hold nothing that is not in the file. */
static int collect(struct dl_phdr_info *info, size_t size, void *userdata)
{
	struct ranges *ranges = userdata;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < info->dlpi_phnum && ranges->n < RANGES_MAX; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
			continue;
		ranges->items[ranges->n].from = from / page * page;
		ranges->items[ranges->n++].to = (from + segment->p_memsz + page - 1) / page * page;
	}
	return 0;
}

void pages_give_back(void)
{
	struct ranges ranges = { .n = 0 };

	malloc_trim(0);
	/* First all, then each: to read where a segment lies would bring its first pages back. */
	dl_iterate_phdr(collect, &ranges);
	/* The kernel's own object minds; it is not ours to give. */
	for (size_t i = 0; i < ranges.n; i++)
		madvise((void *)ranges.items[i].from, ranges.items[i].to - ranges.items[i].from,
			MADV_DONTNEED);
}
