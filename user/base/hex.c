/*
 * hex.c - bytes as hexadecimal digits.
 */
#include "base/hex.h"

#include <errno.h>

static const char hex_digits[] = "0123456789abcdef";

void hex_add(struct strbuf *out, const void *bytes, size_t len)
{
	const unsigned char *b = bytes;

	for (size_t i = 0; i < len; i++) {
		strbuf_addch(out, hex_digits[b[i] >> 4]);
		strbuf_addch(out, hex_digits[b[i] & 15]);
	}
}

int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 'a' - 'A';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

int hex_read(const char *digits, struct strbuf *out)
{
	size_t len = strlen(digits);

	if (len % 2 || strspn(digits, hex_digits) != len)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 2)
		strbuf_addch(out, (char)(hex_digit(digits[i]) << 4 | hex_digit(digits[i + 1])));
	return 0;
}

void hex_format64(char out[17], uint64_t v)
{
	for (unsigned i = 0; i < 16; i++)
		out[i] = hex_digits[v >> (60 - 4 * i) & 15];
	out[16] = '\0';
}
