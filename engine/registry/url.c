#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/registry/url.h"

static size_t scheme_length(const char *url)
{
	if (strncasecmp(url, "https://", 8) == 0)
		return 8;
	return strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
}

static bool url_printable(const char *url)
{
	for (; *url; url++) {
		/* Some parsers treat a backslash as a slash: refuse it, the host must be unambiguous. */
		if ((unsigned char)*url <= ' ' || (unsigned char)*url >= 127 || *url == '\\')
			return false;
	}
	return true;
}

char *url_origin(const char *url)
{
	size_t scheme = scheme_length(url);
	size_t host = strcspn(url + scheme, "/?#");
	char *origin;
	const char *port;

	if (!scheme || !host || memchr(url + scheme, '@', host) || !url_printable(url))
		return NULL;
	origin = mem_strndup(url, scheme + host);
	for (char *c = origin; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	port = strrchr(origin + scheme, ':');
	if (port && strcmp(port, scheme == 8 ? ":443" : ":80") == 0)
		origin[port - origin] = '\0';
	return origin;
}

char *url_resolve(const char *url, const char *location)
{
	size_t scheme = scheme_length(url);
	size_t host = scheme + strcspn(url + scheme, "/?#");
	size_t path = host + strcspn(url + host, "?#");
	cleanup_free char *origin = NULL;
	char *whole;

	if (scheme_length(location)) {
		whole = mem_strdup(location);
	} else if (strncmp(location, "//", 2) == 0) {
		whole = mem_printf("%.*s%s", (int)(scheme - 2), url, location);
	} else if (*location == '/') {
		whole = mem_printf("%.*s%s", (int)host, url, location);
	} else {
		while (path > host && url[path - 1] != '/')
			path--;
		whole = mem_printf("%.*s%s%s", (int)path, url, path == host ? "/" : "", location);
	}
	origin = url_origin(whole);
	if (!origin) {
		free(whole);
		return NULL;
	}
	return whole;
}

bool url_loopback(const char *host)
{
	size_t scheme = scheme_length(host);
	size_t len;

	host += scheme;
	if (strncmp(host, "[::1]", 5) == 0)
		return host[5] == '\0' || host[5] == ':';
	len = strcspn(host, ":");
	if (len == 9 && strncasecmp(host, "localhost", 9) == 0)
		return true;
	return len > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len;
}

void url_escape(struct buf *out, const char *value)
{
	for (; *value; value++) {
		if (isalnum((unsigned char)*value) || strchr("-._~", *value))
			buf_char(out, *value);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
	}
}
