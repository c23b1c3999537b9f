/*
 * http_client.c - credentials, headers and the proxy of a client of HTTP, and http_config as a whole.
 *
 * Source: prometheus/common config/http_config.go and config/headers.go.
 */
#include <ctype.h>
#include <strings.h>
#include "config/http.h"

static void read_basic_auth(struct reader *r, const struct tree_pair *pair, void *out);
static void read_authorization(struct reader *r, const struct tree_pair *pair, void *out);
static void read_file(struct reader *r, const struct tree_pair *pair, void *out);
static void read_headers(struct reader *r, const struct tree_pair *pair, void *out);
static void read_connect_headers(struct reader *r, const struct tree_pair *pair, void *out);

#define H struct config_http
static const struct schema_key basic_auth_keys[] = {
	SERVED("username", S_TEXT, H, username.value),
	CUSTOM("username_file", read_file),
	LATER("username_ref", S_TEXT),
	SERVED("password", S_SECRET, H, password.value),
	CUSTOM("password_file", read_file),
	LATER("password_ref", S_TEXT),
};
const struct schema basic_auth_schema = SCHEMA("basic_auth", basic_auth_keys, NULL);

static const struct schema_key authorization_keys[] = {
	SERVED("type", S_TEXT, H, auth_type),
	SERVED("credentials", S_SECRET, H, credentials.value),
	CUSTOM("credentials_file", read_file),
	LATER("credentials_ref", S_TEXT),
};
const struct schema authorization_schema = SCHEMA("authorization", authorization_keys, NULL);

static const struct schema_key http_client_keys[] = {
	CUSTOM("basic_auth", read_basic_auth),
	CUSTOM("authorization", read_authorization),
	SERVED("bearer_token", S_SECRET, H, credentials.value),
	CUSTOM("bearer_token_file", read_file),
	CUSTOM("http_headers", read_headers),
	SERVED("proxy_url", S_SECRET, H, proxy_url),
	SERVED("no_proxy", S_TEXT, H, no_proxy),
	SERVED("proxy_from_environment", S_BOOL, H, proxy_from_environment),
	CUSTOM("proxy_connect_header", read_connect_headers),
};
/* Reads a struct config_http: credentials, headers, proxy. */
static const struct schema http_client_schema = SCHEMA("http_config", http_client_keys, NULL);
#undef H

void config_read_http_key(struct reader *r, const struct tree_pair *pair, struct config_http *http)
{
	const struct schema_key *key = schema_find(&http_client_schema, pair->key->text.s);

	schema_read_pair(r, key, pair, http);
}

/* The path of a file, as seen from the file that names it. */
static bool read_path(struct reader *r, const struct tree_pair *pair, struct config_text *ret)
{
	if (!reader_text(r, pair, ret))
		return false;
	if (text_set(ret))
		ret->s = reader_path(r, pair->value);
	else
		ret->s = NULL;
	return true;
}

static void read_file(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_http *http = out;
	const char *key = pair->key->text.s;

	read_path(r, pair,
		streq(key, "username_file")   ? &http->username.file
		: streq(key, "password_file") ? &http->password.file
					      : &http->credentials.file);
}

static void read_basic_auth(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_http *http = out;

	if (pair->value->null)
		return;
	http->basic_auth = true;
	schema_read(r, &basic_auth_schema, pair->value, http);
}

static void read_authorization(struct reader *r, const struct tree_pair *pair, void *out)
{
	static char bearer[] = "Bearer";
	struct config_http *http = out;
	char *type;
	size_t len;

	if (pair->value->null)
		return;
	schema_read(r, &authorization_schema, pair->value, http);
	type = http->auth_type.s ? http->auth_type.s : bearer;
	type += strspn(type, " \t\r\n");
	len = strlen(type);
	while (len && isspace((unsigned char)type[len - 1]))
		len--;
	http->auth_type.s = len ? arena_strndup(&r->config->arena, type, len) : bearer;
	if (!http->auth_type.s)
		reader_no_memory(r);
	else if (http->auth_type.s[strcspn(http->auth_type.s, "\r\n")])
		diag_error(r->diag, http->auth_type.pos, "a header's value has one line");
}

/* -- headers --------------------------------------------------------------------------------- */

/* Those that the client sets itself or that are another setting's. */
static const char *const reserved[] = { "Authorization", "Host", "Content-Encoding",
	"Content-Length", "Content-Type", "User-Agent", "Connection", "Keep-Alive",
	"Proxy-Authenticate", "Proxy-Authorization", "Www-Authenticate", "Accept-Encoding",
	"X-Prometheus-Remote-Write-Version", "X-Prometheus-Remote-Read-Version",
	"X-Prometheus-Scrape-Timeout-Seconds", "X-Amz-Date", "X-Amz-Security-Token",
	"X-Amz-Content-Sha256" };

/* As it is written, or NULL. */
static const char *find_reserved(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		if (!strcasecmp(reserved[i], name))
			return reserved[i];
	}
	return NULL;
}

static bool check_header_name(struct reader *r, const struct config_text *name)
{
	static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "!#$%&'*+-.^_`|~";

	if (!*name->s || name->s[strspn(name->s, token)]) {
		diag_error(r->diag, name->pos, "\"%s\" is no name of a header", name->s);
		return false;
	}
	if (find_reserved(name->s)) {
		diag_error(r->diag, name->pos, "setting header \"%s\" is not allowed",
			find_reserved(name->s));
		return false;
	}
	return true;
}

/* `pair` is a list of values, told by their key whether they are texts, secrets or files. */
static void read_values(
	struct reader *r, const struct tree_pair *pair, struct config_header *header, bool secret)
{
	size_t n = reader_list(r, pair);
	struct config_text text;

	header->secret |= secret;
	if (secret && pair->value->kind != TREE_LIST)
		reader_hide(pair->value);
	for (size_t i = 0; i < n; i++) {
		const struct tree_node *item = pair->value->items[i];

		if (secret)
			reader_hide(item);
		if (!reader_item_text(r, pair->key->text.s, item, &text))
			continue;
		if (text.s[strcspn(text.s, "\r\n")]) {
			diag_error(r->diag, item->pos, "a header's value has one line");
			continue;
		}
		if (!arena_reserve(&r->config->arena, header->values, header->n_values,
			    header->cap_values)) {
			reader_no_memory(r);
			return;
		}
		header->values[header->n_values++] = text;
	}
}

static void read_values_plain(struct reader *r, const struct tree_pair *pair, void *out)
{
	read_values(r, pair, out, false);
}

static void read_values_secret(struct reader *r, const struct tree_pair *pair, void *out)
{
	read_values(r, pair, out, true);
}

static void read_value_files(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_header *header = out;
	size_t n = reader_list(r, pair);
	struct config_text text;

	for (size_t i = 0; i < n; i++) {
		if (!reader_item_text(r, "files", pair->value->items[i], &text) || !*text.s)
			continue;
		text.s = reader_path(r, pair->value->items[i]);
		if (!arena_reserve(
			    &r->config->arena, header->files, header->n_files, header->cap_files)) {
			reader_no_memory(r);
			return;
		}
		header->files[header->n_files++] = text;
	}
}

static const struct schema_key header_keys[] = {
	CUSTOM("values", read_values_plain),
	CUSTOM("secrets", read_values_secret),
	CUSTOM("files", read_value_files),
};
static const struct schema header_schema = SCHEMA("http_headers", header_keys, NULL);

static void add_header(struct reader *r, struct config_headers *list, struct config_header header)
{
	if (arena_reserve(&r->config->arena, list->items, list->n, list->cap))
		list->items[list->n++] = header;
	else
		reader_no_memory(r);
}

static bool is_mapping(struct reader *r, const struct tree_pair *pair)
{
	if (pair->value->kind == TREE_MAP)
		return true;
	if (!pair->value->null)
		diag_error(r->diag, pair->value->pos, "'%s' must be a mapping of names, not %s",
			pair->key->text.s, tree_describe(pair->value));
	return false;
}

static void read_headers(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_http *http = out;

	for (size_t i = 0; is_mapping(r, pair) && i < pair->value->n; i++) {
		const struct tree_pair *item = &pair->value->pairs[i];
		struct config_header header = { 0 };

		if (!reader_item_text(r, "http_headers", item->key, &header.name))
			continue;
		schema_read(r, &header_schema, item->value, &header);
		/* Where it is no list of values, or one of another setting's, it is likely a secret. */
		if (item->value->kind != TREE_MAP || find_reserved(header.name.s))
			reader_hide(item->value);
		if (check_header_name(r, &header.name))
			add_header(r, &http->headers, header);
	}
}

/* Names to lists of secrets. */
static void read_connect_headers(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_http *http = out;

	for (size_t i = 0; is_mapping(r, pair) && i < pair->value->n; i++) {
		const struct tree_pair *item = &pair->value->pairs[i];
		struct config_header header = { 0 };

		if (!reader_item_text(r, "proxy_connect_header", item->key, &header.name))
			continue;
		read_values(r, item, &header, true);
		add_header(r, &http->proxy_connect_headers, header);
	}
}

/* -- what does not go together --------------------------------------------------------------- */

static struct pos place(const struct tree_node *node, const char *key)
{
	const struct tree_pair *pair = tree_get(node, key);

	return pair ? pair->key->pos : node->pos;
}

static bool is_set(const struct tree_node *node, const char *key)
{
	const struct tree_pair *pair = tree_get(node, key);

	return pair && !pair->value->null &&
	       (pair->value->kind != TREE_SCALAR || pair->value->text.len);
}

static bool both_set(const struct config_secret *secret)
{
	return text_set(&secret->value) && text_set(&secret->file);
}

static void check_bearer(struct reader *r, const struct tree_node *node, struct config_http *http)
{
	static char bearer[] = "Bearer";
	const char *key = is_set(node, "bearer_token") ? "bearer_token" : "bearer_token_file";
	bool old = is_set(node, key);

	if (is_set(node, "bearer_token") && is_set(node, "bearer_token_file"))
		diag_error(r->diag, place(node, "bearer_token_file"),
			"at most one of bearer_token & bearer_token_file must be configured");
	if (old && (http->basic_auth || is_set(node, "oauth2")))
		diag_error(r->diag, place(node, key),
			"at most one of basic_auth, oauth2, bearer_token & bearer_token_file must "
			"be configured");
	if (old && http->auth_type.s)
		diag_error(r->diag, place(node, key),
			"authorization is not compatible with bearer_token & bearer_token_file");
	else if (old)
		http->auth_type.s = bearer;
}

static void check_credentials(
	struct reader *r, const struct tree_node *node, const struct config_http *http)
{
	if (both_set(&http->username))
		diag_error(r->diag, place(node, "basic_auth"),
			"at most one of basic_auth username, username_file & username_ref must be "
			"configured");
	if (both_set(&http->password))
		diag_error(r->diag, place(node, "basic_auth"),
			"at most one of basic_auth password, password_file & password_ref must be "
			"configured");
	if (is_set(node, "authorization") && both_set(&http->credentials))
		diag_error(r->diag, place(node, "authorization"),
			"at most one of authorization credentials & credentials_file must be "
			"configured");
	if (http->auth_type.s && !strcasecmp(http->auth_type.s, "basic"))
		diag_error(r->diag, place(node, "authorization"),
			"authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
	if (is_set(node, "authorization") && (http->basic_auth || is_set(node, "oauth2")))
		diag_error(r->diag, place(node, "authorization"),
			"at most one of basic_auth, oauth2 & authorization must be configured");
}

static void check_proxy(struct reader *r, const struct tree_node *node,
	const struct config_http *http, bool lenient)
{
	static const char *const schemes[] = { "http://", "https://", "socks5://", "socks5h://" };
	bool url = text_set(&http->proxy_url), known = !url;

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		known |= url && starts_with(http->proxy_url.s, schemes[i]);
	if (!known && lenient)
		diag_warning(r->diag, http->proxy_url.pos,
			"proxy_url should begin with http://, https:// or socks5://");
	else if (!known)
		diag_error(r->diag, http->proxy_url.pos,
			"proxy_url must begin with http://, https:// or socks5://");
	if (http->proxy_connect_headers.n && !url && !http->proxy_from_environment)
		diag_error(r->diag, place(node, "proxy_connect_header"),
			"if proxy_connect_header is configured, proxy_url or "
			"proxy_from_environment must also be configured");
	if (http->proxy_from_environment && url)
		diag_error(r->diag, place(node, "proxy_from_environment"),
			"if proxy_from_environment is configured, proxy_url must not be configured");
	if (http->proxy_from_environment && text_set(&http->no_proxy))
		diag_error(r->diag, place(node, "proxy_from_environment"),
			"if proxy_from_environment is configured, no_proxy must not be configured");
	else if (!url && text_set(&http->no_proxy))
		diag_error(r->diag, place(node, "no_proxy"),
			"if no_proxy is configured, proxy_url must also be configured");
}

void config_check_http(struct reader *r, const struct tree_node *node, struct config_http *http)
{
	check_bearer(r, node, http);
	check_credentials(r, node, http);
	check_proxy(r, node, http, false);
}

/* -- http_config ----------------------------------------------------------------------------- */

static void read_client_tls(struct reader *r, const struct tree_pair *pair, void *out);
static void read_oauth2(struct reader *r, const struct tree_pair *pair, void *out);
static void read_oauth2_tls(struct reader *r, const struct tree_pair *pair, void *out);
static void read_oauth2_secret(struct reader *r, const struct tree_pair *pair, void *out);
static void read_oauth2_grant(struct reader *r, const struct tree_pair *pair, void *out);
static void read_refresh_token(struct reader *r, const struct tree_pair *pair, void *out);
static void read_oauth2_proxy(struct reader *r, const struct tree_pair *pair, void *out);
static void read_scopes(struct reader *r, const struct tree_pair *pair, void *out);

/* The keys of credentials are read into the whole. */
_Static_assert(offsetof(struct config_client, http) == 0, "http must come first");

static const struct schema_key client_keys[] = {
	CUSTOM("tls_config", read_client_tls),
	CUSTOM("oauth2", read_oauth2),
	SERVED("follow_redirects", S_BOOL, struct config_client, follow_redirects),
	QUIET("enable_http2", S_BOOL),
};
const struct schema client_schema = SCHEMA("http_config", client_keys, &http_client_schema);

#define O struct config_oauth2
static const struct schema_key oauth2_keys[] = {
	SERVED("client_id", S_TEXT, O, client_id),
	SERVED("client_secret", S_SECRET, O, client_secret.value),
	CUSTOM("client_secret_file", read_oauth2_secret),
	LATER("client_secret_ref", S_TEXT),
	LATER("client_certificate_key_id", S_TEXT),
	LATER("client_certificate_key", S_SECRET),
	LATER("client_certificate_key_file", S_TEXT),
	LATER("client_certificate_key_ref", S_TEXT),
	CUSTOM("grant_type", read_oauth2_grant),
	LATER("iss", S_TEXT),
	LATER("audience", S_TEXT),
	LATER("signature_algorithm", S_TEXT),
	LATER("claims", S_ANY),
	CUSTOM("scopes", read_scopes),
	SERVED("token_url", S_TEXT, O, token_url),
	SERVED("endpoint_params", S_PAIRS, O, endpoint_params),
	CUSTOM("tls_config", read_oauth2_tls),
	CUSTOM("proxy_url", read_oauth2_proxy),
	CUSTOM("no_proxy", read_oauth2_proxy),
	CUSTOM("proxy_from_environment", read_oauth2_proxy),
	CUSTOM("proxy_connect_header", read_oauth2_proxy),
};
#undef O
static const struct schema oauth2_schema = SCHEMA("oauth2", oauth2_keys, NULL);

static const struct schema_key mail_oauth2_keys[] = {
	SERVED("refresh_token", S_SECRET, struct config_oauth2, refresh_token.value),
	CUSTOM("refresh_token_file", read_refresh_token),
};
static const struct schema mail_oauth2_schema = SCHEMA("oauth2", mail_oauth2_keys, &oauth2_schema);

static void read_client_tls(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_tls_here(r, pair, &((struct config_client *)out)->tls);
}

static void read_oauth2_tls(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_tls_here(r, pair, &((struct config_oauth2 *)out)->tls);
}

static void read_oauth2_secret(struct reader *r, const struct tree_pair *pair, void *out)
{
	read_path(r, pair, &((struct config_oauth2 *)out)->client_secret.file);
}

static void read_refresh_token(struct reader *r, const struct tree_pair *pair, void *out)
{
	read_path(r, pair, &((struct config_oauth2 *)out)->refresh_token.file);
}

static void read_oauth2_proxy(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_http_key(r, pair, &((struct config_oauth2 *)out)->http);
}

static void read_oauth2_grant(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_text type;

	if (reader_text(r, pair, &type) && *type.s && !streq(type.s, "client_credentials"))
		reader_tell_unserved(r, pair->value->pos, "grant_type");
}

static void read_scopes(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_texts *scopes = &((struct config_oauth2 *)out)->scopes;
	size_t n = reader_list(r, pair);
	struct config_text text;

	for (size_t i = 0; i < n; i++) {
		if (!reader_item_text(r, "scopes", pair->value->items[i], &text))
			continue;
		if (!arena_reserve(&r->config->arena, scopes->items, scopes->n, scopes->cap)) {
			reader_no_memory(r);
			return;
		}
		scopes->items[scopes->n++] = text;
	}
}

static void read_oauth2(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_oauth2 *oauth2 = &((struct config_client *)out)->oauth2;
	struct pos pos = pair->key->pos;

	if (pair->value->null)
		return;
	oauth2->set = true;
	schema_read(r, &oauth2_schema, pair->value, oauth2);
	if (!text_set(&oauth2->client_id))
		diag_error(r->diag, pos, "oauth2 client_id must be configured");
	if (!text_set(&oauth2->token_url))
		diag_error(r->diag, pos, "oauth2 token_url must be configured");
	if (both_set(&oauth2->client_secret))
		diag_error(r->diag, pos,
			"at most one of oauth2 client_secret, client_secret_file & "
			"client_secret_ref must be configured");
	check_proxy(r, pair->value, &oauth2->http, true);
}

void config_read_mail_oauth2(
	struct reader *r, const struct tree_pair *pair, struct config_oauth2 *oauth2)
{
	static char google[] = "https://oauth2.googleapis.com/token";
	struct pos pos = pair->key->pos;

	if (pair->value->null)
		return;
	oauth2->set = true;
	schema_read(r, &mail_oauth2_schema, pair->value, oauth2);
	if (!text_set(&oauth2->client_id))
		diag_error(r->diag, pos, "oauth2 client_id must be configured");
	if (!text_set(&oauth2->refresh_token.value) && !text_set(&oauth2->refresh_token.file))
		diag_error(r->diag, pos,
			"oauth2 refresh_token_file must be configured: access tokens are made of it");
	if (both_set(&oauth2->client_secret) || both_set(&oauth2->refresh_token))
		diag_error(r->diag, pos,
			"of a secret and its _file in oauth2, at most one must be configured");
	if (!text_set(&oauth2->token_url))
		oauth2->token_url.s = google;
	check_proxy(r, pair->value, &oauth2->http, true);
}

void config_check_client(
	struct reader *r, const struct tree_node *node, struct config_client *client)
{
	check_bearer(r, node, &client->http);
	check_credentials(r, node, &client->http);
	check_proxy(r, node, &client->http, true);
	if (client->oauth2.set && client->http.basic_auth)
		diag_error(r->diag, place(node, "oauth2"),
			"at most one of basic_auth, oauth2 & authorization must be configured");
}

void config_read_client(
	struct reader *r, const struct tree_node *node, struct config_client *client)
{
	schema_read(r, &client_schema, node, client);
	config_check_client(r, node, client);
}
