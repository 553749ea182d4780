#ifndef ENGINE_SOURCE_DOCKERFILE_H
#define ENGINE_SOURCE_DOCKERFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/platform.h"

struct arena;
struct error;

/*
 * Reads Dockerfiles to find out what a build uses: which images, and which files of its contexts. This does not decide
 * how to build. Whatever cannot be determined widens to the whole context.
 */
struct dockerfile;

/* Never refuses what a builder might accept: unknown syntax only makes the result `whole`. ERROR_USAGE
 * ("<name>:<line>: ...") for what no builder accepts (no FROM, an invalid stage name, a misspelt instruction). */
int dockerfile_parse(const char *text, size_t len, const char *name, struct dockerfile **ret, struct error **err);
void dockerfile_free(struct dockerfile *dockerfile); /* NULL-safe */
/* The line that such an error is about and *ret_text, what it says of it; 0: the message has no line. */
unsigned dockerfile_error_line(const char *message, const char *name, const char **ret_text);
/* The name of the stage that `name` may be a misspelling of, or NULL; also NULL for a stage's own name. */
const char *dockerfile_stage_like(const struct dockerfile *dockerfile, const char *name);

#define DOCKERFILE_UNTOLD "?"

enum image_use { IMAGE_FROM, IMAGE_COPY, IMAGE_MOUNT };

/* An image from outside the Dockerfile (a base, another service, a named context); one entry for each mention. */
struct dockerfile_image {
	const char *name; /* variables resolved, otherwise as written */
	enum image_use use;
	struct platform platform; /* FROM: its --platform, else the target; COPY and mounts: the target, as BuildKit does */
	bool context;             /* the name is one of `contexts` below */
	bool base; /* the base of the result's own layers: the FROM of the target stage, or of the stage that it is FROM, and so on; at most one */
	bool env_read; /* what is used depends on the variables that the image has */
	unsigned line;
	size_t offset,
		length; /* the bytes of the name as written, to rewrite it. Length 0: it is not in the text but in an ONBUILD of the base */
};

/* A path (glob.h pattern) of a context that counts: the entry it names and everything below it. */
struct dockerfile_source {
	const char *context; /* NULL: the main one, else the name of a named context */
	const char *pattern; /* cleaned, relative, no leading slash; "" or "." never: then the context is `whole` */
	bool parents;        /* COPY --parents: parent folders are copied too (struct filter's `parents`) */
	const char *exclude; /* COPY --exclude: an ignore file's text, applied below the folders it names; or NULL */
	unsigned line;       /* 0: it is in an ONBUILD of the base, not in the text */
	size_t offset;       /* in the text; SIZE_MAX: only the line is known */
};

/* What an ADD fetches, once a mention: the builder gets it, no context holds it. */
struct dockerfile_url {
	const char *url;     /* NULL: it is not known before the build */
	const char *written; /* as in the text */
	bool git;            /* a repository, with "#ref:folder" behind it or not */
	bool pinned;         /* it cannot become another one: by --checksum, or because it is a commit */
	unsigned line;
	size_t add; /* where the word ADD stands in the text, */
	size_t offset,
		length; /* and the URL, when it is the instruction's only source. Length 0: it cannot be written anew there */
};

struct dockerfile_arg {
	const char *name;
	const char *value; /* NULL: declared without a value */
};

struct dockerfile_options {
	const struct dockerfile_arg *args; /* the given build arguments */
	size_t args_len;
	const char *target;             /* or NULL: the last stage */
	struct platform platform;       /* of the target */
	struct platform build_platform; /* $BUILDPLATFORM: the builder's own */
	const char *const *contexts;    /* names of the named contexts (additional_contexts) */
	size_t contexts_len;
	/* The ONBUILD instructions of an image from outside, one per line. NULL, like having no function: none.
	 * DOCKERFILE_UNTOLD stands for an instruction that cannot be determined. */
	const char *(*triggers)(void *data, const struct dockerfile_image *base);
	/* The value of a variable in such an image's config; *ret NULL: it is not set. False, like having no function: only the builder
	 * knows. */
	bool (*variable)(void *data, const struct dockerfile_image *base, const char *name, const char **ret);
	void *data;
	bool asks; /* dockerfile_use.asks is wanted */
};

/* What a build can be given: an argument, a secret or an ssh agent, once a name. */
enum ask_kind { ASK_ARG, ASK_SECRET, ASK_SSH, ASK_KINDS };
struct dockerfile_ask {
	const char *name;
	const char *value; /* of an argument: its value; NULL: it has none, or only the builder knows it */
	bool required;     /* the others: a step fails without it */
	unsigned line;     /* where it is declared or first asked for */
};

struct dockerfile_use {
	struct dockerfile_image *images;
	size_t images_len;
	struct dockerfile_source *sources;
	size_t sources_len;
	struct dockerfile_url *urls;
	size_t urls_len;
	bool whole;                  /* the whole main context counts */
	const char *whole_why;       /* a sentence: "COPY source ${X} is not known before the build (line 12)" */
	const char **whole_contexts; /* named contexts that count as a whole */
	size_t whole_contexts_len;
	/* RUN steps that mount files: where the last of their flags ends in the text (a closing quote may follow),
	 * ascending. Caches (without `from`), tmpfs, secrets and ssh agents do not count. */
	size_t *mounts;
	size_t mounts_len;
	/* An instruction has a source that is, or may be, below another of its sources: then BuildKit's cache
	 * ignores what a link there leads to. */
	bool covers;
	bool base_mounts;     /* an ONBUILD of a base has such a step, which is not in this text */
	const char *triggers; /* the target stage's ONBUILD instructions, one per line: builds on top of it run them */
	/* The variables that the result's config has beside those of its base; value NULL: only the builder knows it. `env_untold`: or others. */
	const struct dockerfile_arg *env;
	size_t env_len;
	bool env_untold;
	unsigned heredoc_line; /* of the first heredoc, and of the first ADD of a git repository; 0: none */
	unsigned git_line;
	const char *syntax;                     /* of the "# syntax=" line, or NULL */
	struct dockerfile_ask *asks[ASK_KINDS]; /* with dockerfile_options.asks: of the stages that the target needs, by line */
	size_t asks_len[ASK_KINDS];
	bool all_args; /* any argument may be used: the text cannot be understood, or others know of more */
	const char **args_used; /* names of declared ARGs that the reachable stages see (predefined ones included when referenced) */
	size_t args_used_len;
};

/* What building `target` for `platform` uses; everything in `ret` lives in `arena`. ERROR_USAGE when the target
 * does not exist (did you mean) or a stage's platform is invalid. */
int dockerfile_resolve(const struct dockerfile *dockerfile, const struct dockerfile_options *options,
		       struct arena *arena, struct dockerfile_use *ret, struct error **err);

#endif
