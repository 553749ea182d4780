#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/redact.h"
#include "base/text.h"

#define HIDDEN "***"
#define NAME_MAX_LEN 128
#define TOKEN_MIN 8 /* bytes after "Bearer "; shorter is an ordinary word */

/* Query parameters of the distribution API and of token servers; any other may be a signature. */
#define SHOWN_QUERIES "service scope account digest from mount n last artifactType platform all name reference filters"

struct redactor {
	char **values;
	size_t len, cap;
};

struct redaction {
	const struct redactor *redactor;
	const char *start, *at;
	struct buf *out;
	bool word, url;
};

bool redact_is_secret(const char *name)
{
	static const char *const signs[] = { "TOKEN", "SECRET", "PASS", "CREDENTIAL", "AUTH", "KEY" };

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strcasestr(name, signs[i]))
			return true;
	return false;
}

void redactor_add(struct redactor *redactor, const char *value)
{
	if (strlen(value) < REDACT_MIN)
		return;
	mem_reserve(&redactor->values, &redactor->cap, redactor->len + 1, sizeof(*redactor->values));
	redactor->values[redactor->len++] = mem_strdup(value);
}

struct redactor *redactor_new(const char *const *environ)
{
	struct redactor *redactor = mem_alloc(sizeof(*redactor));

	for (; *environ; environ++) {
		const char *value = strchr(*environ, '=');
		cleanup_free char *name = value ? mem_strndup(*environ, (size_t)(value - *environ)) : NULL;

		if (name && redact_is_secret(name))
			redactor_add(redactor, value + 1);
	}
	return redactor;
}

void redactor_free(struct redactor *redactor)
{
	if (!redactor)
		return;
	for (size_t i = 0; i < redactor->len; i++)
		free(redactor->values[i]);
	free(redactor->values);
	free(redactor);
}

static bool redact_is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static void redact_keep(struct redaction *r, size_t len)
{
	buf_add(r->out, r->at, len);
	r->at += len;
}

static void redact_hide(struct redaction *r, size_t len)
{
	buf_str(r->out, HIDDEN);
	r->at += len;
}

static bool hide_known(struct redaction *r)
{
	for (size_t i = 0; i < r->redactor->len; i++) {
		size_t len = strlen(r->redactor->values[i]);

		if (strncmp(r->at, r->redactor->values[i], len) == 0) {
			redact_hide(r, len);
			return true;
		}
	}
	return false;
}

/* "://user:password@" */
static bool hide_login(struct redaction *r)
{
	size_t len, login = 0;

	if (strncmp(r->at, "://", 3) != 0)
		return false;
	redact_keep(r, 3);
	r->url = true;
	len = strcspn(r->at, "/?# \t\r\n\"'<>");
	for (size_t i = 0; i < len; i++)
		if (r->at[i] == '@')
			login = i;
	if (login > 0)
		redact_hide(r, login);
	return true;
}

/* "?name=value" of a URL */
static bool hide_query(struct redaction *r)
{
	size_t name = strcspn(r->at + 1, "=&# \t\r\n\"'<>"), value;
	cleanup_free char *word = NULL;

	if (!r->url || (*r->at != '?' && *r->at != '&') || r->at[1 + name] != '=')
		return false;
	word = mem_strndup(r->at + 1, name);
	redact_keep(r, name + 2);
	value = strcspn(r->at, "&# \t\r\n\"'<>");
	if (value > 0 && !text_listed(SHOWN_QUERIES, word))
		redact_hide(r, value);
	return true;
}

/* "Authorization: ..." and "Bearer ..." */
static bool hide_header(struct redaction *r)
{
	static const char *const heads[] = { "authorization:", "bearer ", "basic " };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		size_t len = strlen(heads[i]), rest;

		if (strncasecmp(r->at, heads[i], len) != 0)
			continue;
		rest = strcspn(r->at + len, i == 0 ? "\r\n\"" : " \t\r\n\"'");
		if (i > 0 && rest < TOKEN_MIN)
			return false;
		redact_keep(r, len);
		redact_hide(r, rest);
		return true;
	}
	return false;
}

static bool is_upper(const char *name)
{
	for (; *name; name++)
		if (islower((unsigned char)*name))
			return false;
	return true;
}

/* The length of a name's value; *ret_between is what separates them; 0: no value. Colons also occur in sentences,
 * so they count only after a quoted name or one in capitals. */
static size_t redact_value(const struct redaction *r, const char *name, size_t len, bool quoted, size_t *ret_between)
{
	const char *at = r->at + len;
	const char *stops = r->word ? "" : " \t\r\n\"'";

	at += quoted && (*at == '"' || *at == '\'');
	if (*at != '=' && !(*at == ':' && (quoted || is_upper(name))))
		return 0;
	if (*at == ':' && !strchr(" \t\"'", at[1]))
		return 0;
	at++;
	if (at[-1] == ':')
		at += strspn(at, " \t");
	if (*at == '"' || *at == '\'') {
		stops = *at == '"' ? "\"" : "'";
		at++;
	}
	if (strncmp(at, "id=", 3) == 0)
		return 0; /* "--secret=id=npm,src=FILE" names it */
	*ret_between = (size_t)(at - r->at) - len;
	return strcspn(at, stops);
}

/* "TOKEN=value". A name that does not sound like a secret is kept as it is. */
static bool hide_value(struct redaction *r)
{
	char before = r->at > r->start ? r->at[-1] : '\0';
	size_t len = 0, between = 0, value = 0;

	while (redact_is_name(r->at[len]))
		len++;
	if (len == 0 || redact_is_name(before))
		return false;
	if (len <= NAME_MAX_LEN) {
		cleanup_free char *name = mem_strndup(r->at, len);

		if (redact_is_secret(name))
			value = redact_value(r, name, len, before == '"' || before == '\'', &between);
	}
	if (value == 0)
		return false;
	redact_keep(r, len + between);
	redact_hide(r, value);
	return true;
}

void redactor_text(const struct redactor *redactor, const char *text, bool word, struct buf *out)
{
	struct redaction r = { .redactor = redactor, .start = text, .at = text, .out = out, .word = word };

	while (*r.at) {
		if (hide_known(&r) || hide_login(&r) || hide_query(&r) || hide_header(&r) || hide_value(&r))
			continue;
		if (strchr(" \t\r\n\"'<>", *r.at))
			r.url = false;
		redact_keep(&r, 1);
	}
}
