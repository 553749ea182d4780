#include "config.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/remote.h"

bool remote_is(const char *path)
{
	static const char *const schemes[] = { "http://", "https://", "git://", "ssh://" };
	const char *at = path;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncmp(path, schemes[i], strlen(schemes[i])) == 0)
			return true;
	while (isalnum((unsigned char)*at) || *at == '-' || *at == '_')
		at++;
	if (at == path || *at != '@')
		return false;
	for (at++; isalnum((unsigned char)*at) || *at == '-' || *at == '.';)
		at++;
	return at[-1] != '@' && *at == ':'; /* user@host:path */
}

bool remote_is_context(const char *value)
{
	return remote_is(value) || strncmp(value, "github.com/", 11) == 0;
}

bool remote_is_git(const char *url)
{
	size_t len = strcspn(url, "#?");

	return strncmp(url, "http", 4) != 0 || (len > 4 && strncmp(url + len - 4, ".git", 4) == 0);
}

bool remote_is_commit(const char *url)
{
	const char *ref = strchr(url, '#');
	size_t len = ref ? strspn(ref + 1, "0123456789abcdef") : 0;

	return (len == 40 || len == 64) && (!ref[len + 1] || ref[len + 1] == ':');
}

/* The authority: "user:password@host:22". Points into `authority`. */
static const char *host_of(const char *authority, size_t *len)
{
	const char *host = authority;

	for (size_t i = 0; i < *len; i++) {
		if (authority[i] == '@')
			host = authority + i + 1;
	}
	*len -= (size_t)(host - authority);
	return host;
}

static int without_end(const char *path)
{
	size_t len = strcspn(path, "?#");

	while (len > 0 && path[len - 1] == '/')
		len--;
	if (len > 4 && strncmp(path + len - 4, ".git", 4) == 0)
		len -= 4;
	return (int)len;
}

char *remote_url(const char *url)
{
	const char *scheme = strstr(url, "://"), *rest = scheme ? scheme + 3 : url, *path;
	bool web = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
	size_t len = strcspn(rest, "/");
	const char *host;

	if (scheme && !web && strncmp(url, "ssh://", 6) != 0 && strncmp(url, "git+ssh://", 10) != 0)
		return NULL;
	if (!scheme) { /* "user@host:path" */
		const char *colon = strchr(url, ':');

		if (!colon || strcspn(url, "/") < (size_t)(colon - url))
			return NULL;
		len = (size_t)(colon - url);
	}
	path = rest + len + (rest[len] != '\0');
	host = host_of(rest, &len);
	if (scheme && !web) /* ssh's port is not the web server's */
		len = strcspn(host, ":") < len ? strcspn(host, ":") : len;
	if (len == 0 || !*path)
		return NULL;
	return mem_printf("%s://%.*s/%.*s", strncmp(url, "http://", 7) == 0 ? "http" : "https", (int)len, host,
			  without_end(path), path);
}
