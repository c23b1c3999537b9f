/*
 * pages.h - memory that was needed once.
 */
#ifndef TOLLD_BASE_PAGES_H
#define TOLLD_BASE_PAGES_H

/*
 * Gives back to the kernel what is free on the heap, and lets go of all pages of programs and libraries
 * that are only read: what of them is still needed comes back from the page cache at its next use, a
 * fault of a microsecond. What only the start needed (relocation, constructors, the kernel's types, the
 * YAML parser) does not, and the kernel may use its memory for others before any that is mapped.
 */
void pages_give_back(void);

#endif
