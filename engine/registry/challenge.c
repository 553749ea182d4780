#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/io/http.h"
#include "engine/registry/challenge.h"

#define SPACES " \t,"
#define TOKEN_END " \t,=\""

/* The value after '=': a token or a quoted string. Moves *at past it. */
static char *take_value(const char **at)
{
	struct buf text = { 0 };

	if (**at != '"') {
		size_t len = strcspn(*at, " \t,");
		char *value = mem_strndup(*at, len);

		*at += len;
		return value;
	}
	for (++*at; **at && **at != '"'; ++*at) {
		if (**at == '\\' && (*at)[1])
			++*at;
		buf_char(&text, **at);
	}
	if (**at)
		++*at;
	return buf_steal(&text);
}

static void set_parameter(struct challenge *challenge, const char *name, size_t len, char *value)
{
	char **where = len == 5 && strncasecmp(name, "realm", 5) == 0     ? &challenge->realm
		       : len == 7 && strncasecmp(name, "service", 7) == 0 ? &challenge->service
		       : len == 5 && strncasecmp(name, "scope", 5) == 0   ? &challenge->scope
									  : NULL;

	if (!where || *where) {
		free(value);
		return;
	}
	*where = value;
}

static enum challenge_kind kind_of(const char *name, size_t len)
{
	if (len == 6 && strncasecmp(name, "Bearer", 6) == 0)
		return CHALLENGE_BEARER;
	return len == 5 && strncasecmp(name, "Basic", 5) == 0 ? CHALLENGE_BASIC : CHALLENGE_NONE;
}

/* Keeps the better of the two and frees the other. */
static void prefer(struct challenge *best, struct challenge *found)
{
	if (found->kind > best->kind) {
		challenge_free(best);
		*best = *found;
		*found = (struct challenge){ 0 };
	}
	challenge_free(found);
}

/* A header may contain several challenges: a word without '=' begins a new one. */
static void parse_header(const char *at, struct challenge *best)
{
	struct challenge current = { 0 };

	for (at += strspn(at, SPACES); *at; at += strspn(at, SPACES)) {
		size_t len = strcspn(at, TOKEN_END);
		const char *behind = at + len + strspn(at + len, " \t");

		if (len == 0)
			break; /* malformed: use what was read so far */
		if (*behind == '=') {
			const char *name = at;

			at = behind + 1 + strspn(behind + 1, " \t");
			set_parameter(&current, name, len, take_value(&at));
		} else {
			prefer(best, &current);
			current = (struct challenge){ .kind = kind_of(at, len) };
			at += len;
		}
	}
	prefer(best, &current);
}

void challenge_parse(const struct http_response *response, struct challenge *ret)
{
	struct challenge best = { 0 };
	char *header;

	for (size_t i = 0; (header = http_header(response, "WWW-Authenticate", i)) != NULL; i++) {
		parse_header(header, &best);
		free(header);
	}
	*ret = best;
}

void challenge_free(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct challenge){ 0 };
}
