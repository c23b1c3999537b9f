/*
 * hex.h - bytes as hexadecimal digits, for text that a format cannot carry as it is.
 */
#ifndef TOLLD_BASE_HEX_H
#define TOLLD_BASE_HEX_H

#include "base/strbuf.h"

void hex_add(struct strbuf *out, const void *bytes, size_t len);
/* A number as its 16 digits, and the NUL. */
void hex_format64(char out[17], uint64_t v);
/* What a digit of either case stands for; -1: it is none. */
int hex_digit(char digit);
/* Adds the bytes that the lower-case digits stand for. 0, or -EINVAL with nothing added. */
int hex_read(const char *digits, struct strbuf *out);

#endif
