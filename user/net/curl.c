/*
 * curl.c - libcurl, loaded when somebody first asks for it.
 *
 * Linked the usual way it would be the greatest part of tolld's memory by far, with thirty libraries behind
 * it (LDAP, Kerberos, SSH, a second TLS), where most of the time nobody needs it: targets on this
 * machine are asked without it (http.h), and mails are rare. So its functions are defined here, each one
 * handing over to the real one. Who calls one that is not in the list below adds a line.
 *
 * Only for the main thread, as all of tolld's use of libcurl is.
 */
#define CURL_DISABLE_TYPECHECK
#include "net/net.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>

/* These two are macros over functions with a variable argument. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define LIBCURL "libcurl-gnutls.so.4"

/* What is called, with its arguments, and what comes back where there is no libcurl. */
#define FUNCTIONS(F)                                                                               \
	F(CURLcode, curl_global_init, (long flags), (flags), CURLE_FAILED_INIT)                    \
	F(CURL *, curl_easy_init, (void), (), NULL)                                                \
	F(CURLcode, curl_easy_perform, (CURL * easy), (easy), CURLE_FAILED_INIT)                   \
	F(CURLcode, curl_easy_recv, (CURL * easy, void *bytes, size_t len, size_t *n),             \
		(easy, bytes, len, n), CURLE_FAILED_INIT)                                          \
	F(CURLcode, curl_easy_send, (CURL * easy, const void *bytes, size_t len, size_t *n),       \
		(easy, bytes, len, n), CURLE_FAILED_INIT)                                          \
	F(const char *, curl_easy_strerror, (CURLcode code), (code), fault)                        \
	F(CURLM *, curl_multi_init, (void), (), NULL)                                              \
	F(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL * easy), (multi, easy),           \
		CURLM_INTERNAL_ERROR)                                                              \
	F(CURLMcode, curl_multi_remove_handle, (CURLM * multi, CURL * easy), (multi, easy),        \
		CURLM_INTERNAL_ERROR)                                                              \
	F(CURLMcode, curl_multi_assign, (CURLM * multi, curl_socket_t fd, void *ptr),              \
		(multi, fd, ptr), CURLM_INTERNAL_ERROR)                                            \
	F(CURLMcode, curl_multi_cleanup, (CURLM * multi), (multi), CURLM_INTERNAL_ERROR)           \
	F(CURLMsg *, curl_multi_info_read, (CURLM * multi, int *left), (multi, left), NULL)        \
	F(CURLMcode, curl_multi_socket_action,                                                     \
		(CURLM * multi, curl_socket_t fd, int events, int *running),                       \
		(multi, fd, events, running), CURLM_INTERNAL_ERROR)                                \
	F(struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text),    \
		(list, text), NULL)                                                                \
	F(CURLU *, curl_url, (void), (), NULL)                                                     \
	F(CURLUcode, curl_url_get, (CURLU * url, CURLUPart part, char **ret, unsigned flags),      \
		(url, part, ret, flags), CURLUE_OUT_OF_MEMORY)                                     \
	F(CURLUcode, curl_url_set,                                                                 \
		(CURLU * url, CURLUPart part, const char *text, unsigned flags),                   \
		(url, part, text, flags), CURLUE_OUT_OF_MEMORY)

#define PROCEDURES(F)                                                                              \
	F(curl_easy_cleanup, (CURL * easy), (easy))                                                \
	F(curl_free, (void *text), (text))                                                         \
	F(curl_global_cleanup, (void), ())                                                         \
	F(curl_slist_free_all, (struct curl_slist * list), (list))                                 \
	F(curl_url_cleanup, (CURLU * url), (url))

#define VARIADIC(F) F(curl_easy_setopt) F(curl_easy_getinfo) F(curl_multi_setopt)

#define FUNCTION_POINTER(type, name, params, args, failure) __typeof__(name) *name;
#define PROCEDURE_POINTER(name, params, args)		    __typeof__(name) *name;
#define VARIADIC_POINTER(name)				    __typeof__(name) *name;

static struct {
	FUNCTIONS(FUNCTION_POINTER)
	PROCEDURES(PROCEDURE_POINTER)
	VARIADIC(VARIADIC_POINTER)
} lib;

#define FUNCTION_NAME(type, name, params, args, failure) { #name, &lib.name },
#define PROCEDURE_NAME(name, params, args)		 { #name, &lib.name },
#define VARIADIC_NAME(name)				 { #name, &lib.name },

static const struct {
	const char *name;
	void *at; /* a pointer to a function */
} symbols[] = { FUNCTIONS(FUNCTION_NAME) PROCEDURES(PROCEDURE_NAME) VARIADIC(VARIADIC_NAME) };

static char fault[300];

/* Never unloaded: it keeps what it made for as long as the process lives. */
static bool load(void)
{
	static bool tried;
	void *handle;

	if (tried)
		return !*fault;
	tried = true;
	handle = dlopen(LIBCURL, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; handle && i < ARRAY_SIZE(symbols); i++) {
		void *symbol = dlsym(handle, symbols[i].name);

		if (!symbol) {
			handle = NULL;
			break;
		}
		memcpy(symbols[i].at, &symbol, sizeof(symbol));
	}
	if (!handle)
		snprintf(fault, sizeof(fault), "libcurl cannot be used: %s", dlerror());
	return !*fault;
}

const char *net_fault(void)
{
	return load() ? NULL : fault;
}

#define DEFINE_FUNCTION(type, name, params, args, failure)                                         \
	type name params                                                                           \
	{                                                                                          \
		return load() ? lib.name args : failure;                                           \
	}
FUNCTIONS(DEFINE_FUNCTION)

#define DEFINE_PROCEDURE(name, params, args)                                                       \
	void name params                                                                           \
	{                                                                                          \
		if (load())                                                                        \
			lib.name args;                                                             \
	}
PROCEDURES(DEFINE_PROCEDURE)

/* The number of an option tells the type of its value. */
#define HAND_OVER(function, handle, option, failure)                                               \
	({                                                                                         \
		__typeof__(failure) code_ = (failure);                                             \
		va_list args_;                                                                     \
                                                                                                   \
		va_start(args_, option);                                                           \
		if (!load())                                                                       \
			code_ = (failure);                                                         \
		else if ((int)(option) / CURLOPTTYPE_OBJECTPOINT ==                                \
			 CURLOPTTYPE_OFF_T / CURLOPTTYPE_OBJECTPOINT)                              \
			code_ = function(handle, option, va_arg(args_, curl_off_t));               \
		else if ((int)(option) / CURLOPTTYPE_OBJECTPOINT == 0)                             \
			code_ = function(handle, option, va_arg(args_, long));                     \
		else                                                                               \
			code_ = function(handle, option, va_arg(args_, void *));                   \
		va_end(args_);                                                                     \
		code_;                                                                             \
	})

CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
	return HAND_OVER(lib.curl_easy_setopt, easy, option, CURLE_FAILED_INIT);
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
	return HAND_OVER(lib.curl_multi_setopt, multi, option, CURLM_INTERNAL_ERROR);
}

CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
	CURLcode code = CURLE_FAILED_INIT;
	va_list args;

	va_start(args, info);
	if (load())
		code = lib.curl_easy_getinfo(easy, info, va_arg(args, void *));
	va_end(args);
	return code;
}
