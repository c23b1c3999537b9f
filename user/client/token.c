/*
 * token.c - tokens of OAuth 2.0 by client credentials or a refresh token.
 *
 * Source: RFC 6749 4.4, 5 and 6; golang.org/x/oauth2 for who is asked in which way.
 */
#include "client/token.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>
#include "base/clock.h"
#include "base/escape.h"
#include "client/options.h"

/* A token is not used in its last seconds: it has a way to go. */
#define SPARE_NS (10 * NSEC_PER_SEC)
/* Where the server does not say how long it lasts. */
#define UNTOLD_SECONDS 3600

struct token {
	int64_t ends_boot_ns;
	char header[]; /* "Bearer ..." */
};

static void token_free(struct token *token)
{
	if (!token)
		return;
	explicit_bzero(token->header, strlen(token->header));
	free(token);
}

void tokens_release(struct tokens *tokens)
{
	map_foreach (&tokens->by_owner, entry)
		token_free(entry->value);
	map_release(&tokens->by_owner);
}

static void owner(const struct config_oauth2 *oauth2, struct strbuf *key)
{
	strbuf_addf(key, "%s\n%s\n", oauth2->token_url.s, oauth2->client_id.s);
	/* One client may stand for several accounts. */
	strbuf_addf(key, "%s\n%s\n",
		oauth2->refresh_token.file.s ? oauth2->refresh_token.file.s : "",
		oauth2->refresh_token.value.s ? oauth2->refresh_token.value.s : "");
	for (size_t i = 0; i < oauth2->scopes.n; i++)
		strbuf_addf(key, "%s ", oauth2->scopes.items[i].s);
	for (size_t i = 0; i < oauth2->endpoint_params.n; i++)
		strbuf_addf(key, "\n%s=%s", oauth2->endpoint_params.items[i].name.s,
			oauth2->endpoint_params.items[i].value.s);
}

const char *tokens_find(
	const struct tokens *tokens, const struct config_oauth2 *oauth2, int64_t now_boot_ns)
{
	struct strbuf key = STRBUF_INIT;
	const struct token *token;

	owner(oauth2, &key);
	token = key.err ? NULL : map_gets(&tokens->by_owner, key.s);
	strbuf_release(&key);
	return token && now_boot_ns < token->ends_boot_ns - SPARE_NS ? token->header : NULL;
}

void tokens_forget(struct tokens *tokens, const struct config_oauth2 *oauth2)
{
	struct strbuf key = STRBUF_INIT;
	struct token *token;

	owner(oauth2, &key);
	token = key.err ? NULL : map_gets(&tokens->by_owner, key.s);
	if (token)
		map_dels(&tokens->by_owner, key.s);
	token_free(token);
	strbuf_release(&key);
}

static int keep(struct tokens *tokens, const struct config_oauth2 *oauth2, const json_t *answer,
	int64_t now_boot_ns)
{
	const char *text = json_string_value(json_object_get(answer, "access_token"));
	const char *type = json_string_value(json_object_get(answer, "token_type"));
	json_int_t seconds = json_integer_value(json_object_get(answer, "expires_in"));
	struct strbuf key = STRBUF_INIT;
	struct token *token;
	size_t size;
	int err;

	/* RFC 6750 writes it "Bearer"; servers write it as they like. */
	if (!type || !strcasecmp(type, "bearer"))
		type = "Bearer";
	size = strlen(type) + strlen(text) + 2;
	token = malloc(sizeof(*token) + size);
	if (!token)
		return -ENOMEM;
	snprintf(token->header, size, "%s %s", type, text);
	if (seconds <= 0 || seconds > 365 * 86400)
		seconds = UNTOLD_SECONDS;
	token->ends_boot_ns = now_boot_ns + MAX((int64_t)seconds * NSEC_PER_SEC, 2 * SPARE_NS);
	tokens_forget(tokens, oauth2);
	owner(oauth2, &key);
	err = key.err ? key.err : map_puts(&tokens->by_owner, key.s, token);
	strbuf_release(&key);
	if (err)
		token_free(token);
	return err;
}

/* What is not one line would be more than one header. */
static bool is_line(const char *text)
{
	return !text[strcspn(text, "\r\n")];
}

int tokens_learn(struct tokens *tokens, const struct config_oauth2 *oauth2, long status,
	const char *answer, const struct censor *shown, int64_t now_boot_ns, char *error,
	size_t error_size)
{
	json_t *root = json_loads(answer, 0, NULL);
	const char *text = json_string_value(json_object_get(root, "access_token"));
	const char *type = json_string_value(json_object_get(root, "token_type"));
	const char *why = json_string_value(json_object_get(root, "error"));
	struct strbuf said = STRBUF_INIT;
	int err;

	if (status / 100 == 2 && text && *text && is_line(text) && (!type || is_line(type))) {
		err = keep(tokens, oauth2, root, now_boot_ns);
	} else {
		censor_text(shown, why ? why : "", why ? strlen(why) : 0, &said);
		snprintf(error, error_size, "oauth2 token: status code %ld%s%.100s", status,
			why		    ? ": "
			: status / 100 == 2 ? ": no access_token in the answer"
					    : "",
			said.s);
		strbuf_release(&said);
		err = -EPERM;
	}
	json_decref(root);
	return err;
}

static void param(struct strbuf *form, const char *name, const char *value)
{
	if (form->len)
		strbuf_addch(form, '&');
	escape_query(form, name, strlen(name));
	strbuf_addch(form, '=');
	escape_query(form, value, strlen(value));
}

static bool refreshed(const struct config_oauth2 *oauth2)
{
	return oauth2->refresh_token.value.s || oauth2->refresh_token.file.s;
}

int token_form(const struct config_oauth2 *oauth2, bool in_params, struct config_client *way,
	struct strbuf *form, struct censor *shown, char *error, size_t error_size)
{
	struct strbuf scopes = STRBUF_INIT;
	char *secret = NULL;
	int err = 0;

	strbuf_reset(form);
	param(form, "grant_type", refreshed(oauth2) ? "refresh_token" : "client_credentials");
	if (refreshed(oauth2)) {
		err = client_secret(
			&oauth2->refresh_token, "refresh_token", &secret, error, error_size);
		censor_add(shown, secret);
		if (!err)
			param(form, "refresh_token", secret);
		config_secret_wipe(&secret);
	}
	for (size_t i = 0; i < oauth2->scopes.n; i++)
		strbuf_addf(&scopes, "%s%s", i ? " " : "", oauth2->scopes.items[i].s);
	if (scopes.len)
		param(form, "scope", scopes.s);
	for (size_t i = 0; i < oauth2->endpoint_params.n; i++)
		param(form, oauth2->endpoint_params.items[i].name.s,
			oauth2->endpoint_params.items[i].value.s);
	if (in_params && !err) {
		err = client_secret(
			&oauth2->client_secret, "client_secret", &secret, error, error_size);
		censor_add(shown, secret);
		param(form, "client_id", oauth2->client_id.s);
		if (!err)
			param(form, "client_secret", secret);
		config_secret_wipe(&secret);
	} else if (!err) {
		way->http.basic_auth = true;
		way->http.username.value = oauth2->client_id;
		way->http.password = oauth2->client_secret;
	}
	if (!err)
		err = scopes.err ? scopes.err : form->err;
	strbuf_release(&scopes);
	return err;
}
