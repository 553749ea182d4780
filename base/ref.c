#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/ref.h"

/* The grammar is that of distribution/reference, reference.go and normalize.go. */

#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DOMAIN "index.docker.io"
#define OFFICIAL "library/"
#define REPOSITORY_MAX 255
#define TAG_MAX 128
#define NAME_MAX_LEN 128

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_low(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool ref_is_alnum(char c)
{
	return is_low(c) || (c >= 'A' && c <= 'Z');
}

static bool ref_is_word(char c)
{
	return ref_is_alnum(c) || c == '_' || c == '.' || c == '-';
}

/* Like strspn, which builds a table of its long lists on every call. */
static size_t span(const char *s, bool (*counts)(char))
{
	size_t len = 0;

	while (counts(s[len]))
		len++;
	return len;
}

bool ref_tag_valid(const char *tag)
{
	size_t len = strlen(tag);

	if (len < 1 || len > TAG_MAX || *tag == '.' || *tag == '-')
		return false;
	return span(tag, ref_is_word) == len;
}

bool ref_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 1 || len > NAME_MAX_LEN || !ref_is_alnum(*name))
		return false;
	return span(name, ref_is_word) == len;
}

/* Host names are components of letters, digits and inner dashes, joined by dots. */
static bool host_valid(const char *host, size_t len)
{
	char before = '.';

	if (len == 0)
		return false;
	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? host[i] : '.';

		if (c == '.') {
			if (before == '.' || before == '-')
				return false;
		} else if (c == '-') {
			if (before == '.')
				return false;
		} else if (!ref_is_alnum(c)) {
			return false;
		}
		before = c;
	}
	return true;
}

static bool domain_valid(const char *domain)
{
	size_t host;

	if (*domain == '[') {
		host = 1 + strspn(domain + 1, DIGITS "abcdefABCDEF:");
		if (host == 1 || domain[host] != ']')
			return false;
		host++;
	} else {
		host = strcspn(domain, ":");
		if (!host_valid(domain, host))
			return false;
	}
	if (domain[host] == '\0')
		return true;
	if (domain[host] != ':')
		return false;
	return domain[host + 1] && domain[host + 1 + strspn(domain + host + 1, DIGITS)] == '\0';
}

/* What may separate the alphanumeric parts of a component: one of . and _, two of _, or any number of dashes. */
static bool separator_valid(const char *separator, size_t len)
{
	if (len == 1)
		return true;
	if (len == 2 && memcmp(separator, "__", 2) == 0)
		return true;
	return strspn(separator, "-") >= len;
}

static bool component_valid(const char *component, size_t len)
{
	const char *end = component + len;
	size_t n = span(component, is_low);

	while (n > 0) {
		component += n;
		if (component >= end)
			return true;
		n = strspn(component, "._-");
		if (n == 0 || !separator_valid(component, n))
			return false;
		component += n;
		n = span(component, is_low);
	}
	return false;
}

static bool repository_valid(const char *repository)
{
	for (;;) {
		size_t len = strcspn(repository, "/");

		if (!component_valid(repository, len))
			return false;
		if (!repository[len])
			return true;
		repository += len + 1;
	}
}

/* 64 hexadecimal digits would look like an image id, so a name may not consist of them. */
static bool is_identifier(const char *s)
{
	return strlen(s) == DIGEST_HEX && strspn(s, DIGITS "abcdef") == DIGEST_HEX;
}

/* True when the part before the first slash is a registry rather than a folder of Docker Hub. */
static bool is_domain(const char *s, size_t len)
{
	if (len == strlen("localhost") && strncmp(s, "localhost", len) == 0)
		return true;
	return strcspn(s, ".:" UPPER) < len;
}

/* Splits tag and digest off `rest`, which becomes the repository. */
static const char *split_rest(char *rest, struct ref *ref)
{
	char *at = strchr(rest, '@');
	char *colon;

	if (at) {
		*at = '\0';
		if (!digest_valid(at + 1))
			return "the digest must be sha256: and 64 lower-case hexadecimal digits";
		ref->digest = mem_strdup(at + 1);
	}
	colon = strchr(rest, ':');
	if (colon) {
		*colon = '\0';
		if (!ref_tag_valid(colon + 1))
			return "the tag must be 1 to 128 of A-Z a-z 0-9 _ . - and not start with . or -";
		ref->tag = mem_strdup(colon + 1);
	}
	return NULL;
}

/* Returns what is wrong with it, or NULL. */
static const char *ref_check_names(const struct ref *ref)
{
	if (!domain_valid(ref->domain))
		return "the registry's host name or port is malformed";
	if (ref->repository[strcspn(ref->repository, UPPER)])
		return "the repository must be lower-case";
	if (!repository_valid(ref->repository))
		return "the repository must be of a-z 0-9, with single . _ or - inside, and slashes between its parts";
	if (strlen(ref->repository) > REPOSITORY_MAX)
		return "the repository must not be longer than 255 characters";
	return NULL;
}

static const char *ref_own_parse(const char *s, struct ref *ref)
{
	cleanup_free char *rest = NULL;
	const char *slash = strchr(s, '/');
	const char *why;

	if (!*s)
		return "it is empty";
	if (is_identifier(s))
		return "64 hexadecimal digits are an image's id, not a name";
	if (slash && is_domain(s, (size_t)(slash - s))) {
		ref->domain = mem_strndup(s, (size_t)(slash - s));
		s = slash + 1;
	} else {
		ref->domain = mem_strdup(DEFAULT_DOMAIN);
	}
	if (strcmp(ref->domain, LEGACY_DOMAIN) == 0) {
		free(ref->domain);
		ref->domain = mem_strdup(DEFAULT_DOMAIN);
	}
	rest = mem_strdup(s);
	why = split_rest(rest, ref);
	if (why)
		return why;
	if (strcmp(ref->domain, DEFAULT_DOMAIN) == 0 && !strchr(rest, '/'))
		ref->repository = mem_printf(OFFICIAL "%s", rest);
	else
		ref->repository = mem_strdup(rest);
	return ref_check_names(ref);
}

bool ref_parse(const char *s, struct ref *ret, const char **ret_why)
{
	struct ref ref = { 0 };
	const char *why = ref_own_parse(s, &ref);

	if (why) {
		ref_free(&ref);
		if (ret_why)
			*ret_why = why;
		return false;
	}
	*ret = ref;
	return true;
}

void ref_free(struct ref *ref)
{
	free(ref->domain);
	free(ref->repository);
	free(ref->tag);
	free(ref->digest);
	*ref = (struct ref){ 0 };
}

static bool same_version(const struct ref *a, const struct ref *b)
{
	if (a->digest || b->digest)
		return a->digest && b->digest && strcmp(a->digest, b->digest) == 0;
	return strcmp(a->tag ? a->tag : "latest", b->tag ? b->tag : "latest") == 0;
}

bool ref_same(const char *a, const char *b)
{
	struct ref one = { 0 };
	struct ref other = { 0 };
	bool same = ref_parse(a, &one, NULL) && ref_parse(b, &other, NULL) && strcmp(one.domain, other.domain) == 0 &&
		    strcmp(one.repository, other.repository) == 0 && same_version(&one, &other);

	ref_free(&one);
	ref_free(&other);
	return same;
}
