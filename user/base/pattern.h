/*
 * pattern.h - what a text must be, begin with or contain, so that an anchored expression may match it.
 *
 * Most expressions that people write are a choice of words, or begin with one. Whoever knows the words
 * needs no machine for the others, and can look texts up. Where an expression says more than is
 * understood here, the answer is "cannot tell", never a wrong one.
 */
#ifndef TOLLD_BASE_PATTERN_H
#define TOLLD_BASE_PATTERN_H

#include "base/util.h"

#define PATTERN_MAX_WORDS  100
#define PATTERN_MAX_PREFIX 32

struct pattern_words {
	char *text; /* all of them, NUL between */
	const char *v[PATTERN_MAX_WORDS];
	size_t n;
	bool prefixes; /* what matches begins with one; none begins another. Else it is one of them */
};

/*
 * 1 with words that are not empty; 0 where it cannot tell; -ENOMEM. The expression must be valid. The
 * caller frees text, also then.
 */
int pattern_words(const char *pattern, struct pattern_words *ret);
/*
 * The longest piece of text that everything contains that it matches; its length, 0 where it cannot tell. `ret`
 * has room for size bytes with the NUL.
 */
size_t pattern_piece(const char *pattern, char *ret, size_t size);

#endif
