/*
 * util.h - the few macros that every file uses.
 *
 * scoped(f)   runs f(&variable) when the variable leaves its scope.
 * TAKE(p)     hands a pointer over: yields it and leaves NULL behind, so that scoped() frees nothing.
 * vec_*       a growable array is three plain fields, `items`, `n` and `cap`, in whatever struct owns it.
 */
#ifndef TOLLD_BASE_UTIL_H
#define TOLLD_BASE_UTIL_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define scoped(fn) __attribute__((cleanup(fn)))

#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MIN(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) min_a_ = (a);                                                        \
		__typeof__(b) min_b_ = (b);                                                        \
		min_a_ < min_b_ ? min_a_ : min_b_;                                                 \
	})

#define MAX(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) max_a_ = (a);                                                        \
		__typeof__(b) max_b_ = (b);                                                        \
		max_a_ > max_b_ ? max_a_ : max_b_;                                                 \
	})

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* For a type with `void name_free(struct name *)`: the cleanup function of scoped(name_freep). */
#define DEFINE_FREEP(name)                                                                         \
	static inline void name##_freep(struct name **p)                                           \
	{                                                                                          \
		name##_free(*p);                                                                   \
	}

static inline void freep(void *p)
{
	free(*(void **)p);
}

/* Closes a descriptor that is not negative. */
static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/*
 * As access(), which asks for the real user, and for none of its capabilities where that is not root: this is what
 * open() would say.
 */
static inline int effective_access(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static inline bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * Makes room for one more item in an array of `*cap` items of `size` bytes of which n are used.
 * Returns the array, which may have moved, or NULL when memory is out; the old one is then whole.
 */
void *vec_grow(void *items, size_t n, size_t *cap, size_t size);

/* Room for one more: true, or false when memory is out; items and cap are lvalues. */
#define vec_reserve(items, n, cap)                                                                 \
	({                                                                                         \
		void *grown_ = vec_grow((items), (n), &(cap), sizeof(*(items)));                   \
		if (grown_)                                                                        \
			(items) = grown_;                                                          \
		grown_ != NULL;                                                                    \
	})

#endif
