#ifndef ENGINE_SOURCE_DOCKERFILE_TEXT_H
#define ENGINE_SOURCE_DOCKERFILE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct error;

/* Splits a Dockerfile into instructions; everything lives in the given arena. */

/* A word and the positions of its bytes in the file. */
struct token {
	char *text;
	size_t len;
	const size_t *at; /* offset of each byte; NULL when unknown (JSON form) */
};

struct instruction {
	const char *name;    /* upper case */
	unsigned line;       /* its first line, from 1 */
	size_t at;           /* offset of the name in the file; SIZE_MAX inside ONBUILD */
	struct token *flags; /* "--from=x", quotes and escapes resolved */
	size_t flags_len;
	struct token *args; /* FROM, COPY, ADD: words; ARG: "name" or "name=value"; ENV: name, value, ... */
	size_t args_len;
	const char *rest; /* of CMD, ENTRYPOINT, EXPOSE, HEALTHCHECK, ONBUILD, USER and WORKDIR: the text after the flags */
	bool heredoc;     /* it has a heredoc */
	bool bad;         /* builders do not accept its arguments */
	struct instruction *trigger; /* of ONBUILD */
};

struct instructions {
	struct instruction *items;
	size_t len;
	char escape;
	const char *syntax; /* or NULL */
};

/* ERROR_USAGE for a directive or a heredoc that no builder accepts. Sets `ret->syntax` in any case. */
int dockerfile_text_parse(const char *text, size_t len, const char *name, struct arena *arena, struct instructions *ret,
			  struct error **err);

#endif
