#ifndef ENGINE_SOURCE_DOCKERFILE_STAGE_H
#define ENGINE_SOURCE_DOCKERFILE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/source/dockerfile_text.h"

/* The data that dockerfile.c produces and dockerfile_resolve.c works on. */

struct stage {
	const char *name; /* lower case, or NULL */
	const struct instruction *from;
	const struct token *base;       /* the image or stage, as written */
	const char *platform;           /* of --platform, as written, or NULL */
	const struct instruction *body; /* the instructions after FROM */
	size_t body_len;
};

struct dockerfile {
	struct arena *arena;
	const char *name; /* for errors */
	struct instructions text;
	bool foreign;                      /* another frontend reads it, by rules of its own */
	const struct instruction *globals; /* the instructions before the first FROM: only ARG */
	size_t globals_len;
	struct stage *stages;
	size_t stages_len;
	const char *whole_why; /* why the text cannot be understood: a sentence, or NULL */
};

/* The index of the last stage before `end` with that name, or NO_STAGE. */
#define NO_STAGE SIZE_MAX
size_t dockerfile_stage_named(const struct dockerfile *dockerfile, const char *name, size_t end);
/* The flag "--name=value" (or "--name") of an instruction: the token, and the offset of its value in it; NULL when
 * absent. */
const struct token *instruction_flag(const struct instruction *in, const char *name, size_t *ret_value);
bool dockerfile_instruction_known(const char *name);
/* True when `syntax` names the frontend whose rules are implemented here. */
bool dockerfile_syntax_known(const char *syntax);

#endif
