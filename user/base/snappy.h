/*
 * snappy.h - takes apart a block that Snappy has packed, which is what remote write sends.
 *
 * Source: google/snappy, format_description.txt.
 */
#ifndef TOLLD_BASE_SNAPPY_H
#define TOLLD_BASE_SNAPPY_H

#include "base/util.h"

/*
 * 0 and the caller's bytes; -EBADMSG where it is no such block, -EMSGSIZE where it says that it holds more
 * than `max` bytes, -ENOMEM.
 */
int snappy_decode(const void *packed, size_t len, size_t max, char **ret, size_t *ret_len);

#endif
