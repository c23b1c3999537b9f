/*
 * address.c - whether host:port and mail addresses are written as they must be.
 */
#include "config/address.h"

#include <ctype.h>
#include "base/num.h"

static bool tell(struct diag *diag, const struct config_text *text, size_t offset, size_t length,
	const char *fault)
{
	diag_error(diag, config_pos_in(text, offset, length), "%s", fault);
	return false;
}

/* Where the port begins (after its colon), or 0 where there is none; *ret_host_len without brackets. */
static size_t find_port(const char *s, size_t *ret_host, size_t *ret_host_len)
{
	const char *end, *colon;

	if (*s == '[') {
		end = strchr(s, ']');
		*ret_host = 1;
		*ret_host_len = end ? (size_t)(end - s) - 1 : strlen(s) - 1;
		return end && end[1] == ':' ? (size_t)(end - s) + 2 : 0;
	}
	colon = strchr(s, ':');
	*ret_host = 0;
	*ret_host_len = colon ? (size_t)(colon - s) : strlen(s);
	return colon ? (size_t)(colon - s) + 1 : 0;
}

static bool host_valid(const char *host, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)host[i];

		if (c <= ' ' || c == 0x7f || strchr("[]\"'<>(){}\\^`|@#?/", c))
			return false;
	}
	return true;
}

static bool check_host_port(
	struct diag *diag, const struct config_text *address, bool need_port, unsigned *ret_port)
{
	const char *s = address->s;
	size_t host, host_len, port = find_port(s, &host, &host_len), len = strlen(s);
	int64_t number;

	if (!port && (need_port || (*s == '[' && s[host_len + 1] != ']')))
		return tell(
			diag, address, 0, len, "missing port in address; write it as host:port");
	if (!port && *s == '[' && s[host_len + 2])
		return tell(diag, address, host_len + 2, 1, "unexpected text after ']'");
	if (*s != '[' && port && strchr(s + port, ':'))
		return tell(diag, address, 0, len,
			"too many colons in address; an IPv6 address needs brackets: [::1]:25");
	if (!host_valid(s + host, host_len))
		return tell(diag, address, host, host_len, "not a valid hostname");
	if (!port)
		return true;
	if (!s[port])
		return tell(diag, address, port - 1, 1, "port cannot be empty");
	if (!isdigit((unsigned char)s[port]) || num_parse_int(s + port, 1, 65535, &number))
		return tell(diag, address, port, strlen(s + port),
			"the port must be a number from 1 to 65535");
	*ret_port = (unsigned)number;
	return true;
}

bool address_check_target(struct diag *diag, const struct config_text *address)
{
	unsigned port;

	if (!*address->s)
		return tell(diag, address, 0, 1, "a target must not be empty");
	if (strchr(address->s, '/')) {
		diag_error(diag, address->pos,
			"\"%s\" is not a valid hostname; a target is host:port, its path goes to "
			"metrics_path and its scheme to scheme",
			address->s);
		return false;
	}
	return check_host_port(diag, address, false, &port);
}

bool address_split(struct diag *diag, const struct config_text *address, struct arena *arena,
	char **ret_host, unsigned *ret_port)
{
	size_t host, host_len;
	unsigned port = 0;

	if (!check_host_port(diag, address, true, &port))
		return false;
	find_port(address->s, &host, &host_len);
	if (!host_len)
		return tell(diag, address, 0, 1, "the host is missing before the port");
	*ret_port = port;
	*ret_host = arena_strndup(arena, address->s + host, host_len);
	return true;
}

/* Characters of an atom (RFC 5322), and with SMTPUTF8 everything beyond ASCII. */
static bool is_atext(unsigned char c)
{
	return isalnum(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static size_t skip_space(const char *s, size_t at)
{
	return at + strspn(s + at, " \t\r\n");
}

/* Past a quoted string that begins at `at`, or 0 where it does not end. */
static size_t skip_quoted(const char *s, size_t at)
{
	for (at++; s[at] && s[at] != '"'; at++) {
		if (s[at] == '\\' && s[at + 1])
			at++;
	}
	return s[at] ? at + 1 : 0;
}

static size_t skip_dot_atom(const char *s, size_t at)
{
	size_t from = at;

	for (;;) {
		if (!is_atext((unsigned char)s[at]))
			return from;
		while (is_atext((unsigned char)s[at]))
			at++;
		if (s[at] != '.')
			return at;
		at++;
	}
}

/* local@domain from `at` on: its end, or `at` where there is none. */
static size_t skip_addr_spec(const char *s, size_t at)
{
	size_t local = *(s + at) == '"' ? skip_quoted(s, at) : skip_dot_atom(s, at), domain, end;

	if (local <= at || s[local] != '@')
		return at;
	domain = local + 1;
	if (s[domain] == '[') {
		end = domain + strcspn(s + domain, "]");
		return s[end] ? end + 1 : at;
	}
	end = skip_dot_atom(s, domain);
	return end > domain ? end : at;
}

/* The words before <...>: atoms, quoted strings and dots. */
static size_t skip_display_name(const char *s, size_t at)
{
	size_t end;

	for (;;) {
		at = skip_space(s, at);
		if (s[at] == '"') {
			end = skip_quoted(s, at);
			if (!end)
				return at;
			at = end;
		} else if (is_atext((unsigned char)s[at]) || s[at] == '.') {
			at++;
		} else {
			return at;
		}
	}
}

/* One mailbox: its end, or 0 where it is none. */
static size_t skip_mailbox(const char *s, size_t at)
{
	size_t end = skip_addr_spec(s, at), after;

	if (end > at) {
		after = skip_space(s, end);
		if (!s[after] || s[after] == ',')
			return end;
	}
	at = skip_display_name(s, at);
	if (s[at] != '<')
		return 0;
	end = skip_addr_spec(s, at + 1);
	return end > at + 1 && s[end] == '>' ? end + 1 : 0;
}

bool address_check_mail(struct diag *diag, const struct config_text *list, size_t max)
{
	const char *s = list->s;
	size_t at = 0, end, n = 0;

	if (strstr(s, "{{"))
		return true;
	for (;;) {
		/* Empty entries are let pass, as net/mail does. */
		for (at = skip_space(s, at); s[at] == ','; at = skip_space(s, at + 1))
			;
		if (!s[at] && n)
			return true;
		end = skip_mailbox(s, at);
		if (!end)
			return tell(diag, list, at, strcspn(s + at, ","),
				"not a mail address; write it as name@example.org or "
				"Name <name@example.org>");
		if (++n > max)
			return tell(diag, list, at, end - at, "one mail address is allowed here");
		at = skip_space(s, end);
		if (s[at] && s[at] != ',')
			return tell(diag, list, at, 1, "a comma must stand between mail addresses");
	}
}
