/*
 * once.h - one request over HTTP, waited for. For commands that have nothing else to do; never for
 * the daemon, whose loop must go on.
 */
#ifndef TOLLD_NET_ONCE_H
#define TOLLD_NET_ONCE_H

#include "base/strbuf.h"

#define NET_ONCE_ERROR_MAX 256

/*
 * GET, or POST where `form` is not NULL. `body` is filled up to its maximum; any status of HTTP is an
 * answer. 0; -ENOMEM; -EMSGSIZE where the body is too large; -EHOSTUNREACH with error[] filled where
 * no whole answer came.
 */
int net_once(const char *url, const char *form, struct strbuf *body, long *ret_status,
	char error[NET_ONCE_ERROR_MAX]);

#endif
