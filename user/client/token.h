/*
 * token.h - tokens of OAuth 2.0 by client credentials (RFC 6749 4.4) or a refresh token (6): asked for, kept,
 * forgotten.
 */
#ifndef TOLLD_CLIENT_TOKEN_H
#define TOLLD_CLIENT_TOKEN_H

#include "base/censor.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "config/config.h"

struct tokens {
	struct map by_owner; /* who asks whom for what -> struct token */
};

void tokens_release(struct tokens *tokens);
/* "Bearer ..." that is good for a while yet, or NULL. */
const char *tokens_find(
	const struct tokens *tokens, const struct config_oauth2 *oauth2, int64_t now_boot_ns);
void tokens_forget(struct tokens *tokens, const struct config_oauth2 *oauth2);
/*
 * Takes the server's answer. -ENOMEM; -EPERM with error[] where there is no token in it, without what was
 * `shown` of secrets.
 */
int tokens_learn(struct tokens *tokens, const struct config_oauth2 *oauth2, long status,
	const char *answer, const struct censor *shown, int64_t now_boot_ns, char *error,
	size_t error_size);
/*
 * The body that asks for a token. Who asks stands in it where `in_params`, else in `way` as basic
 * authentication, which borrows from the settings. What is secret in the body goes into `shown`. Errors as of client_secret().
 */
int token_form(const struct config_oauth2 *oauth2, bool in_params, struct config_client *way,
	struct strbuf *form, struct censor *shown, char *error, size_t error_size);

#endif
